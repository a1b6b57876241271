/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "time-util.h"

/* root_mount() of type nfs and root_look(), in a process of its own that is killed after timeout: mount(2) waits for a
 * server for as long as that takes, and so does the root that it makes. target is an absolute path without symlinks;
 * where something is mounted there already it is only looked at. Returns 0, and what root_look() returned in *ret_look;
 * -ETIMEDOUT, and the root may be mounted all the same, see root_has_mount(); -ENOMEM; else the negative errno of
 * mount(2), with libmount's words in *ret_message, to be freed. */
_must_check_ int nfs_mount(const char *source, const char *target, const char *options, usec_t timeout, int *ret_look,
                           char **ret_message);

/* By what name the servers know this client of version 4.1 and later, and whose files and locks are whose. Linux takes
 * the host name, which in the initrd is the same for all. Returns 0 or a negative errno: -ENOENT if the kernel has no
 * such setting. */
_must_check_ int nfs_set_identifier(const char *identifier);
