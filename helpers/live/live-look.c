/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "bounds.h"
#include "fd-util.h"
#include "live-device.h"
#include "live-empty.h"
#include "live-look.h"
#include "live-marker.h"
#include "root-device.h"
#include "root-lvm.h"
#include "root-probe.h"
#include "string-util.h"

/* That have what a root needs: owners, modes, device nodes. All others are of another system, or only read. */
static const char *const root_types[] = {
        "ext4", "ext3", "ext2", "btrfs", "xfs", "f2fs", "jfs", "nilfs2", "reiserfs", "bcachefs",
};

void live_look_done(LiveLook *l) {
        free(l->words);
        *l = (LiveLook) {};
}

/* No signature is known: empty, our own, or somebody's. */
static int look_at_bytes(int fd, usec_t deadline, LiveLook *l) {
        int r;

        r = live_marker_read(fd, l->size);
        if (r < 0)
                return r;
        if (r > 0) {
                l->content = LIVE_UNFINISHED;
                return strdup_to(&l->words, "a file system that was not finished");
        }

        r = live_is_empty(fd, l->size, deadline, &l->words);
        if (r <= 0)
                return r;
        l->content = LIVE_EMPTY;
        return strdup_to(&l->words, "nothing");
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

/* Of those that scaleway-root takes into question: is there none with a root, but one that an image could be installed on, and
 * perhaps was about to be? Then its path in *ret, to be freed, and 1. Else 0, also if the kernel has no partitions of the disk;
 * or -ENOMEM, or what reading one says. */
static int find_vacant(const char *path, const RootTable *table, usec_t deadline, char **ret) {
        _cleanup_free_ char *vacant = NULL;

        for (const RootPartition *p = root_partition_choose(table, NULL); p; p = root_partition_choose(table, p)) {
                _cleanup_(live_look_done) LiveLook look = {};
                _cleanup_free_ char *partition = NULL;
                int r;

                r = root_device_partition(path, p->number, MIN(deadline, now_usec() + LIVE_PARTITION_USEC), &partition);
                if (r < 0)
                        return r == -ENOMEM ? r : 0;
                r = live_look(partition, deadline, &look);
                if (r < 0)
                        return r;
                if (look.content == LIVE_INSTALLED)
                        return 0;
                if (!vacant && look.content != LIVE_FOREIGN)
                        vacant = TAKE_PTR(partition);
        }

        *ret = TAKE_PTR(vacant);
        return *ret != NULL;
}

/* The kernel makes partitions of a disk only. */
static int look_at_table(const char *path, const RootProbe *probe, usec_t deadline, LiveLook *l) {
        const char *kind = probe->table.kind == ROOT_TABLE_GPT ? "GPT" : "DOS";
        _cleanup_free_ char *vacant = NULL;
        int r;

        if (!root_device_is_disk(path) || probe->table.kind == ROOT_TABLE_OTHER)
                return strdup_to(&l->words, probe->words);
        if (!root_partition_choose(&probe->table, NULL))
                return root_partition_reason(&probe->table, &l->words);

        r = find_vacant(path, &probe->table, deadline, &vacant);
        if (r < 0)
                return r;
        if (r > 0)
                return asprintf_to(&l->words, "a %s partition table without a root (with root=%s it will be installed there)", kind,
                                   vacant);

        l->content = LIVE_INSTALLED;
        return asprintf_to(&l->words, "a %s partition table with a root", kind);
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
        label = printable(probe->label, LIVE_LABEL_MAX);
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
                r = look_at_bytes(fd, deadline, &l);
                break;
        case ROOT_CONTENT_FILE_SYSTEM:
                r = look_at_file_system(&probe, &l);
                break;
        case ROOT_CONTENT_TABLE:
                r = look_at_table(path, &probe, deadline, &l);
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
