/* SPDX-License-Identifier: MIT */
#pragma once

#include <netdb.h>

#include "network-path.h"
#include "nfs-options.h"
#include "nfs-source.h"
#include "time-util.h"

/* What is to be mounted, and from where. */
typedef struct NfsServer {
        NfsSource source;
        NfsOptions options;
        char address[NI_MAXHOST]; /* of the server, numeric */
        char local[NI_MAXHOST];   /* ours, as it sees us */
        char *shown;              /* SERVER:/PATH for people and for the kernel */
        bool has_path;
        NetworkPath path;         /* to the server; none if it is this machine */
        const char *mounted;      /* the version, when the server went away between mount and look */
} NfsServer;

/* Outcome of one try. reason completes "Cannot mount '...': ". */
typedef struct NfsTry {
        const char *version; /* the one that it was */
        char *reason;
        bool permanent; /* the next try can hardly end otherwise */
        int look;       /* when it is mounted: what root_look() says of it */
} NfsTry;

void nfs_server_done(NfsServer *s);
void nfs_try_done(NfsTry *t);

/* Fills in shown: SERVER:PATH, in which %s is the address of this client, as in the kernel's own nfsroot=. Returns 0 or
 * -ENOMEM. */
_must_check_ int nfs_server_name(NfsServer *s);

/* One try, within about left: looks up the server, connects to it, and mounts on target in whatever version it speaks.
 * target is an absolute path without symlinks.
 * identifier may be NULL: the address of this client. Returns 0, or a negative errno and *t. */
_must_check_ int nfs_try(NfsServer *s, const char *target, const char *identifier, usec_t left, NfsTry *t);
