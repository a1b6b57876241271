/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd-util.h"
#include "live-grow.h"
#include "string-util.h"

/* Of the kernel's fs/ext4/ext4.h, which is not among its headers for programs. */
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)

/* Of the superblock, ext4(5): it begins at 1024, and all is little-endian. */
#define EXT4_SUPERBLOCK 1024
#define EXT4_BLOCKS_LOW 0x4
#define EXT4_LOG_BLOCK_SIZE 0x18
#define EXT4_INCOMPAT 0x60
#define EXT4_INCOMPAT_64BIT 0x80U
#define EXT4_BLOCKS_HIGH 0x150
#define EXT4_SUPERBLOCK_SIZE 1024U

/* By its number: that is what the kernel says of a mounted file system, and sysfs has its name. */
static int open_device(dev_t device, uint64_t *ret_size) {
        _cleanup_free_ char *link = NULL, *target = NULL, *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = asprintf_to(&link, "/sys/dev/block/%u:%u", major(device), minor(device));
        if (r < 0)
                return r;
        target = realpath(link, NULL);
        if (!target)
                return -errno;
        r = asprintf_to(&path, "/dev/%s", basename(target));
        if (r < 0)
                return r;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        if (ioctl(fd, BLKGETSIZE64, ret_size) < 0)
                return -errno;

        return TAKE_FD(fd);
}

static uint32_t get_le32(const uint8_t *p) {
        return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

/* From the superblock: statfs(2) leaves out what the file system needs for itself. */
static int ext4_size(int device_fd, uint64_t *ret_blocks, uint64_t *ret_block_size) {
        uint8_t superblock[EXT4_SUPERBLOCK_SIZE];
        uint32_t log_block_size;
        uint64_t blocks;
        ssize_t n;

        n = pread(device_fd, superblock, sizeof(superblock), EXT4_SUPERBLOCK);
        if (n < 0)
                return -errno;
        if (n != (ssize_t) sizeof(superblock))
                return -EIO;

        log_block_size = get_le32(superblock + EXT4_LOG_BLOCK_SIZE);
        if (log_block_size > 6)
                return -EIO;
        blocks = get_le32(superblock + EXT4_BLOCKS_LOW);
        if (get_le32(superblock + EXT4_INCOMPAT) & EXT4_INCOMPAT_64BIT)
                blocks |= (uint64_t) get_le32(superblock + EXT4_BLOCKS_HIGH) << 32;

        *ret_blocks = blocks;
        *ret_block_size = (uint64_t) 1024 << log_block_size;
        return 0;
}

static int grow_ext4(int dir_fd, uint64_t *ret_before, uint64_t *ret_after) {
        uint64_t before, after, wanted, block_size, size;
        _cleanup_close_ int device_fd = -EBADF;
        struct stat st;
        int r;

        if (fstat(dir_fd, &st) < 0)
                return -errno;
        device_fd = open_device(st.st_dev, &size);
        if (device_fd < 0)
                return device_fd;
        r = ext4_size(device_fd, &before, &block_size);
        if (r < 0)
                return r;
        wanted = size / block_size;
        if (wanted <= before)
                return 0;

        if (ioctl(dir_fd, EXT4_IOC_RESIZE_FS, &wanted) < 0)
                return -errno;
        r = ext4_size(device_fd, &after, &block_size);
        if (r < 0)
                return r;

        *ret_before = before * block_size;
        *ret_after = after * block_size;
        return after > before;
}

/* Its device numbers are its own; it names its devices itself, by numbers that need not begin at 1. */
static int find_btrfs_device(int dir_fd, struct btrfs_ioctl_dev_info_args *ret) {
        struct btrfs_ioctl_fs_info_args info = {};

        if (ioctl(dir_fd, BTRFS_IOC_FS_INFO, &info) < 0)
                return -errno;
        if (info.num_devices != 1)
                return -EOPNOTSUPP;

        *ret = (struct btrfs_ioctl_dev_info_args) { .devid = info.max_id };
        return ioctl(dir_fd, BTRFS_IOC_DEV_INFO, ret) < 0 ? -errno : 0;
}

static int grow_btrfs(int dir_fd, uint64_t *ret_before, uint64_t *ret_after) {
        struct btrfs_ioctl_dev_info_args before, after;
        struct btrfs_ioctl_vol_args arguments = {};
        int r;

        r = find_btrfs_device(dir_fd, &before);
        if (r < 0)
                return r;

        (void) snprintf(arguments.name, sizeof(arguments.name), "%llu:max", (unsigned long long) before.devid);
        if (ioctl(dir_fd, BTRFS_IOC_RESIZE, &arguments) < 0)
                return -errno;
        r = find_btrfs_device(dir_fd, &after);
        if (r < 0)
                return r;

        *ret_before = before.total_bytes;
        *ret_after = after.total_bytes;
        return after.total_bytes > before.total_bytes;
}

int live_grow(int dir_fd, uint64_t *ret_before, uint64_t *ret_after) {
        struct statfs st;

        assert(ret_before);
        assert(ret_after);

        if (fstatfs(dir_fd, &st) < 0)
                return -errno;

        switch ((unsigned long) st.f_type) {
        case EXT4_SUPER_MAGIC:
                return grow_ext4(dir_fd, ret_before, ret_after);
        case BTRFS_SUPER_MAGIC:
                return grow_btrfs(dir_fd, ret_before, ret_after);
        default:
                return -EOPNOTSUPP;
        }
}
