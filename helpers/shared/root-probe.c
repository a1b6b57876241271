/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "blkid-util.h"
#include "root-probe.h"
#include "string-util.h"

void root_probe_done(RootProbe *p) {
        free(p->type);
        free(p->label);
        free(p->uuid);
        free(p->words);
        root_table_done(&p->table);
        *p = (RootProbe) {};
}

bool root_probe_is_unfinished(const RootProbe *p) {
        assert(p);

        return p->content == ROOT_CONTENT_FILE_SYSTEM && streq_ptr(p->label, ROOT_LABEL_UNFINISHED);
}

static RootTableKind table_kind(const char *type) {
        return streq(type, "gpt") ? ROOT_TABLE_GPT : streq(type, "dos") ? ROOT_TABLE_DOS : ROOT_TABLE_OTHER;
}

/* A disk label of another system that lies inside a partition is listed as well: its slices are not of this table. */
static bool is_in_table(blkid_partition partition, RootTableKind kind) {
        blkid_parttable table = blkid_partition_get_table(partition);

        return table && table_kind(blkid_parttable_get_type(table)) == kind;
}

static int read_table(blkid_probe probe, const char *type, RootTable *t) {
        blkid_partlist list;
        int r;

        t->kind = table_kind(type);
        if (t->kind == ROOT_TABLE_OTHER)
                return 0;

        errno = 0;
        list = blkid_probe_get_partitions(probe);
        if (!list)
                return errno > 0 ? -errno : -EIO;

        for (int i = 0, n = blkid_partlist_numof_partitions(list); i < n; i++) {
                blkid_partition p = blkid_partlist_get_partition(list, i);
                char dos_type[16];

                if (!p || blkid_partition_get_partno(p) <= 0 || !is_in_table(p, t->kind))
                        continue;

                (void) snprintf(dos_type, sizeof(dos_type), "0x%02x", (unsigned) blkid_partition_get_type(p));
                r = root_table_add(t, (unsigned) blkid_partition_get_partno(p), blkid_partition_get_name(p),
                                   t->kind == ROOT_TABLE_GPT ? blkid_partition_get_type_string(p) : dos_type,
                                   (uint64_t) MAX(blkid_partition_get_size(p), (blkid_loff_t) 0));
                if (r < 0)
                        return r;
        }

        return 0;
}

/* What was found, into *ret. */
static int take_results(blkid_probe probe, RootProbe *ret) {
        const char *type = NULL, *usage = NULL, *table = NULL, *label = NULL, *uuid = NULL;
        int r;

        (void) blkid_probe_lookup_value(probe, "TYPE", &type, NULL);
        (void) blkid_probe_lookup_value(probe, "USAGE", &usage, NULL);
        (void) blkid_probe_lookup_value(probe, "PTTYPE", &table, NULL);
        if (blkid_probe_lookup_value(probe, "LABEL", &label, NULL) == 0) {
                r = strdup_to(&ret->label, label);
                if (r < 0)
                        return r;
        }
        if (blkid_probe_lookup_value(probe, "UUID", &uuid, NULL) == 0) {
                r = strdup_to(&ret->uuid, uuid);
                if (r < 0)
                        return r;
        }

        if (type && streq_ptr(usage, "filesystem")) {
                ret->content = ROOT_CONTENT_FILE_SYSTEM;
                r = strdup_to(&ret->type, type);
                return r < 0 ? r : asprintf_to(&ret->words, "a file system of type '%s'", type);
        }
        if (type) {
                ret->content = streq(type, "LVM2_member")   ? ROOT_CONTENT_LVM
                               : streq(type, "crypto_LUKS") ? ROOT_CONTENT_LUKS
                                                            : ROOT_CONTENT_OTHER;
                return asprintf_to(&ret->words, "'%s' data, not a file system", type);
        }
        if (!table) {
                ret->content = ROOT_CONTENT_NOTHING;
                return strdup_to(&ret->words, "no file system that is known");
        }

        ret->content = ROOT_CONTENT_TABLE;
        r = asprintf_to(&ret->words, "a %s partition table, not a file system",
                        streq(table, "gpt")    ? "GPT"
                        : streq(table, "dos")  ? "DOS"
                        : streq(table, "PMBR") ? "damaged GPT"
                                               : table);
        /* Last: it resets the probe, and with it the values above. */
        return r < 0 ? r : read_table(probe, table, &ret->table);
}

int root_probe(const char *path, RootProbe *ret) {
        _cleanup_(blkid_probe_freep) blkid_probe probe = NULL;
        _cleanup_(root_probe_done) RootProbe p = { .content = ROOT_CONTENT_OTHER };
        int r;

        assert(path);
        assert(ret);

        errno = 0;
        probe = blkid_new_probe_from_filename(path);
        if (!probe)
                return errno > 0 ? -errno : -ENOMEM;

        (void) blkid_probe_enable_superblocks(probe, 1);
        (void) blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID);
        (void) blkid_probe_enable_partitions(probe, 1);

        r = blkid_look(probe);
        switch (r) {
        case 0:
                r = take_results(probe, &p);
                break;
        case BLKID_NOTHING:
                p.content = ROOT_CONTENT_NOTHING;
                r = strdup_to(&p.words, "no file system that is known");
                break;
        case BLKID_AMBIVALENT:
                r = strdup_to(&p.words, "signatures of several file systems at once");
                break;
        default:
                break;
        }
        if (r < 0)
                return r;

        *ret = p;
        p = (RootProbe) {};
        return 0;
}
