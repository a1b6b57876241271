/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"

/* Mount options as people write them for mount.nfs(8), taken apart into what this program has to know and the rest. Of
 * an option that is there twice the last one counts. */
typedef struct NfsOptions {
        char *rest;    /* for the kernel as it is; "" if there is nothing */
        char *version; /* "3", "4.1"; "4" is any minor version of it; NULL: any */
        uint16_t port;
        int family;    /* AF_INET6 with proto=tcp6, else AF_UNSPEC */
} NfsOptions;

/* Returns 0; -EINVAL, with what is wrong in *ret_reason, to be freed; -ENOMEM. *ret is written only on success and then
 * to be ended by nfs_options_done(). */
_must_check_ int nfs_options_parse(const char *s, NfsOptions *ret, char **ret_reason);
void nfs_options_done(NfsOptions *o);

/* Writes the versions to try, best first, and returns how many. The kernel itself tries one only. */
unsigned nfs_options_versions(const NfsOptions *o, const char *ret[static NFS_VERSIONS_MAX]);

/* The options of one mount(2), to be freed: address is numeric. Returns 0 or -ENOMEM. */
_must_check_ int nfs_options_format(const NfsOptions *o, const char *version, const char *address, char **ret);
