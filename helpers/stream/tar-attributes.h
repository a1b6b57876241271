/* SPDX-License-Identifier: MIT */
#pragma once

#include <archive_entry.h>

#include "reason.h"
#include "tree-writer.h"

/* Extended attributes and ACLs of one entry, in the kernel's form. */
typedef struct TarAttributes {
        TreeAttribute list[128 + 2];
        size_t n;
        void *acls[2];
        size_t n_by_name; /* of its ACLs, users and groups that the archive names without a number */
} TarAttributes;

/* Takes them from the entry, which must outlive *ret. What has a name that only this system could translate is left
 * out: the users of the archive are not those of the initrd. Returns 0, or a negative errno after reason_set(). */
_must_check_ int tar_attributes_get(struct archive_entry *entry, Reason *reason, TarAttributes *ret);
void tar_attributes_done(TarAttributes *a);
