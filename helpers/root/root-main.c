/* SPDX-License-Identifier: MIT */
/* Runs from scaleway-local.service, after the unit that attaches the root volume and before initrd-root-fs.target.
 * It expects that the device is there or appears shortly, and leaves its file system mounted on /sysroot. It mounts
 * through libmount rather than by a .mount unit: systemd would give a unit with _netdev an ordering after
 * network-online.target, and mount(2) alone does not record _netdev where the host looks for it. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/mount.h>

#include "alloc-util.h"
#include "bounds.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "mount-point.h"
#include "root-find.h"
#include "root-mount.h"
#include "root-probe.h"
#include "string-util.h"

static const char *arg_type = NULL;
static const char *arg_options = NULL;
static unsigned arg_timeout = 30;
static const char *arg_volume = NULL;
static const char *arg_source = NULL;
static const char *arg_target = NULL;

static const char usage[] = "scaleway-root mount [OPTION…] SOURCE TARGET\n\n"
                            "Mounts the root file system.";

static int parse_type(const char *name, const char *value, void *target) {
        (void) name;
        (void) target;
        arg_type = streq(value, "auto") ? NULL : empty_to_null(value);
        return 0;
}

static int parse_argv(int argc, char *argv[]) {
        const ProgramOption options[] = {
                { "type", "TYPE", parse_type, NULL,
                  "Type of the file system; empty: find it out" },
                { "options", "OPTIONS", take_string_or_null, &arg_options,
                  "Mount options, as in fstab" },
                { "timeout", "SECONDS", take_seconds, &arg_timeout,
                  "How long to wait for SOURCE" },
                { "volume", "DEVICE", take_string_or_null, &arg_volume,
                  "If SOURCE does not appear, it may be inside of what is\n"
                  "encrypted there" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;
        if (argc - optind != 3 || !streq(argv[optind], "mount"))
                return log_error_errno(EINVAL, "Say 'mount SOURCE TARGET', see --help.");

        arg_source = argv[optind + 1];
        arg_target = argv[optind + 2];
        return 1;
}

/* One line that says what was found on the device, because "wrong fs type, bad superblock" helps nobody. */
static int explain_failure(const char *path, const char *shown, int error, const char *message) {
        _cleanup_(root_probe_done) RootProbe probe = {};
        int r;

        r = root_probe(path, &probe);
        if (r < 0)
                return log_error_errno(error, "Failed to mount '%s', which cannot be read: %s.", shown, strerror(-r));
        if (!probe.type)
                return log_error_errno(error, "Failed to mount the root: '%s' holds %s.", shown, probe.words);
        if (error == -ENODEV || (arg_type && !streq(arg_type, probe.type)))
                return log_error_errno(error, "Failed to mount the root: '%s' holds %s, %s.", shown, probe.words,
                                       arg_type ? "but another type was asked for or the kernel has no driver for it"
                                                : "for which the kernel has no driver");

        return log_error_errno(error, "Failed to mount the root: '%s' holds %s: %s.", shown, probe.words,
                               message ?: strerror(-error));
}

/* Returns 1 if it looks unlike a root, and is mounted all the same. */
static int check_content(const char *shown) {
        int look = root_look(arg_target);

        if (look == ROOT_EMPTY) {
                (void) umount2(arg_target, 0);
                return log_error_errno(ENOENT, "The root file system on '%s' is empty: install an image on the volume.",
                                       shown);
        }
        if (look < 0)
                log_warning_errno(look, "Failed to list the root file system on '%s', ignoring: %m", shown);

        return look == ROOT_STRANGE;
}

/* Returns 1 if it looks unlike a root. */
static int mount_root(const char *path, const char *type, const char *shown) {
        _cleanup_free_ char *message = NULL;
        int r;

        r = root_is_mounted(path, arg_target);
        if (r == -EBUSY)
                return log_error_errno(r, "Something other than '%s' is mounted on '%s' already.", shown, arg_target);
        if (r < 0)
                return log_error_errno(r, "Failed to find out what is mounted on '%s': %m", arg_target);
        if (r > 0) {
                log_debug("'%s' is mounted on '%s' already.", shown, arg_target);
                return 0;
        }

        r = root_mount(path, arg_target, arg_type ?: type, arg_options, &message);
        if (r == -ENOMEM && !message)
                return log_oom();
        if (r < 0)
                return explain_failure(path, shown, r, message);

        return check_content(shown);
}

typedef struct Strange {
        char *path, *type;
} Strange;

static void strange_done(Strange *s) {
        free(s->path);
        free(s->type);
}

/* Another one was to be better and cannot be mounted, or is empty: returns 1, or a negative errno. */
static int mount_again(const Strange *s) {
        _cleanup_free_ char *shown = printable(s->path, 256);
        int r;

        if (!shown)
                return log_oom();
        r = mount_root(s->path, s->type, shown);
        if (r < 0)
                return r;

        log_info("Mounted '%s' on '%s' again.", shown, arg_target);
        return 1;
}

/* The root, or, if skip partitions were not it, the next one, in place of *strange, which is mounted. Returns 1 if what is mounted
 * then looks unlike a root, and is *strange. */
static int find_and_mount(RootSearch *search, unsigned skip, Strange *strange) {
        _cleanup_free_ char *path = NULL, *type = NULL, *shown = NULL;
        int r;

        r = root_find(search, skip, &path, &type);
        if (r < 0)
                return r;
        if (skip > 0 && !type)
                return -ENOENT; /* not worth what is mounted */
        if (skip > 0 && umount2(arg_target, 0) < 0)
                return log_error_errno(errno, "Failed to unmount '%s' again: %m", arg_target);

        shown = printable(path, 256);
        if (!shown)
                return log_oom();
        r = mount_root(path, type, shown);
        if (r < 0)
                return skip > 0 && r != -ENOMEM ? mount_again(strange) : r;

        log_info("Mounted '%s' on '%s'%s.", shown, arg_target,
                 r > 0 ? ", which looks unlike a root: no usr, etc, bin, sbin, lib" : "");
        if (r > 0) {
                free_and_replace_str(&strange->path, TAKE_PTR(path));
                free_and_replace_str(&strange->type, TAKE_PTR(type));
        }
        return r;
}

static int run(int argc, char *argv[]) {
        _cleanup_(strange_done) Strange strange = {};
        RootSearch search;
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        search = (RootSearch) { .source = arg_source, .volume = arg_volume, .timeout = arg_timeout };
        /* Of a disk with partitions the first that comes into question may be that of /boot, as where the root is on LVM. */
        r = find_and_mount(&search, 0, &strange);
        for (unsigned skip = 1; r > 0 && skip <= ROOT_SKIP_MAX; skip++) {
                r = find_and_mount(&search, skip, &strange);
                /* There is no other, or it cannot be had: then it is this one. But who was asked for a passphrase has meant the other. */
                if (r < 0 && r != -EKEYREJECTED && path_is_mount_point(arg_target) > 0)
                        return 0;
        }

        return MIN(r, 0);
}

DEFINE_MAIN_FUNCTION(run)
