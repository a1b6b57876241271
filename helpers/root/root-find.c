/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bounds.h"
#include "log.h"
#include "root-device.h"
#include "root-find.h"
#include "root-lvm.h"
#include "root-probe.h"
#include "root-unlock.h"
#include "string-util.h"

#define ADVICE "set root= on the command line or as a server tag"

static int log_missing(const char *path, const char *shown, unsigned timeout, int r) {
        switch (r) {
        case -ENODEV:
                return log_error_errno(r, "Root device '%s' did not appear within %u s; " ADVICE ".", shown, timeout);
        case -ENOTBLK:
                return log_error_errno(r, "Root device '%s' is not a block device; " ADVICE ".", shown);
        case -ENOMEDIUM:
                return log_error_errno(r, "Root device '%s' still had no size after %u s: nothing is attached to it.",
                                       shown, timeout);
        default:
                return log_error_errno(r, "Failed to open the root device '%s': %m", shown);
        }
}

/* root= names a logical volume: it appears when its group is there and it is activated. Another program may make the
 * device as well, so a failure of lvm is told at the end only. */
static int wait_for_volume(const char *path, const char *shown, const RootVolume *v, usec_t deadline) {
        for (;;) {
                _cleanup_free_ char *reason = NULL;
                usec_t now;
                int r;

                r = root_volume_activate(v, now_usec() + ROOT_FIND_USEC, &reason);
                if (r == -ENOMEM)
                        return log_oom();

                now = now_usec();
                if (root_device_wait(path, MIN(deadline, now + ROOT_ACTIVATE_USEC)) >= 0)
                        return 0;
                /* Below mapper/ it may be something else than a volume. */
                if (now_usec() >= deadline || (r == -ENOENT && !startswith(path, "/dev/mapper/")))
                        return log_error_errno(ENODEV, "Root device '%s' did not appear. %s; " ADVICE ".", shown,
                                               reason ?: "Its volume is active, but udev made no node of that name");
                log_debug("'%s' is not there yet: %s.", shown, reason ?: "activated");
        }
}

static int wait_for_device(const char *path, const char *shown, usec_t deadline, unsigned timeout) {
        _cleanup_(root_volume_done) RootVolume v = {};
        usec_t begin = now_usec();
        int r;

        r = root_volume_parse(path, &v);
        if (r < 0)
                return log_oom();
        if (r > 0 && root_device_wait(path, /* deadline= */ 0) == -ENODEV)
                return wait_for_volume(path, shown, &v, deadline);

        r = root_device_wait(path, deadline);
        if (r < 0)
                return log_missing(path, shown, timeout, r);

        log_debug("'%s' was there after %llu ms.", shown, (unsigned long long) ((now_usec() - begin) / USEC_PER_MSEC));
        return 0;
}

/* A logical volume is activated, once. */
static bool is_there(const char *path, usec_t deadline) {
        _cleanup_(root_volume_done) RootVolume v = {};
        _cleanup_free_ char *reason = NULL;

        if (root_volume_parse(path, &v) > 0 && root_device_wait(path, /* deadline= */ 0) == -ENODEV &&
            root_volume_activate(&v, deadline, &reason) < 0)
                log_debug("'%s' is not there yet: %s.", path, reason ?: "out of memory");

        return root_device_wait(path, deadline) != -ENODEV;
}

/* No root can be mounted from it: nothing that is known is on it, or an installation that was not finished. */
static bool is_vacant(const char *disk, const RootPartition *p, usec_t deadline) {
        _cleanup_(root_probe_done) RootProbe probe = {};
        _cleanup_free_ char *path = NULL;

        /* Why it cannot be had is told when it is taken. */
        if (root_device_partition(disk, p->number, deadline, &path) < 0 || root_probe(path, &probe) < 0)
                return false;

        return probe.content == ROOT_CONTENT_NOTHING || root_probe_is_unfinished(&probe);
}

/* A vacant one is passed over where there is another, as scaleway-live counts on; if all are vacant, it is the first. */
static const RootPartition *choose_partition(const char *disk, const char *shown, const RootTable *table, unsigned skip, usec_t deadline) {
        const RootPartition *first = root_partition_choose(table, NULL), *p;
        unsigned n = 0;

        if (first && !root_partition_choose(table, first))
                return skip == 0 ? first : NULL;

        for (p = first; p; p = root_partition_choose(table, p))
                if (!is_vacant(disk, p, deadline) && n++ == skip)
                        break;
        if (p && p != first && skip == 0)
                log_notice("Partition %u of '%s' would be the root, but is empty or was not finished: passed over.", first->number, shown);

        return p || skip > 0 ? p : first;
}

/* probe: of the disk at path. */
static int take_partition(const char *path, const char *shown, const RootProbe *probe, unsigned skip, usec_t deadline, char **ret) {
        _cleanup_free_ char *reason = NULL, *name = NULL;
        const RootPartition *p;
        int r;

        if (probe->table.kind == ROOT_TABLE_OTHER)
                return log_error_errno(ENOENT,
                                       "'%s' holds %s, and the root is found in GPT and DOS tables only; " ADVICE ".",
                                       shown, probe->words);
        p = choose_partition(path, shown, &probe->table, skip, deadline);
        if (!p && skip > 0)
                return -ENOENT;
        if (!p) {
                r = root_partition_reason(&probe->table, &reason);
                return r < 0 ? log_oom() : log_error_errno(ENOENT, "'%s' has %s; " ADVICE ".", shown, reason);
        }

        r = root_device_partition(path, p->number, deadline, ret);
        if (r == -ENOMEM)
                return log_oom();
        if (r == -EOPNOTSUPP)
                return log_error_errno(r, "The root is partition %u of '%s', but the kernel reads no partitions of it.",
                                       p->number, shown);
        if (r == -ENODEV)
                return log_error_errno(r,
                                       "The root is partition %u of '%s', but the kernel did not make it: is the table "
                                       "larger than the disk?",
                                       p->number, shown);
        if (r < 0)
                return log_error_errno(r, "Failed to open partition %u of '%s', the root: %m", p->number, shown);

        name = printable(p->name ?: "", 72);
        if (!name)
                return log_oom();
        if (isempty(name))
                log_info("The root is partition %u of '%s'.", p->number, shown);
        else
                log_info("The root is partition %u of '%s', named '%s'.", p->number, shown, name);
        return 0;
}

static int take_volume(const char *path, usec_t deadline, char **ret) {
        _cleanup_free_ char *device = NULL, *reason = NULL;
        _cleanup_(root_volume_done) RootVolume v = {};
        int r;

        r = root_volume_find(path, deadline, &v, &reason);
        if (r >= 0)
                r = root_volume_activate(&v, deadline, &reason);
        if (r >= 0)
                r = root_volume_path(&v, &device);
        if (r == -ENOMEM)
                return log_oom();
        if (r == -ENOENT)
                return log_error_errno(r, "'%s' is an LVM physical volume. %s, take one that has it.", path, reason);
        if (r < 0)
                return log_error_errno(r, "%s; " ADVICE ".", reason);

        r = root_device_wait(device, deadline);
        if (r < 0)
                return log_error_errno(r, "The logical volume '%s/%s' is active, but '%s' did not appear.", v.group,
                                       v.name, device);

        log_info("The root is the logical volume '%s/%s' on '%s'.", v.group, v.name, path);
        *ret = TAKE_PTR(device);
        return 0;
}

/* The partition that is encrypted, of those that come into question for the root, or the disk itself. Nothing is activated and
 * nothing said on the way. Returns 1 and *ret with its *ret_probe; 0 if there is none. */
static int find_encrypted(const char *disk, char **ret, RootProbe *ret_probe) {
        _cleanup_(root_probe_done) RootProbe probe = {};
        int r;

        if (root_device_wait(disk, /* deadline= */ 0) < 0 || root_probe(disk, &probe) < 0)
                return 0;
        if (probe.content == ROOT_CONTENT_LUKS) {
                r = strdup_to(ret, disk);
                if (r < 0)
                        return r;
                *ret_probe = probe;
                probe = (RootProbe) {};
                return 1;
        }
        if (probe.content != ROOT_CONTENT_TABLE || !root_device_is_disk(disk))
                return 0;

        for (const RootPartition *p = root_partition_choose(&probe.table, NULL); p; p = root_partition_choose(&probe.table, p)) {
                _cleanup_(root_probe_done) RootProbe inside = {};
                _cleanup_free_ char *path = NULL;

                r = root_device_partition(disk, p->number, now_usec() + ROOT_ACTIVATE_USEC, &path);
                if (r == -ENOMEM)
                        return r;
                if (r < 0 || root_probe(path, &inside) < 0 || inside.content != ROOT_CONTENT_LUKS)
                        continue;
                *ret = TAKE_PTR(path);
                *ret_probe = inside;
                inside = (RootProbe) {};
                return 1;
        }

        return 0;
}

/* What root= names did not appear: it may be inside of what is encrypted on the volume that the server boots from. Of that one and no
 * other a passphrase is asked for. Returns 1 if something was unlocked; 0 if nothing is encrypted there. */
static int unlock_volume(const char *volume, const char *source, const char *shown) {
        _cleanup_free_ char *encrypted = NULL, *mapping = NULL, *below = NULL;
        _cleanup_(root_probe_done) RootProbe probe = {}, inside = {};
        _cleanup_(root_volume_done) RootVolume v = {};
        int r;

        r = find_encrypted(volume, &encrypted, &probe);
        if (r < 0)
                return log_oom();
        if (r == 0)
                return 0;

        log_info("'%s' did not appear yet, it may be inside of '%s', which is encrypted.", shown, encrypted);
        r = root_unlock(encrypted, encrypted, &probe, source, &mapping);
        if (r < 0)
                return -EKEYREJECTED;

        /* The file system may be on a logical volume inside. One that root= names is activated by who waits for it. */
        r = root_volume_parse(source, &v);
        if (r < 0)
                return log_oom();
        if (r == 0 && root_probe(mapping, &inside) >= 0 && inside.content == ROOT_CONTENT_LVM) {
                r = take_volume(mapping, now_usec() + ROOT_FIND_USEC, &below);
                if (r < 0)
                        return r;
        }

        return 1;
}

/* Returns 1 if something was unlocked for it. */
static int wait_or_unlock(const char *path, const char *shown, const char *volume, usec_t deadline, unsigned timeout) {
        usec_t early = MIN(deadline, now_usec() + ROOT_CLEAR_USEC);
        int r, unlocked = 0;

        if (!isempty(volume) && !is_there(path, early)) {
                unlocked = unlock_volume(volume, path, shown);
                if (unlocked < 0)
                        return unlocked;
                /* However long that took. */
                if (unlocked > 0)
                        deadline = MAX(deadline, now_usec() + ROOT_FIND_USEC);
        }

        r = wait_for_device(path, shown, deadline, timeout);
        return r < 0 ? r : unlocked;
}

/* The way from what root= names down to the file system. */
typedef struct RootWalk {
        RootSearch *search;
        unsigned skip;
        char *path, *shown; /* where it is, and the same for messages */
        unsigned depth;     /* how far below what root= names */
        unsigned steps;     /* of those, to a partition or a logical volume */
        bool unlocked;
        usec_t deadline; /* of everything but the device that root= names, and a person */
} RootWalk;

static void root_walk_done(RootWalk *w) {
        free(w->path);
        free(w->shown);
}

/* To the device that root= names. */
static int walk_begin(RootWalk *w) {
        RootSearch *s = w->search;
        int r;

        w->shown = printable(s->source, 256);
        if (!w->shown)
                return log_oom();
        r = root_device_path(s->source, &w->path);
        if (r == -ENOMEM)
                return log_oom();
        if (r < 0)
                return log_error_errno(r,
                                       "Root '%s' is neither a path nor UUID=, LABEL=, PARTUUID= or PARTLABEL=; " ADVICE
                                       ".",
                                       w->shown);
        r = wait_or_unlock(w->path, w->shown, s->volume, now_usec() + s->timeout * USEC_PER_SEC, s->timeout);
        if (r < 0)
                return r;

        w->unlocked = r > 0;
        w->deadline = now_usec() + ROOT_FIND_USEC;
        return 0;
}

/* A second passphrase is asked for neither below the first one nor beside it: one is for the root, another one would be for data. */
static int walk_unlock(RootWalk *w, const RootProbe *probe, char **ret) {
        int r;

        if (w->unlocked)
                return log_error_errno(ELOOP,
                                       "'%s' is encrypted once more inside of what was unlocked: only one passphrase is asked for.",
                                       w->shown);
        if (w->skip > 0 && (w->depth == 0 || w->search->asked))
                return -ENOENT;

        w->search->asked = true;
        r = root_unlock(w->path, w->shown, probe, w->search->source, ret);
        if (r < 0)
                return -EKEYREJECTED;

        w->unlocked = true;
        w->deadline = now_usec() + ROOT_FIND_USEC;
        return 0;
}

/* One step down from a device with this on it. Returns 1 and the device below it, to be freed; 0 if there is none, so that the root
 * is here. */
static int walk_down(RootWalk *w, const RootProbe *probe, char **ret) {
        bool may_step = w->steps < ROOT_STEPS_MAX;
        int r;

        if (may_step && probe->content == ROOT_CONTENT_TABLE && root_device_is_disk(w->path)) {
                w->steps++;
                r = take_partition(w->path, w->shown, probe, w->depth == 0 ? w->skip : 0, w->deadline, ret);
        } else if (may_step && probe->content == ROOT_CONTENT_LVM) {
                w->steps++;
                r = take_volume(w->path, w->deadline, ret);
        } else if (probe->content == ROOT_CONTENT_LUKS)
                r = walk_unlock(w, probe, ret);
        else if (root_probe_is_unfinished(probe))
                r = log_error_errno(EUCLEAN, "'%s' holds an installation that was not finished; boot=live does it again.", w->shown);
        else
                /* What root= names is no disk with partitions: there is no other. */
                return w->depth == 0 && w->skip > 0 ? -ENOENT : 0;

        return r < 0 ? r : 1;
}

int root_find(RootSearch *search, unsigned skip, char **ret_path, char **ret_type) {
        _cleanup_(root_walk_done) RootWalk w = { .search = search, .skip = skip };
        int r;

        assert(search && search->source);
        assert(ret_path);
        assert(ret_type);

        r = walk_begin(&w);
        if (r < 0)
                return r;

        for (;; w.depth++) {
                _cleanup_(root_probe_done) RootProbe probe = {};
                char *next = NULL;

                r = root_probe(w.path, &probe);
                if (r < 0)
                        return log_error_errno(r, "Failed to read the root device '%s': %m", w.shown);
                r = walk_down(&w, &probe, &next);
                if (r < 0)
                        return r;
                if (r == 0) {
                        *ret_type = TAKE_PTR(probe.type);
                        *ret_path = TAKE_PTR(w.path);
                        return 0;
                }

                free_and_replace_str(&w.path, next);
                free_and_replace_str(&w.shown, strdup(next));
                if (!w.shown)
                        return log_oom();
        }
}
