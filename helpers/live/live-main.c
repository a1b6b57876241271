/* SPDX-License-Identifier: MIT */
/* boot=live: a tar archive is installed on a volume that is empty; a volume that has a root is booted as it is.
 *
 * "check" runs from scaleway-live.service, after the volume is attached, and decides; nothing is written to the volume.
 * If an installation is due, it leaves /run/scaleway/install, and scaleway-install.service does it: "format" makes a file
 * system whose label says that it is not finished, scaleway-stream fills it, "finish" takes the label away; "cancel" runs if
 * that has failed. Then, or at once, scaleway-local.service mounts the root. "grow" runs from scaleway-grow.service, on the mounted root. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "fd-util.h"
#include "fileio.h"
#include "live-device.h"
#include "live-format.h"
#include "live-grow.h"
#include "live-look.h"
#include "log.h"
#include "main-func.h"
#include "parse-util.h"
#include "paths.h"
#include "root-device.h"
#include "root-lvm.h"
#include "string-util.h"
#include "time-util.h"

#define TIMEOUT_MAX 86400U
/* Some 70 MiB are read, or LVM is asked. */
#define LOOK_USEC (60 * USEC_PER_SEC)
/* With lazy inode tables it takes seconds. The last look before it is in this time. */
#define MKFS_USEC (300 * USEC_PER_SEC)

#define OVERWRITE "live_mode=install on the command line or as a server tag"

typedef enum Mode { MODE_AUTO, MODE_INSTALL } Mode;

static Mode arg_mode = MODE_AUTO;
static const char *arg_mkfs = "ext4";
static const char *arg_no_image = NULL;
static unsigned arg_timeout = 30;

static int help(void) {
        printf("%s check [OPTION…] DEVICE\n"
               "%s format [OPTION…] DEVICE DIRECTORY\n"
               "%s finish DIRECTORY\n"
               "%s cancel\n"
               "%s grow DIRECTORY\n\n"
               "Decides whether an image is to be installed on DEVICE, and does what has to be done before and after.\n\n"
               "     --mode=MODE        auto: only if DEVICE is empty (default); install: whatever is there\n"
               "     --no-image=ADVICE  There is no image to install, and this is what to do about it\n"
               "     --timeout=SECONDS  How long to wait for DEVICE, default %u\n"
               "     --mkfs=TYPE        File system to make: ext4 (default) or btrfs\n"
               "  -h --help             Show this help\n"
               "     --version          Show the version\n",
               program_invocation_short_name, program_invocation_short_name, program_invocation_short_name,
               program_invocation_short_name, program_invocation_short_name, arg_timeout);
        return 0;
}

static int parse_mode(const char *s) {
        if (streq(s, "auto"))
                arg_mode = MODE_AUTO;
        else if (streq(s, "install"))
                arg_mode = MODE_INSTALL;
        else
                return log_error_errno(EINVAL, "--mode= takes auto or install.");

        return 0;
}

static int parse_option(int c, const char *value) {
        switch (c) {
        case 'm':
                return parse_mode(value);
        case 'n':
                arg_no_image = empty_to_null(value);
                return 0;
        case 'f':
                if (!streq(value, "ext4") && !streq(value, "btrfs"))
                        return log_error_errno(EINVAL, "--mkfs= takes ext4 or btrfs.");
                arg_mkfs = value;
                return 0;
        case 'T':
                if (parse_unsigned(value, &arg_timeout) < 0 || arg_timeout > TIMEOUT_MAX)
                        return log_error_errno(EINVAL, "--timeout= takes a number of seconds up to %u.", TIMEOUT_MAX);
                return 0;
        default:
                return log_error_errno(EINVAL, "Unknown option, see --help.");
        }
}

static int parse_argv(int argc, char *argv[]) {
        static const struct option options[] = {
                { "mode",     required_argument, NULL, 'm' },
                { "no-image", required_argument, NULL, 'n' },
                { "timeout",  required_argument, NULL, 'T' },
                { "mkfs",     required_argument, NULL, 'f' },
                { "help",     no_argument,       NULL, 'h' },
                { "version",  no_argument,       NULL, 'V' },
                {}
        };
        int c, r;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                if (c == 'h')
                        return help();
                if (c == 'V') {
                        puts(PROJECT_VERSION " (" BUILD_COMMIT ")");
                        return 0;
                }
                r = parse_option(c, optarg);
                if (r < 0)
                        return r;
        }

        return 1;
}

/* The path of what root= names, and the same for messages. Returns 0 or, after a message, a negative errno. */
static int device_path(const char *source, char **ret_path, char **ret_shown) {
        int r;

        *ret_shown = printable(source, 256);
        if (!*ret_shown)
                return log_oom();
        r = root_device_path(source, ret_path);
        if (r == -ENOMEM)
                return log_oom();
        if (r < 0)
                return log_error_errno(r, "Root '%s' is neither a path nor UUID=, LABEL=, PARTUUID= or PARTLABEL=.",
                                       *ret_shown);
        return 0;
}

/* A logical volume appears only when it is activated, which is done for a root that is to be booted. 1: it is one. */
static int is_logical_volume(const char *path) {
        _cleanup_(root_volume_done) RootVolume v = {};
        int r;

        r = root_volume_parse(path, &v);
        if (r < 0)
                return log_oom();
        return r > 0 && root_device_wait(path, /* deadline= */ 0) == -ENODEV;
}

static int wait_for_device(const char *path, const char *shown) {
        int r;

        r = root_device_wait(path, now_usec() + arg_timeout * USEC_PER_SEC);
        if (r == -ENODEV)
                return log_error_errno(r, "Device '%s' did not appear within %u s; set root= to a disk or a partition.", shown,
                                       arg_timeout);
        if (r == -ENOMEDIUM)
                return log_error_errno(r, "Device '%s' still had no size after %u s: nothing is attached to it.", shown,
                                       arg_timeout);
        if (r == -ENOTBLK)
                return log_error_errno(r, "'%s' is not a block device; set root= to a disk or a partition.", shown);
        if (r < 0)
                return log_error_errno(r, "Failed to open '%s': %m", shown);

        return 0;
}

/* What is overwritten takes such a name along: neither this boot nor a later one would find the device by it. */
static int check_name(const char *path, const char *shown) {
        int r;

        r = live_device_is_named_by_content(path);
        if (r < 0)
                return log_error_errno(r, "Failed to look at the name '%s': %m", shown);
        if (r > 0)
                return log_error_errno(EINVAL,
                                       "'%s' names a device by what is on it, which an installation overwrites; set root= to "
                                       "the device itself, such as /dev/nbd0.",
                                       shown);

        return 0;
}

/* 1: install; 0: boot what is there; after a message, a negative errno. */
static int decide(const LiveLook *look, const char *path, const char *shown) {
        int r;

        if (arg_mode == MODE_AUTO && look->content == LIVE_INSTALLED) {
                log_info("'%s' holds %s: booting from it.", shown, look->words);
                return 0;
        }
        if (arg_mode == MODE_AUTO && look->content == LIVE_FOREIGN)
                return log_error_errno(EEXIST,
                                       "'%s' holds %s: neither empty nor a root, so nothing is installed on it; "
                                       "to overwrite it, set " OVERWRITE ".",
                                       shown, look->words);

        r = check_name(path, shown);
        if (r < 0)
                return r;
        if (look->read_only)
                return log_error_errno(EROFS, "'%s' holds %s, and it is read-only: nothing can be installed on it.", shown,
                                       look->words);
        if (arg_no_image)
                return log_error_errno(ENOENT, "'%s' holds %s, and there is no usable image to install: %s.", shown, look->words,
                                       arg_no_image);
        if (!live_can_make(arg_mkfs))
                return log_error_errno(ENOENT,
                                       "'%s' holds %s, and there is no mkfs.%s in this initrd to install an image with; "
                                       "set another live_mkfs=, or build the initrd where there is one.",
                                       shown, look->words, arg_mkfs);

        if (look->content == LIVE_EMPTY)
                log_info("'%s' is empty: installing the image.", shown);
        else if (look->content == LIVE_UNFINISHED)
                log_notice("'%s' holds %s: installing the image again.", shown, look->words);
        else
                log_notice("'%s' holds %s: installing the image over it, as live_mode=install says.", shown, look->words);
        return 1;
}

static int write_decision(const char *shown) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        int r;

        r = run_path(RUN_INSTALL, &path);
        if (r >= 0)
                r = asprintf_to(&text, "%s\n", shown);
        if (r < 0)
                return log_oom();

        r = write_file_atomic(path, text, strlen(text), 0644);
        return r < 0 ? log_error_errno(r, "Failed to write '%s': %m", path) : 0;
}

static int remove_decision(void) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = run_path(RUN_INSTALL, &path);
        if (r < 0)
                return log_oom();

        return unlink(path) < 0 && errno != ENOENT ? log_error_errno(errno, "Failed to remove '%s': %m", path) : 0;
}

static int check(const char *source) {
        _cleanup_free_ char *path = NULL, *shown = NULL;
        _cleanup_(live_look_done) LiveLook look = {};
        int r;

        r = device_path(source, &path, &shown);
        if (r < 0)
                return r;
        /* Of an earlier try. */
        r = remove_decision();
        if (r < 0)
                return r;

        r = is_logical_volume(path);
        if (r < 0)
                return r;
        if (r > 0 && arg_mode == MODE_INSTALL)
                return log_error_errno(EINVAL,
                                       "live_mode=install takes no logical volume such as '%s': set root= to a disk or a "
                                       "partition.",
                                       shown);
        if (r > 0) {
                log_info("'%s' is a logical volume: booting from it.", shown);
                return 0;
        }

        r = wait_for_device(path, shown);
        if (r < 0)
                return r;
        r = live_look(path, now_usec() + LOOK_USEC, &look);
        if (r < 0)
                return log_error_errno(r, "Failed to read '%s': %m", shown);
        r = decide(&look, path, shown);
        if (r <= 0)
                return r;

        return write_decision(shown);
}

static int open_directory(const char *path) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        return fd < 0 ? log_error_errno(errno, "Failed to open '%s': %m", path) : fd;
}

static int format(const char *source, const char *directory) {
        _cleanup_free_ char *path = NULL, *shown = NULL, *node = NULL, *reason = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = device_path(source, &path, &shown);
        if (r < 0)
                return r;
        r = check_name(path, shown);
        if (r < 0)
                return r;
        /* Once: links come and go with what is on the device. */
        node = realpath(path, NULL);
        if (!node)
                return log_error_errno(errno, "Failed to find '%s': %m", shown);

        /* Of an earlier try, and a person at the shell who wants another one. */
        (void) umount2(directory, UMOUNT_NOFOLLOW);

        log_info("Making a file system of type '%s' on '%s'.", arg_mkfs, shown);
        r = live_format(node, arg_mkfs, arg_mode == MODE_INSTALL, now_usec() + MKFS_USEC, &reason);
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
                return remove_decision();
        if (n == 2 && streq(argv[0], "grow"))
                return grow(argv[1]);

        return log_error_errno(EINVAL, "Say 'check DEVICE', 'format DEVICE DIRECTORY', 'finish DIRECTORY', 'cancel' or "
                                       "'grow DIRECTORY', see --help.");
}

DEFINE_MAIN_FUNCTION(run)
