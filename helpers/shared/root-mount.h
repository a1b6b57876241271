/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Is something mounted on target? 0: no. 1: yes, the device at path. -EBUSY: yes, something else. Else a negative
 * errno. */
_must_check_ int root_is_mounted(const char *path, const char *target);

/* Is something mounted on target, which is an absolute path without symlinks? 1, 0, or a negative errno. The file
 * system itself is not touched, so this does not wait for its server. */
_must_check_ int root_has_mount(const char *real_target);

/* Mounts the device as mount(8) does. type and options may be NULL: the type is then found out. For a device that
 * is served over the network the userspace option _netdev is added and recorded in /run/mount/utab, so that systemd
 * on the host sees a network file system in its root and keeps the network up until it is unmounted. -ENOMEM, or
 * the negative errno and in *ret_message (to be freed) libmount's words for it. */
_must_check_ int root_mount(const char *path, const char *target, const char *type, const char *options,
                             char **ret_message);

typedef enum RootLook {
        ROOT_EMPTY,   /* nothing but lost+found */
        ROOT_STRANGE, /* files, but nothing that a root file system has */
        ROOT_FINE,
} RootLook;

/* What the directory looks like: RootLook or a negative errno. */
_must_check_ int root_look(const char *target);
