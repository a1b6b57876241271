/* SPDX-License-Identifier: MIT */
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "root-device.h"
#include "string-util.h"

#define RECHECK_USEC (250 * USEC_PER_MSEC)

static void blkid_probe_freep(blkid_probe *p) {
        if (*p)
                blkid_free_probe(*p);
}

int root_device_path(const char *source, char **ret) {
        static const struct {
                const char *prefix, *directory;
        } tags[] = {
                { "UUID=",      "/dev/disk/by-uuid"      },
                { "LABEL=",     "/dev/disk/by-label"     },
                { "PARTUUID=",  "/dev/disk/by-partuuid"  },
                { "PARTLABEL=", "/dev/disk/by-partlabel" },
        };

        assert(source);
        assert(ret);

        if (startswith(source, "/"))
                return strdup_to(ret, source);

        for (size_t i = 0; i < ELEMENTSOF(tags); i++) {
                const char *value = startswith(source, tags[i].prefix);
                char encoded[1024];

                if (isempty(value))
                        continue;
                /* As udev makes the links: what is not safe in a file name, '/' too, becomes \xNN. */
                if (blkid_encode_string(value, encoded, sizeof(encoded)) < 0)
                        return -EINVAL;
                return asprintf_to(ret, "%s/%s", tags[i].directory, encoded);
        }

        return -EINVAL;
}

/* 0 if it is ready, else as root_device_wait(). */
static int check_device(const char *path) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        uint64_t size;

        if (stat(path, &st) < 0)
                return errno == ENOENT || errno == ENOTDIR ? -ENODEV : -errno;
        if (!S_ISBLK(st.st_mode))
                return -ENOTBLK;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return errno == ENXIO ? -ENODEV : -errno;
        if (ioctl(fd, BLKGETSIZE64, &size) < 0)
                return -errno;

        return size > 0 ? 0 : -ENOMEDIUM;
}

/* Watches the directory in which path will appear or, as long as that is missing, the nearest one above. */
static void watch_directory(int inotify_fd, const char *path) {
        _cleanup_free_ char *directory = strdup(path);

        if (!directory)
                return;

        do
                (void) dirname(directory);
        while (inotify_add_watch(inotify_fd, directory, IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR) < 0 &&
               !streq(directory, "/") && !streq(directory, "."));
}

int root_device_wait(const char *path, usec_t deadline) {
        _cleanup_close_ int inotify_fd = -EBADF;

        assert(path);

        /* Without inotify, which only shortens the wait, there is still the recheck. */
        inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

        for (;;) {
                struct pollfd poll_fd = { .fd = inotify_fd, .events = POLLIN };
                char events[4096];
                usec_t now;
                int r;

                /* Watch first, look then: nothing can appear between the two unseen. */
                if (inotify_fd >= 0)
                        watch_directory(inotify_fd, path);

                r = check_device(path);
                if (r >= 0 || r == -ENOTBLK)
                        return r;

                now = now_usec();
                if (now >= deadline)
                        return r;

                (void) poll(&poll_fd, 1, (int) (MIN(deadline - now, RECHECK_USEC) / USEC_PER_MSEC) + 1);
                while (inotify_fd >= 0 && read(inotify_fd, events, sizeof(events)) > 0)
                        ;
        }
}

static int describe_probe(blkid_probe probe, char **ret, char **ret_type) {
        const char *type = NULL, *usage = NULL, *table = NULL;
        int r;

        (void) blkid_probe_lookup_value(probe, "TYPE", &type, NULL);
        (void) blkid_probe_lookup_value(probe, "USAGE", &usage, NULL);
        (void) blkid_probe_lookup_value(probe, "PTTYPE", &table, NULL);

        if (type && streq_ptr(usage, "filesystem")) {
                r = asprintf_to(ret, "a file system of type '%s'", type);
                if (r >= 0 && ret_type)
                        r = strdup_to(ret_type, type);
                return r;
        }
        if (type)
                return asprintf_to(ret, "'%s' data, not a file system", type);
        if (table)
                return asprintf_to(ret, "a %s partition table, not a file system",
                                   streq(table, "gpt") ? "GPT" : streq(table, "dos") ? "DOS" : table);

        return strdup_to(ret, "no file system that is known");
}

int root_device_describe(const char *path, char **ret, char **ret_type) {
        _cleanup_(blkid_probe_freep) blkid_probe probe = NULL;

        assert(path);
        assert(ret);

        if (ret_type)
                *ret_type = NULL;

        errno = 0;
        probe = blkid_new_probe_from_filename(path);
        if (!probe)
                return errno > 0 ? -errno : -ENOMEM;

        (void) blkid_probe_enable_superblocks(probe, 1);
        (void) blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE);
        (void) blkid_probe_enable_partitions(probe, 1);

        errno = 0;
        switch (blkid_do_safeprobe(probe)) {
        case 0:
                return describe_probe(probe, ret, ret_type);
        case 1:
                return strdup_to(ret, "no file system that is known");
        case -2:
                return strdup_to(ret, "signatures of several file systems at once");
        default:
                return errno > 0 ? -errno : -EIO;
        }
}
