/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "alloc-util.h"
#include "bounds.h"
#include "fileio.h"
#include "live-check.h"
#include "live-device.h"
#include "live-format.h"
#include "live-look.h"
#include "log.h"
#include "paths.h"
#include "root-device.h"
#include "root-lvm.h"
#include "string-util.h"
#include "time-util.h"

#define OVERWRITE "live_mode=install on the command line or as a server tag"

/* The path of what root= names, and the same for messages. Returns 0 or, after a message, a negative errno. */
int live_device_path(const char *source, char **ret_path, char **ret_shown) {
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

/* What is overwritten takes such a name along: neither this boot nor a later one would find the device by it. */
int live_check_name(const char *path, const char *shown) {
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

/* A logical volume appears only when it is activated, which is done for a root that is to be booted. 1: it is one. */
static int is_logical_volume(const char *path) {
        _cleanup_(root_volume_done) RootVolume v = {};
        int r;

        r = root_volume_parse(path, &v);
        if (r < 0)
                return log_oom();
        return r > 0 && root_device_wait(path, /* deadline= */ 0) == -ENODEV;
}

static int wait_for_device(const char *path, const char *shown, unsigned timeout) {
        int r;

        r = root_device_wait(path, now_usec() + timeout * USEC_PER_SEC);
        if (r == -ENODEV)
                return log_error_errno(r, "Device '%s' did not appear within %u s; set root= to a disk or a partition.", shown,
                                       timeout);
        if (r == -ENOMEDIUM)
                return log_error_errno(r, "Device '%s' still had no size after %u s: nothing is attached to it.", shown,
                                       timeout);
        if (r == -ENOTBLK)
                return log_error_errno(r, "'%s' is not a block device; set root= to a disk or a partition.", shown);
        if (r < 0)
                return log_error_errno(r, "Failed to open '%s': %m", shown);

        return 0;
}

/* 1: install; 0: boot what is there; after a message, a negative errno. */
static int decide(const LiveCheck *c, const LiveLook *look, const char *path, const char *shown) {
        int r;

        if (!c->install && look->content == LIVE_INSTALLED) {
                log_info("'%s' holds %s: booting from it.", shown, look->words);
                return 0;
        }
        if (!c->install && look->content == LIVE_FOREIGN)
                return log_error_errno(EEXIST,
                                       "'%s' holds %s: neither empty nor a root, so nothing is installed on it; "
                                       "to overwrite it, set " OVERWRITE ".",
                                       shown, look->words);

        r = live_check_name(path, shown);
        if (r < 0)
                return r;
        if (look->read_only)
                return log_error_errno(EROFS, "'%s' holds %s, and it is read-only: nothing can be installed on it.", shown,
                                       look->words);
        if (c->no_image)
                return log_error_errno(ENOENT, "'%s' holds %s, and there is no usable image to install: %s.", shown, look->words,
                                       c->no_image);
        if (!live_can_make(c->mkfs))
                return log_error_errno(ENOENT,
                                       "'%s' holds %s, and there is no mkfs.%s in this initrd to install an image with; "
                                       "set another live_mkfs=, or build the initrd where there is one.",
                                       shown, look->words, c->mkfs);

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

int live_cancel(void) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = run_path(RUN_INSTALL, &path);
        if (r < 0)
                return log_oom();

        return unlink(path) < 0 && errno != ENOENT ? log_error_errno(errno, "Failed to remove '%s': %m", path) : 0;
}

int live_check(const LiveCheck *c) {
        _cleanup_free_ char *path = NULL, *shown = NULL;
        _cleanup_(live_look_done) LiveLook look = {};
        int r;

        r = live_device_path(c->source, &path, &shown);
        if (r < 0)
                return r;
        /* Of an earlier try. */
        r = live_cancel();
        if (r < 0)
                return r;

        r = is_logical_volume(path);
        if (r < 0)
                return r;
        if (r > 0 && c->install)
                return log_error_errno(EINVAL,
                                       "live_mode=install takes no logical volume such as '%s': set root= to a disk or a "
                                       "partition.",
                                       shown);
        if (r > 0) {
                log_info("'%s' is a logical volume: booting from it.", shown);
                return 0;
        }

        r = wait_for_device(path, shown, c->timeout);
        if (r < 0)
                return r;
        r = live_look(path, now_usec() + LIVE_LOOK_USEC, &look);
        if (r < 0)
                return log_error_errno(r, "Failed to read '%s': %m", shown);
        r = decide(c, &look, path, shown);
        if (r <= 0)
                return r;

        return write_decision(shown);
}
