/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* What is looked for, and what is known of it between the calls for one partition after the other. */
typedef struct RootSearch {
        const char *source; /* what root= names */
        const char *volume; /* the device that the server boots from, where it is looked if source does not appear, or NULL */
        unsigned timeout;   /* how many seconds source is waited for */
        bool asked;         /* set by root_find(): a person was asked for a passphrase, and is for no other one */
} RootSearch;

/* From what root= names to the device that has the file system on it: waits for the device, and then takes the partition of a disk that
 * has a partition table, the logical volume of an LVM physical volume, and what is inside of an encrypted volume, for whose passphrase a
 * person is waited for. Where several partitions come into question, those are passed over that are empty or half an installation. skip:
 * so many partitions that come into question were not it; -ENOENT without a line if there is no other. *ret_path is to be freed;
 * *ret_type, to be freed, is the type of its file system or NULL, and then a mount will fail or guess. Returns 0 or, after one line in the
 * log, a negative errno; -EKEYREJECTED: what was encrypted was not unlocked, and the line may be that of who has asked. */
_must_check_ int root_find(RootSearch *search, unsigned skip, char **ret_path, char **ret_type);
