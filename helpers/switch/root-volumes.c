/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bounds.h"
#include "fd-util.h"
#include "root-volumes.h"
#include "string-util.h"

static const char *sys_root(void) {
        const char *sys = secure_getenv("SCALEWAY_SYS");

        return isempty(sys) ? "/sys" : sys;
}

static int visit(const char *path, unsigned depth, bool ret[static NBD_INDEX_MAX + 1]);

/* Each entry is a device. No such directory is no entry. */
static int visit_entries(const char *directory, unsigned depth, bool ret[static NBD_INDEX_MAX + 1]) {
        _cleanup_(closedirp) DIR *d = opendir(directory);
        int result = 0;

        if (!d)
                return errno == ENOENT ? 0 : -errno;
        for (struct dirent *e; (e = readdir(d));) {
                _cleanup_free_ char *path = NULL;
                int r;

                if (e->d_name[0] == '.')
                        continue;
                r = asprintf_to(&path, "%s/%s", directory, e->d_name);
                if (r >= 0)
                        r = visit(path, depth + 1, ret);
                if (r < 0)
                        result = r;
        }

        return result;
}

static int visit(const char *path, unsigned depth, bool ret[static NBD_INDEX_MAX + 1]) {
        _cleanup_free_ char *real = NULL, *partition = NULL, *slaves = NULL;
        unsigned index;
        int r;

        if (depth > VOLUME_DEPTH_MAX)
                return -ELOOP;
        real = realpath(path, NULL);
        if (!real)
                return -errno;

        /* A partition lies inside of its disk's folder. */
        r = asprintf_to(&partition, "%s/partition", real);
        if (r < 0)
                return r;
        if (access(partition, F_OK) >= 0)
                *strrchr(real, '/') = '\0';

        if (nbd_index_parse(strrchr(real, '/') + 1, &index) >= 0) {
                ret[index] = true;
                return 0;
        }

        r = asprintf_to(&slaves, "%s/slaves", real);
        return r < 0 ? r : visit_entries(slaves, depth, ret);
}

int root_volumes_below(const char *path, bool ret[static NBD_INDEX_MAX + 1]) {
        _cleanup_free_ char *whole = NULL;
        int r;

        assert(path);

        r = asprintf_to(&whole, "%s/%s", sys_root(), path);
        return r < 0 ? r : visit(whole, 0, ret);
}

int root_volumes_of_btrfs(const uint8_t u[static 16], bool ret[static NBD_INDEX_MAX + 1]) {
        _cleanup_free_ char *directory = NULL;
        int r;

        r = asprintf_to(&directory,
                        "%s/fs/btrfs/%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x/devices",
                        sys_root(), u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
                        u[13], u[14], u[15]);
        return r < 0 ? r : visit_entries(directory, 0, ret);
}

/* Its st_dev is no device. */
static int find_btrfs(int fd, bool ret[static NBD_INDEX_MAX + 1]) {
        _cleanup_close_ int directory = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct btrfs_ioctl_fs_info_args info = {};

        if (directory < 0 || ioctl(directory, BTRFS_IOC_FS_INFO, &info) < 0)
                return -errno;

        return root_volumes_of_btrfs(info.fsid, ret);
}

int root_volumes_find(int fd, bool ret[static NBD_INDEX_MAX + 1]) {
        char path[64];
        struct statfs fs;
        struct stat st;
        int r;

        assert(fd >= 0);

        if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
                return -errno;
        if (fs.f_type == BTRFS_SUPER_MAGIC)
                return find_btrfs(fd, ret);

        (void) snprintf(path, sizeof(path), "dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
        r = root_volumes_below(path, ret);
        /* A tmpfs, NFS and the like. */
        return r == -ENOENT ? 0 : r;
}
