/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "blkid-util.h"
#include "bounds.h"
#include "fd-util.h"
#include "live-device.h"
#include "live-empty.h"
#include "live-format.h"
#include "live-look.h"
#include "live-marker.h"
#include "root-command.h"
#include "root-probe.h"
#include "string-util.h"

#define LABEL_FINISHED "root"

/* Sets *ret_reason and returns error, which must be negative. */
static _printf_(3, 4) int fail(char **ret_reason, int error, const char *format, ...) {
        va_list ap;

        errno = -error;
        va_start(ap, format);
        if (vasprintf(ret_reason, format, ap) < 0) {
                *ret_reason = NULL;
                error = -ENOMEM;
        }
        va_end(ap);
        return error;
}

/* mkfs of one type leaves what others have written elsewhere on the disk, and then nobody could tell what it is. */
static int wipe_signatures(int fd) {
        _cleanup_(blkid_probe_freep) blkid_probe probe = NULL;

        errno = 0;
        probe = blkid_new_probe();
        if (!probe || blkid_probe_set_device(probe, fd, 0, 0) < 0)
                return errno > 0 ? -errno : -ENOMEM;

        (void) blkid_probe_enable_superblocks(probe, 1);
        (void) blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
                                                                BLKID_SUBLKS_BADCSUM);
        (void) blkid_probe_enable_partitions(probe, 1);
        (void) blkid_probe_set_partitions_flags(probe, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);

        for (unsigned n = 0; n < LIVE_SIGNATURES_MAX; n++) {
                int r;

                errno = 0;
                r = blkid_do_probe(probe);
                if (r == 1)
                        return fsync(fd) < 0 ? -errno : 0;
                if (r < 0 || blkid_do_wipe(probe, /* dryrun= */ 0) < 0)
                        return errno > 0 ? -errno : -EIO;
        }

        return -ELOOP;
}

/* Since it was looked at, somebody else may have had the device. */
static int look_again(const char *path, bool overwrite, usec_t deadline, char **ret_reason) {
        _cleanup_(live_look_done) LiveLook look = {};
        int r;

        r = live_look(path, deadline, &look);
        if (r < 0)
                return fail(ret_reason, r, "Failed to read '%s': %m", path);
        if (!overwrite && look.content != LIVE_EMPTY && look.content != LIVE_UNFINISHED)
                return fail(ret_reason, -EEXIST, "'%s' holds %s, so nothing is installed on it", path, look.words);

        return 0;
}

/* Everything up to mkfs. *ret_size: what mkfs may use. */
static int prepare(const char *path, bool overwrite, usec_t deadline, uint64_t *ret_size, char **ret_reason) {
        _cleanup_close_ int fd = -EBADF;
        uint64_t size;
        bool read_only;
        int r;

        /* Exclusively: nothing that is mounted, or part of something that is active, is overwritten. */
        fd = open(path, O_RDWR | O_CLOEXEC | O_EXCL);
        if (fd < 0)
                return fail(ret_reason, -errno, errno == EBUSY ? "'%s' is in use" : "Failed to open '%s': %m", path);
        r = live_device_size(fd, &size, &read_only);
        if (r < 0)
                return fail(ret_reason, r, "Failed to find out the size of '%s': %m", path);
        if (read_only)
                return fail(ret_reason, -EROFS, "'%s' is read-only", path);
        if (live_usable_size(size) == 0)
                return fail(ret_reason, -ENOSPC, "'%s' is too small: %" PRIu64 " bytes", path, size);
        r = look_again(path, overwrite, deadline, ret_reason);
        if (r < 0)
                return r;

        r = live_marker_write(fd, size, true);
        if (r < 0)
                return fail(ret_reason, r, "Failed to write to '%s': %m", path);
        r = wipe_signatures(fd);
        if (r < 0)
                return fail(ret_reason, r, "Failed to wipe what was on '%s': %m", path);
        /* Partitions that are no more. There may have been none. */
        (void) ioctl(fd, BLKRRPART);

        *ret_size = live_usable_size(size);
        return 0;
}

/* nodiscard, -K: what a server does at a request to discard a whole volume may take minutes, and an empty volume gains
 * nothing by it; fstrim(8) on the host gives back the rest. The inode tables are zeroed later, by the kernel. An image's
 * own e2fsck may be older than orphan files (1.47), which only quicken what a journal of this size does anyway. */
static int run_mkfs(const char *path, const char *type, uint64_t size, usec_t deadline, char **ret_reason) {
        _cleanup_free_ char *program = NULL, *kib = NULL, *bytes = NULL, *output = NULL, *message = NULL;
        int r;

        if (asprintf_to(&program, "/usr/sbin/mkfs.%s", type) < 0 || asprintf_to(&kib, "%" PRIu64 "K", size / 1024) < 0 ||
            asprintf_to(&bytes, "%" PRIu64, size) < 0)
                return -ENOMEM;

        const char *const ext4[] = {
                program, "-F", "-q", "-L", ROOT_LABEL_UNFINISHED, "-O", "^orphan_file", "-E", "nodiscard,lazy_itable_init=1",
                path, kib, NULL,
        };
        const char *const btrfs[] = {
                program, "-f", "-q", "-K", "-L", ROOT_LABEL_UNFINISHED, "-b", bytes, path, NULL,
        };

        r = root_command(streq(type, "btrfs") ? btrfs : ext4, deadline, &output, &message);
        if (r == 0 || r == -ENOMEM)
                return r;
        if (r == -ENOENT)
                return fail(ret_reason, r, "There is no mkfs.%s in this initrd", type);
        if (r == -ETIMEDOUT)
                return fail(ret_reason, r, "mkfs.%s on '%s' did not end in time", type, path);
        if (r < 0 && isempty(message))
                return fail(ret_reason, r, "mkfs.%s on '%s' failed: %m", type, path);
        return fail(ret_reason, r < 0 ? r : -EIO, "mkfs.%s on '%s' failed: %s", type, path,
                    isempty(message) ? "it gave no reason" : message);
}

/* mkfs has failed. If it has not written anything, as when the device is too small for it, the marker would only have what
 * somebody else writes there later taken for ours. */
static void remove_marker_if_empty(const char *path, usec_t deadline) {
        _cleanup_free_ char *words = NULL;
        _cleanup_close_ int fd = -EBADF;
        bool read_only;
        uint64_t size;

        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0 || live_device_size(fd, &size, &read_only) < 0 || live_usable_size(size) == 0)
                return;
        if (live_is_empty(fd, live_marker_offset(size), deadline, &words) > 0)
                (void) !live_marker_write(fd, size, false);
}

/* From here on the label tells. */
static int take_over(const char *path, const char *type, char **ret_reason) {
        _cleanup_(root_probe_done) RootProbe probe = {};
        _cleanup_close_ int fd = -EBADF;
        bool read_only;
        uint64_t size;
        int r;

        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return fail(ret_reason, -errno, "Failed to open '%s': %m", path);
        if (fsync(fd) < 0)
                return fail(ret_reason, -errno, "Failed to write to '%s': %m", path);
        r = root_probe(path, &probe);
        if (r < 0)
                return fail(ret_reason, r, "Failed to read '%s': %m", path);
        if (!root_probe_is_unfinished(&probe) || !streq_ptr(probe.type, type))
                return fail(ret_reason, -EIO, "mkfs.%s has left %s on '%s'", type, probe.words, path);

        r = live_device_size(fd, &size, &read_only);
        if (r >= 0)
                r = live_marker_write(fd, size, false);
        if (r < 0)
                return fail(ret_reason, r, "Failed to write to '%s': %m", path);

        return 0;
}

bool live_can_make(const char *type) {
        _cleanup_free_ char *program = NULL;

        assert(type);

        return asprintf_to(&program, "/usr/sbin/mkfs.%s", type) >= 0 && access(program, X_OK) >= 0;
}

int live_format(const char *path, const char *type, bool overwrite, usec_t deadline, char **ret_reason) {
        uint64_t size = 0;
        int r;

        assert(path);
        assert(type);
        assert(ret_reason);

        if (!live_can_make(type))
                return fail(ret_reason, -ENOENT, "There is no mkfs.%s in this initrd", type);

        r = prepare(path, overwrite, deadline, &size, ret_reason);
        if (r < 0)
                return r;
        r = run_mkfs(path, type, size, deadline, ret_reason);
        if (r < 0) {
                remove_marker_if_empty(path, deadline);
                return r;
        }

        return take_over(path, type, ret_reason);
}

static int set_label(int dir_fd, const char *text) {
        char label[FSLABEL_MAX] = {};

        (void) snprintf(label, sizeof(label), "%s", text);
        return ioctl(dir_fd, FS_IOC_SETFSLABEL, label) < 0 ? -errno : 0;
}

int live_try_label(int dir_fd) {
        return set_label(dir_fd, ROOT_LABEL_UNFINISHED);
}

int live_finish(int dir_fd) {
        int r;

        /* In this order: without the first of them the label could be gone from a disk that lacks some files. */
        if (syncfs(dir_fd) < 0)
                return -errno;
        r = set_label(dir_fd, LABEL_FINISHED);
        if (r < 0)
                return r;
        return syncfs(dir_fd) < 0 ? -errno : 0;
}
