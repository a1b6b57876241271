/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

typedef struct LiveCheck {
        const char *source;   /* what root= names */
        const char *mkfs;     /* "ext4" or "btrfs" */
        const char *no_image; /* what to do about it that there is no image; NULL: there is one */
        bool install;         /* whatever is there */
        unsigned timeout;     /* seconds to wait for the device */
} LiveCheck;

/* All of these return 0 or, after a message, a negative errno. */

/* Decides whether an installation is due, says so, and leaves /run/scaleway/install if it is. Nothing is written to the device. */
_must_check_ int live_check(const LiveCheck *c);

/* Takes the decision back. */
_must_check_ int live_cancel(void);

/* The path of what root= names, and the same for messages; both are to be freed. */
_must_check_ int live_device_path(const char *source, char **ret_path, char **ret_shown);

/* -EINVAL if path names a device by what is on it. */
_must_check_ int live_check_name(const char *path, const char *shown);
