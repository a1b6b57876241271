/* SPDX-License-Identifier: MIT */
#pragma once

#include "root-partition.h"

/* What is on a device, as libblkid sees it. */
typedef enum RootContent {
        ROOT_CONTENT_FILE_SYSTEM,
        ROOT_CONTENT_LVM,   /* a physical volume */
        ROOT_CONTENT_LUKS,  /* encrypted */
        ROOT_CONTENT_TABLE, /* partitions, and no file system beside them */
        ROOT_CONTENT_OTHER, /* other data, or several things at once */
        ROOT_CONTENT_NOTHING, /* nothing that is known: no data, or data of no known kind */
} RootContent;

typedef struct RootProbe {
        RootContent content;
        char *type;  /* of the file system, else NULL */
        char *label; /* of the same or of other data, any bytes; NULL: none */
        char *uuid;  /* of the same, any bytes; NULL: none */
        char *words; /* to end a sentence "/dev/nbd0 holds …": "a GPT partition table, not a file system" */
        RootTable table;
} RootProbe;

/* Label of a file system that an installation is under way on (scaleway-live): mkfs gives it, and it is taken away when
 * all is there. Whoever meets it has half a root before him. */
#define ROOT_LABEL_UNFINISHED "scw-installing"

/* Is this such a file system? */
bool root_probe_is_unfinished(const RootProbe *p);

/* Frees the contents, not p itself. */
void root_probe_done(RootProbe *p);

/* Reads the device's signatures, and its partition table if that is all there is. *ret is to be given to
 * root_probe_done(). Returns 0 or a negative errno, that of open(2) or read(2). */
_must_check_ int root_probe(const char *path, RootProbe *ret);
