/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

typedef enum RootTableKind {
        ROOT_TABLE_NONE,
        ROOT_TABLE_GPT,
        ROOT_TABLE_DOS,
        ROOT_TABLE_OTHER, /* of another system, or damaged: nothing is chosen from it */
} RootTableKind;

typedef struct RootPartition {
        unsigned number; /* as the kernel counts: N of /dev/vdaN */
        char *name;      /* of GPT, else NULL */
        char *type;      /* GPT: the GUID as text; DOS: "0x83" */
        uint64_t size;   /* sectors of 512 bytes */
} RootPartition;

typedef struct RootTable {
        RootTableKind kind;
        RootPartition *partitions; /* in any order */
        size_t n_partitions;
} RootTable;

/* Frees the contents, not t itself. */
void root_table_done(RootTable *t);

/* Appends a partition; name and type are copied, and may be NULL. Returns 0 or -ENOMEM. */
_must_check_ int root_table_add(RootTable *t, unsigned number, const char *name, const char *type, uint64_t size);

/* The partition that holds the root, or NULL if there is none; if after is not NULL, the next one that comes into question when it
 * is not that one. By the first of these rules that some partition meets,
 * and of several that meet it the one with the lowest number:
 *
 *   GPT  1. its name is exactly "root"   2. its type is that of a root file system of this architecture, as in the
 *        Discoverable Partitions Specification   3. its type is Linux   4. its type is LVM   5. its type is
 *        LUKS
 *   DOS  1. its type is 0x83, Linux, primary or logical   2. its type is 0x8e, LVM   3. its type is 0xe8, LUKS
 *
 * One without a size is passed over. */
_pure_ const RootPartition *root_partition_choose(const RootTable *t, const RootPartition *after);

/* Why there is none, as the end of the sentence "/dev/vda has …": "a GPT partition table with 3 partitions, but none is
 * named 'root' and none has the type Linux". *ret is to be freed. Returns 0 or -ENOMEM. */
_must_check_ int root_partition_reason(const RootTable *t, char **ret);
