/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* What nfsroot= names, as in the kernel's nfsroot.rst, but always with the server: HOST:/PATH[,OPTION…] */
typedef struct NfsSource {
        char *host;    /* name or address, IPv6 without brackets */
        char *path;    /* of the export, absolute */
        char *options; /* separated by commas, "" if there are none */
} NfsSource;

/* An IPv6 address stands in brackets. Returns 0, -EINVAL (malformed), -ENAMETOOLONG, -ENOMEM. *ret is written only on success
 * and then to be ended by nfs_source_done(). */
_must_check_ int nfs_source_parse(const char *s, NfsSource *ret);
void nfs_source_done(NfsSource *n);
