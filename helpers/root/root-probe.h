/* SPDX-License-Identifier: MIT */
#pragma once

#include "root-partition.h"

/* What is on a device, as libblkid sees it. */
typedef enum RootContent {
        ROOT_CONTENT_FILE_SYSTEM,
        ROOT_CONTENT_LVM,   /* a physical volume */
        ROOT_CONTENT_TABLE, /* partitions, and no file system beside them */
        ROOT_CONTENT_OTHER, /* other data, nothing that is known, or several things at once */
} RootContent;

typedef struct RootProbe {
        RootContent content;
        char *type;  /* of the file system, else NULL */
        char *words; /* to end a sentence "/dev/nbd0 holds …": "a GPT partition table, not a file system" */
        RootTable table;
} RootProbe;

/* Frees the contents, not p itself. */
void root_probe_done(RootProbe *p);

/* Reads the device's signatures, and its partition table if that is all there is. *ret is to be given to
 * root_probe_done(). Returns 0 or a negative errno, that of open(2) or read(2). */
_must_check_ int root_probe(const char *path, RootProbe *ret);
