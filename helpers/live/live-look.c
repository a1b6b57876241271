/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "live-look.h"
#include "live-marker.h"
#include "root-device.h"
#include "root-lvm.h"
#include "root-probe.h"
#include "string-util.h"

#define MIB ((uint64_t) 1 << 20)
#define LABEL_MAX 64U

/* That have what a root needs: owners, modes, device nodes. All others are of another system, or only read. */
static const char *const root_types[] = {
        "ext4", "ext3", "ext2", "btrfs", "xfs", "f2fs", "jfs", "nilfs2", "reiserfs", "bcachefs",
};

void live_look_done(LiveLook *l) {
        free(l->words);
        *l = (LiveLook) {};
}

int live_device_size(int fd, uint64_t *ret_size, bool *ret_read_only) {
        int read_only = 0;
        struct stat st;
        uint64_t size;

        assert(ret_size);
        assert(ret_read_only);

        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISREG(st.st_mode))
                size = (uint64_t) st.st_size;
        else if (!S_ISBLK(st.st_mode))
                return -ENOTBLK;
        else if (ioctl(fd, BLKGETSIZE64, &size) < 0 || ioctl(fd, BLKROGET, &read_only) < 0)
                return -errno;

        *ret_size = size;
        *ret_read_only = read_only;
        return 0;
}

/* 1, 0 or a negative errno. */
static int is_zero(int fd, uint64_t offset, uint64_t n) {
        char buffer[65536];

        while (n > 0) {
                ssize_t k = pread(fd, buffer, (size_t) MIN(n, (uint64_t) sizeof(buffer)), (off_t) offset);

                if (k < 0)
                        return -errno;
                if (k == 0)
                        return -EIO;
                if (buffer[0] != 0 || memcmp(buffer, buffer + 1, (size_t) k - 1) != 0)
                        return 0;
                offset += (uint64_t) k;
                n -= (uint64_t) k;
        }

        return 1;
}

/* No signature is known: empty, our own, or somebody's. */
static int look_at_bytes(int fd, LiveLook *l) {
        uint64_t n = MIN(l->size, MIB);
        int r;

        r = live_marker_read(fd, l->size);
        if (r < 0)
                return r;
        if (r > 0) {
                l->content = LIVE_UNFINISHED;
                return strdup_to(&l->words, "a file system that was not finished");
        }

        r = is_zero(fd, 0, n);
        if (r > 0)
                r = is_zero(fd, l->size - n, n);
        if (r < 0)
                return r;
        l->content = r > 0 ? LIVE_EMPTY : LIVE_FOREIGN;
        return strdup_to(&l->words, r > 0 ? "nothing" : "data of no known kind");
}

static int look_at_file_system(const RootProbe *probe, LiveLook *l) {
        if (root_probe_is_unfinished(probe)) {
                l->content = LIVE_UNFINISHED;
                return strdup_to(&l->words, "an installation that was not finished");
        }

        for (size_t i = 0; i < ELEMENTSOF(root_types); i++)
                if (streq(probe->type, root_types[i]))
                        l->content = LIVE_INSTALLED;
        return strdup_to(&l->words, probe->words);
}

/* The kernel makes partitions of a disk only. */
static int look_at_table(const char *path, const RootProbe *probe, LiveLook *l) {
        if (!root_device_is_disk(path) || probe->table.kind == ROOT_TABLE_OTHER)
                return strdup_to(&l->words, probe->words);
        if (!root_partition_choose(&probe->table, NULL))
                return root_partition_reason(&probe->table, &l->words);

        l->content = LIVE_INSTALLED;
        return asprintf_to(&l->words, "a %s partition table with a root",
                           probe->table.kind == ROOT_TABLE_GPT ? "GPT" : "DOS");
}

/* Only asks, activates nothing. */
static int look_at_lvm(const char *path, usec_t deadline, LiveLook *l) {
        _cleanup_(root_volume_done) RootVolume v = {};
        _cleanup_free_ char *reason = NULL;
        int r;

        r = root_volume_find(path, deadline, &v, &reason);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return asprintf_to(&l->words, "an LVM physical volume without a root (%s)", reason);

        l->content = LIVE_INSTALLED;
        return asprintf_to(&l->words, "the logical volume '%s/%s'", v.group, v.name);
}

static int add_label(const RootProbe *probe, LiveLook *l) {
        _cleanup_free_ char *label = NULL;
        char *longer;
        int r;

        if (isempty(probe->label) || l->content == LIVE_UNFINISHED)
                return 0;
        label = printable(probe->label, LABEL_MAX);
        if (!label)
                return -ENOMEM;
        r = asprintf_to(&longer, "%s, labelled '%s'", l->words, label);
        if (r < 0)
                return r;

        free(l->words);
        l->words = longer;
        return 0;
}

int live_look(const char *path, usec_t deadline, LiveLook *ret) {
        _cleanup_(live_look_done) LiveLook l = { .content = LIVE_FOREIGN };
        _cleanup_(root_probe_done) RootProbe probe = {};
        _cleanup_close_ int fd = -EBADF;
        int r;

        assert(path);
        assert(ret);

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        r = live_device_size(fd, &l.size, &l.read_only);
        if (r < 0)
                return r;
        if (l.size == 0)
                return -ENOMEDIUM;
        r = root_probe(path, &probe);
        if (r < 0)
                return r;

        switch (probe.content) {
        case ROOT_CONTENT_NOTHING:
                r = look_at_bytes(fd, &l);
                break;
        case ROOT_CONTENT_FILE_SYSTEM:
                r = look_at_file_system(&probe, &l);
                break;
        case ROOT_CONTENT_TABLE:
                r = look_at_table(path, &probe, &l);
                break;
        case ROOT_CONTENT_LVM:
                r = look_at_lvm(path, deadline, &l);
                break;
        default:
                r = strdup_to(&l.words, probe.words);
        }
        if (r >= 0)
                r = add_label(&probe, &l);
        if (r < 0)
                return r;

        *ret = l;
        l = (LiveLook) {};
        return 0;
}
