/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "time-util.h"

/* root_mount() of type nfs, in a process of its own that is killed after timeout: mount(2) waits for a server for as long as
 * that takes, and so does the root that it makes. Returns 0; -ETIMEDOUT; -ENOMEM; else the negative errno of mount(2), with
 * libmount's words in *ret_message, to be freed. */
_must_check_ int nfs_mount(const char *source, const char *target, const char *options, usec_t timeout, char **ret_message);

/* By what name the servers know this client of version 4.1 and later, and whose files and locks are whose. Linux takes the
 * host name, which in the initrd is the same for all. Returns 0 or a negative errno: -ENOENT if the kernel has no such
 * setting. */
_must_check_ int nfs_set_identifier(const char *identifier);
