/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "bounds.h"
#include "exit-clock.h"
#include "exit-mounts.h"
#include "exit-run.h"
#include "fd-util.h"
#include "fileio.h"
#include "log.h"
#include "string-util.h"

unsigned (*unmount_more)(usec_t deadline) = NULL;

/* What has become of one of them, from good to bad. */
typedef enum Fate {
        FATE_UNMOUNTED,
        FATE_READ_ONLY, /* busy, but all is on the disk */
        FATE_FROZEN,    /* the same, with files that are open for writing */
        FATE_WRITTEN,   /* all that was written is on the disk, but it may be written to */
        FATE_LOST,
} Fate;

typedef struct MountList {
        char *text;
        MountLine mounts[EXIT_MOUNTS_MAX];
        bool gone[EXIT_MOUNTS_MAX]; /* by now */
        size_t n;
        bool cut; /* there are more, outer ones */
} MountList;

bool mount_is_api(const char *type) {
        static const char *const types[] = {
                "autofs",  "binfmt_misc", "bpf",      "cgroup",  "cgroup2",    "configfs",   "debugfs",
                "devpts",  "devtmpfs",    "efivarfs", "fusectl", "hugetlbfs",  "mqueue",     "nsfs",
                "proc",    "pstore",      "ramfs",    "rootfs",  "rpc_pipefs", "securityfs", "selinuxfs",
                "smackfs", "sysfs",       "tmpfs",    "tracefs",
        };

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq(type, types[i]))
                        return true;

        return false;
}

static bool is_network(const char *type) {
        return startswith(type, "nfs") || streq(type, "cifs") || streq(type, "smb3") || streq(type, "9p") ||
               streq(type, "ceph");
}

/* \040 and the like, as proc_pid_mountinfo(5) has them. */
static void unescape(char *s) {
        char *to = s;

        for (; *s; s++)
                if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
                    s[3] <= '7') {
                        *to++ = (char) ((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
                        s += 3;
                } else
                        *to++ = *s;
        *to = '\0';
}

static bool has_option(const char *options, const char *option) {
        size_t n = strlen(option);

        for (const char *p = options; (p = strstr(p, option)); p += n)
                if ((p == options || p[-1] == ',') && (p[n] == '\0' || p[n] == ','))
                        return true;

        return false;
}

/* 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
int mount_line_parse(char *line, MountLine *ret) {
        char *fields[4] = {}, *separator, *save = NULL, *path = NULL, *p = line;

        assert(line);
        assert(ret);

        separator = strstr(line, " - ");
        if (!separator)
                return -EINVAL;
        *separator = '\0';
        for (unsigned i = 0; i < 5; i++, p = NULL) {
                path = strtok_r(p, " ", &save);
                if (!path)
                        return -EINVAL;
        }
        p = separator + 3;
        for (unsigned i = 0; i < 3; i++, p = NULL) {
                fields[i] = strtok_r(p, " ", &save);
                if (!fields[i])
                        return -EINVAL;
        }

        unescape(path);
        *ret = (MountLine){
                .path = path, .type = fields[0], .source = fields[1], .read_only = has_option(fields[2], "ro")
        };
        return 0;
}

static bool is_below(const char *path, const char *folder) {
        const char *rest = streq(folder, "/") ? path + 1 : startswith(path, folder);

        return rest && (streq(folder, "/") || *rest == '\0' || *rest == '/');
}

static void list_done(MountList *l) {
        l->text = mfree(l->text);
        l->n = 0;
        l->cut = false;
}

/* The innermost ones come last and hold the others: of too many, those are what to begin with. */
static void list_add(MountList *l, const MountLine *m) {
        if (l->n == EXIT_MOUNTS_MAX) {
                l->n /= 2;
                memmove(l->mounts, l->mounts + EXIT_MOUNTS_MAX - l->n, l->n * sizeof(*l->mounts));
                l->cut = true;
        }

        l->gone[l->n] = false;
        l->mounts[l->n++] = *m;
}

static int list_read(const OldRoot *o, MountList *ret) {
        char *save = NULL;
        int r;

        list_done(ret);
        r = read_file("/proc/self/mountinfo", EXIT_MOUNTINFO_MAX, &ret->text, NULL);
        if (r < 0)
                return r;

        for (char *p = strtok_r(ret->text, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
                MountLine m;

                if (mount_line_parse(p, &m) < 0 || !is_below(m.path, o->path))
                        continue;
                /* Where nobody has put the old root elsewhere these are what we go on working with. */
                if (streq(o->path, "/") && mount_is_api(m.type))
                        continue;
                list_add(ret, &m);
        }

        return 0;
}

static int unmount(void *data) {
        const MountLine *m = data;

        if (umount2(m->path, UMOUNT_NOFOLLOW) < 0)
                return -errno;
        return 0;
}

static int unmount_by_force(void *data) {
        const MountLine *m = data;

        /* Ends what waits for a server, and nothing else. */
        (void) umount2(m->path, UMOUNT_NOFOLLOW | MNT_FORCE);
        return umount2(m->path, UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

static int detach(void *data) {
        const MountLine *m = data;

        return umount2(m->path, UMOUNT_NOFOLLOW | MNT_DETACH) < 0 ? -errno : 0;
}

static int remount_read_only(void *data) {
        const MountLine *m = data;

        return mount(NULL, m->path, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0 ? -errno : 0;
}

/* Writes all and lets nobody write any more, however many files are open: what lies on the disk is as good as
 * unmounted. */
static int freeze(void *data) {
        _cleanup_close_ int fd = -EBADF;
        const MountLine *m = data;

        fd = open(m->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return ioctl(fd, FIFREEZE, 0) < 0 ? -errno : 0;
}

static int write_out(void *data) {
        _cleanup_close_ int fd = -EBADF;
        const MountLine *m = data;

        fd = open(m->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 || syncfs(fd) < 0 ? -errno : 0;
}

static usec_t limit(usec_t deadline) {
        return MIN(deadline, exit_now() + EXIT_UNMOUNT_USEC);
}

/* As good as unmounted, of file systems of one's own: without a disk there is nothing to be made whole. */
static Fate end_writing(MountLine *m, usec_t deadline) {
        int r;

        if (is_network(m->type))
                return FATE_LOST;

        r = run_limited(remount_read_only, m, limit(deadline));
        if (r >= 0)
                return FATE_READ_ONLY;
        log_debug_errno(r, "Cannot make '%s' read-only: %m", m->path);

        r = run_limited(freeze, m, limit(deadline));
        if (r >= 0)
                return FATE_FROZEN;
        log_error_errno(r, "Cannot finish '%s' (%s): %m", m->path, m->type);
        return FATE_LOST;
}

static Fate make_whole(MountLine *m, usec_t deadline) {
        Fate f;

        if (m->read_only)
                return FATE_READ_ONLY;
        f = end_writing(m, deadline);
        if (f == FATE_LOST && run_limited(write_out, m, limit(deadline)) >= 0)
                f = FATE_WRITTEN;
        return f;
}

static const char *fate_to_string(Fate f) {
        switch (f) {
        case FATE_READ_ONLY:
                return "read-only instead";
        case FATE_FROZEN:
                return "frozen instead";
        case FATE_WRITTEN:
                return "written, but not finished";
        default:
                return "and not finished";
        }
}

/* Without knowing what is mounted: what matters most. */
static bool finish_root(const OldRoot *o, usec_t deadline) {
        MountLine root = { .path = (char *) o->path, .type = (char *) "the old root" };
        Fate f = make_whole(&root, deadline);

        log_error("Not all mounts are known; '%s' itself: %s.", o->path, fate_to_string(f));
        return f != FATE_LOST;
}

/* True if something with data is mounted below the one with that number. */
static bool carries_data(const MountList *l, size_t n) {
        for (size_t i = 0; i < l->n; i++)
                if (i != n && !l->gone[i] && !mount_is_api(l->mounts[i].type) &&
                    is_below(l->mounts[i].path, l->mounts[n].path))
                        return true;

        return false;
}

static int unmount_one(const MountList *l, size_t i, usec_t deadline) {
        MountLine *m = (MountLine *) &l->mounts[i];
        int r;

        /* These are held by this and that, and hold what they are mounted on. */
        if (mount_is_api(m->type))
                return carries_data(l, i) ? -EBUSY : run_limited(detach, m, limit(deadline));

        r = run_limited(unmount, m, limit(deadline));
        if (r == -ETIMEDOUT && is_network(m->type))
                r = run_limited(unmount_by_force, m, limit(deadline));
        if (r < 0)
                log_debug_errno(r, "Cannot unmount '%s' (%s): %m", m->path, m->type);
        return r;
}

/* Tries to unmount each of them, the innermost first, as long as that gets anywhere: one may hold another one, or a loop device that has a file
 * of another one. Returns how many are left, or a negative errno. */
static int unmount_rounds(const OldRoot *o, MountList *l, usec_t deadline) {
        int r;

        for (unsigned round = 0; round < EXIT_MOUNT_ROUNDS_MAX; round++) {
                bool changed = false;

                r = list_read(o, l);
                if (r < 0)
                        return r;

                /* The first process holds "/". */
                for (size_t i = l->n; i-- > 0;) {
                        l->gone[i] = !streq(l->mounts[i].path, "/") && unmount_one(l, i, deadline) >= 0;
                        changed = changed || l->gone[i];
                }
                if (unmount_more && l->n > 0)
                        changed = unmount_more(deadline) > 0 || changed;
                if (!changed || exit_now() >= deadline)
                        break;
        }

        r = list_read(o, l);
        return r < 0 ? r : (int) l->n;
}

bool old_root_unmount(const OldRoot *o, usec_t deadline) {
        static MountList l;
        bool whole = true;
        int r;

        assert(o);

        r = unmount_rounds(o, &l, deadline);
        if (r < 0) {
                log_error_errno(r, "Cannot read /proc/self/mountinfo: %m");
                list_done(&l);
                (void) finish_root(o, deadline);
                return false;
        }

        for (size_t i = l.n; i-- > 0;) {
                MountLine *m = &l.mounts[i];

                if (!mount_is_api(m->type)) {
                        Fate f = make_whole(m, deadline);

                        if (f == FATE_LOST)
                                whole = false;
                        if (!streq(m->path, "/"))
                                log_warning("'%s' (%s) is still in use, %s.", m->path, m->type, fate_to_string(f));
                        /* Nobody needs to see it any more; but to let go of a frozen one would wait for it to thaw. */
                        if (f == FATE_FROZEN)
                                continue;
                }
                if (!streq(o->path, "/"))
                        (void) !run_limited(detach, m, limit(deadline));
        }

        if (l.cut && !finish_root(o, deadline))
                whole = false;

        list_done(&l);
        return whole;
}

void old_root_detach(const OldRoot *o, usec_t deadline) {
        static MountList l;

        assert(o);

        if (list_read(o, &l) < 0)
                return;
        for (size_t i = l.n; i-- > 0;)
                if (!streq(l.mounts[i].path, "/"))
                        (void) !run_limited(detach, &l.mounts[i], limit(deadline));
        list_done(&l);
}
