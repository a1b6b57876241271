/* SPDX-License-Identifier: MIT */
#pragma once

#include "options.h"

#define ROOT_NFS "/dev/nfs" /* no device, but the kernel's own word for a root over NFS */

/* What boot=local mounts, and the volume that has to be attached for it. */
typedef struct RootSpec {
        char *device; /* for scaleway-root(8): a path, or UUID=… and its like */
        int nbd;      /* N of /dev/nbdN to attach before, or -1 */
        char *volume; /* if device may be inside of what is encrypted on the volume to boot from: that one's path; or NULL */
        char *uri;
        char *identifier; /* volume id, "" if it is not known */
        char *uri_origin; /* for people: "volume 0 of the metadata" */
} RootSpec;

void root_spec_done(RootSpec *s);

/* Settles root: from the option if it is set, else from volume 0, which is then written to the options as what is in
 * force. Returns 0; -ENXIO if the root is on NBD and nothing says where its server is, with the reason in
 * *ret_reason, to be freed; -ENOMEM. */
_must_check_ int root_spec_settle(Options *o, const Metadata *m, RootSpec *ret, char **ret_reason);
