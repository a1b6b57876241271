/* SPDX-License-Identifier: MIT */
#include <blkid/blkid.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/fs.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bounds.h"
#include "fd-util.h"
#include "poll-util.h"
#include "root-device.h"
#include "string-util.h"

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

                (void) poll_readable(inotify_fd, MIN(deadline, now + DEVICE_RECHECK_USEC));
                while (inotify_fd >= 0 && read(inotify_fd, events, sizeof(events)) > 0)
                        ;
        }
}

bool root_device_is_disk(const char *path) {
        static const char *const others[] = { "partition", "dm" };
        struct stat st;

        assert(path);

        if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
                return false;

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                _cleanup_free_ char *attribute = NULL;

                if (asprintf_to(&attribute, "/sys/dev/block/%u:%u/%s", major(st.st_rdev), minor(st.st_rdev), others[i]) < 0 ||
                    access(attribute, F_OK) >= 0)
                        return false;
        }

        return true;
}

/* Its name is the disk's, and a "p" comes between if that ends with a digit. */
static int partition_path(const char *path, unsigned number, char **ret) {
        _cleanup_free_ char *link = NULL, *target = NULL;
        const char *disk;
        struct stat st;
        int r;

        if (stat(path, &st) < 0)
                return -errno;

        r = asprintf_to(&link, "/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
        if (r < 0)
                return r;
        target = realpath(link, NULL);
        if (!target)
                return -errno;

        disk = basename(target);
        return asprintf_to(ret, "/dev/%s%s%u", disk, isdigit((unsigned char) disk[strlen(disk) - 1]) ? "p" : "", number);
}

int root_device_partition(const char *path, unsigned number, usec_t deadline, char **ret) {
        _cleanup_free_ char *partition = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        assert(path);
        assert(ret);

        r = partition_path(path, number, &partition);
        if (r < 0)
                return r;

        /* The kernel has read the table when the disk was opened for the first time, and makes the nodes before that
         * open() returns. So only a disk whose table is newer, or was unreadable then, has to be read again, which makes
         * udev look at all of its partitions. */
        r = root_device_wait(partition, /* deadline= */ 0);
        if (r < 0) {
                fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
                if (fd < 0)
                        return -errno;
                if (ioctl(fd, BLKRRPART) < 0 && errno == EINVAL)
                        return -EOPNOTSUPP;
                r = root_device_wait(partition, deadline);
        }
        if (r < 0)
                return r;

        *ret = TAKE_PTR(partition);
        return 0;
}
