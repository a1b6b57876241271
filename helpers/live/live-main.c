/* SPDX-License-Identifier: MIT */
/* boot=live: a tar archive is installed on a volume that is empty; a volume that has a root is booted as it is.
 *
 * "check" runs from scaleway-live.service, after the volume is attached, and decides; nothing is written to the volume.
 * If an installation is due, it leaves /run/scaleway/install, and scaleway-install.service does it: "format" makes a file
 * system whose label says that it is not finished, scaleway-stream fills it, "finish" takes the label away; "cancel" runs if
 * that has failed. Then, or at once, scaleway-local.service mounts the root. "grow" runs from scaleway-grow.service, on the
 * mounted root. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "bounds.h"
#include "fd-util.h"
#include "live-check.h"
#include "live-format.h"
#include "live-grow.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "string-util.h"
#include "time-util.h"

static bool arg_install = false;
static const char *arg_mkfs = "ext4";
static const char *arg_no_image = NULL;
static unsigned arg_timeout = 30;

static const char usage[] = "scaleway-live check [OPTION…] DEVICE\n"
                            "scaleway-live format [OPTION…] DEVICE DIRECTORY\n"
                            "scaleway-live finish DIRECTORY\n"
                            "scaleway-live cancel\n"
                            "scaleway-live grow DIRECTORY\n\n"
                            "Decides whether an image is to be installed on DEVICE, and does what has to be done before and after.";

static int parse_mode(const char *name, const char *s, void *target) {
        (void) target;
        if (streq(s, "auto"))
                arg_install = false;
        else if (streq(s, "install"))
                arg_install = true;
        else
                return log_error_errno(EINVAL, "--%s= takes auto or install.", name);

        return 0;
}

static int parse_mkfs(const char *name, const char *value, void *target) {
        (void) target;
        if (!streq(value, "ext4") && !streq(value, "btrfs"))
                return log_error_errno(EINVAL, "--%s= takes ext4 or btrfs.", name);

        arg_mkfs = value;
        return 0;
}

static int parse_argv(int argc, char *argv[]) {
        const ProgramOption options[] = {
                { "mode", "MODE", parse_mode, NULL,
                  "auto: only if DEVICE is empty (default); install: whatever is there" },
                { "no-image", "ADVICE", take_string_or_null, &arg_no_image,
                  "There is no image to install, and this is what to do about it" },
                { "timeout", "SECONDS", take_seconds, &arg_timeout,
                  "How long to wait for DEVICE" },
                { "mkfs", "TYPE", parse_mkfs, NULL,
                  "File system to make: ext4 (default) or btrfs" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;
        return 1;
}

static int check(const char *source) {
        return live_check(&(LiveCheck) {
                .source = source,
                .mkfs = arg_mkfs,
                .no_image = arg_no_image,
                .install = arg_install,
                .timeout = arg_timeout,
        });
}

static int open_directory(const char *path) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        return fd < 0 ? log_error_errno(errno, "Failed to open '%s': %m", path) : fd;
}

static int format(const char *source, const char *directory) {
        _cleanup_free_ char *path = NULL, *shown = NULL, *node = NULL, *reason = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = live_device_path(source, &path, &shown);
        if (r < 0)
                return r;
        r = live_check_name(path, shown);
        if (r < 0)
                return r;
        /* Once: links come and go with what is on the device. */
        node = realpath(path, NULL);
        if (!node)
                return log_error_errno(errno, "Failed to find '%s': %m", shown);

        /* Of an earlier try, and a person at the shell who wants another one. */
        (void) umount2(directory, UMOUNT_NOFOLLOW);

        log_info("Making a file system of type '%s' on '%s'.", arg_mkfs, shown);
        r = live_format(node, arg_mkfs, arg_install, now_usec() + LIVE_MKFS_USEC, &reason);
        if (r < 0)
                return reason ? log_error_errno(r, "%s.", reason) : log_oom();

        if (mount(node, directory, arg_mkfs, MS_NOATIME, NULL) < 0)
                return log_error_errno(errno, "Failed to mount the new file system on '%s': %m", shown);

        fd = open_directory(directory);
        if (fd < 0)
                return fd;
        r = live_try_label(fd);
        if (r == -ENOTTY || r == -EOPNOTSUPP)
                return log_error_errno(r, "This kernel cannot change the label of a mounted file system of type '%s'%s.", arg_mkfs,
                                       streq(arg_mkfs, "ext4") ? "; set live_mkfs=btrfs" : "");
        if (r < 0)
                return log_error_errno(r, "Failed to set the label of the new file system on '%s': %m", shown);

        return 0;
}

static int finish(const char *directory) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = open_directory(directory);
        if (fd < 0)
                return fd;
        log_info("Waiting until all of the image is on the disk.");
        r = live_finish(fd);
        if (r < 0)
                return log_error_errno(r, "Failed to finish the installation: %m");
        fd = safe_close(fd);

        if (umount2(directory, UMOUNT_NOFOLLOW) < 0)
                return log_error_errno(errno, "Failed to unmount '%s': %m", directory);
        log_info("The image is installed.");
        return 0;
}

static int grow(const char *directory) {
        _cleanup_close_ int fd = -EBADF;
        uint64_t before, after;
        int r;

        fd = open_directory(directory);
        if (fd < 0)
                return fd;
        r = live_grow(fd, &before, &after);
        if (r == -EOPNOTSUPP) {
                log_warning("live_grow=1 is for ext4, and for btrfs on one device, ignoring.");
                return 0;
        }
        if (r < 0) {
                log_warning_errno(r, "Failed to grow the root file system, ignoring: %m");
                return 0;
        }
        if (r > 0)
                log_info("Grew the root file system from %" PRIu64 " to %" PRIu64 " MiB.", before >> 20, after >> 20);

        return 0;
}

static int run(int argc, char *argv[]) {
        int n, r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        argv += optind;
        n = argc - optind;
        if (n == 2 && streq(argv[0], "check"))
                return check(argv[1]);
        if (n == 3 && streq(argv[0], "format"))
                return format(argv[1], argv[2]);
        if (n == 2 && streq(argv[0], "finish"))
                return finish(argv[1]);
        if (n == 1 && streq(argv[0], "cancel"))
                return live_cancel();
        if (n == 2 && streq(argv[0], "grow"))
                return grow(argv[1]);

        return log_error_errno(EINVAL, "Say 'check DEVICE', 'format DEVICE DIRECTORY', 'finish DIRECTORY', 'cancel' or "
                                       "'grow DIRECTORY', see --help.");
}

DEFINE_MAIN_FUNCTION(run)
