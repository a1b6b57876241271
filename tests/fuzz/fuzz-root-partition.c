/* SPDX-License-Identifier: MIT */
/* rows: C6 */
#include "fuzz.h"
#include "root-lvm.h"
#include "root-partition.h"
#include "string-util.h"

/* "NUMBER NAME TYPE SIZE", separated by tabs. */
static int add_line(RootTable *t, char *line) {
        char *fields[4] = {};

        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                fields[i] = strsep(&line, "\t");

        return root_table_add(t, (unsigned) strtoul(fields[0] ?: "", NULL, 10), fields[1], empty_to_null(fields[2]),
                              strtoull(fields[3] ?: "", NULL, 10));
}

static void check_choice(const RootTable *t) {
        const RootPartition *p = root_partition_choose(t, NULL);
        _cleanup_free_ char *reason = NULL;
        bool is_there = false;

        if (!p) {
                if (root_partition_reason(t, &reason) >= 0 && isempty(reason))
                        abort();
                return;
        }

        /* A partition of the table, with a size; and if one is named root, then it is such a one. */
        for (size_t i = 0; i < t->n_partitions; i++) {
                const RootPartition *q = t->partitions + i;

                is_there |= p == q;
                if (t->kind == ROOT_TABLE_GPT && q->size > 0 && streq_ptr(q->name, "root") && !streq_ptr(p->name, "root"))
                        abort();
        }
        if (!is_there || p->size == 0 || t->kind == ROOT_TABLE_OTHER || t->kind == ROOT_TABLE_NONE)
                abort();
}

/* What is taken for a volume must be safe as an argument, and its path must name the same one. */
static void check_volume(const char *path) {
        _cleanup_(root_volume_done) RootVolume v = {}, again = {};
        _cleanup_free_ char *mapper = NULL;

        if (root_volume_parse(path, &v) <= 0)
                return;
        if (v.group[0] == '-' || v.name[0] == '-' || strchr(v.group, '/') || strchr(v.name, '/') || isempty(v.group) ||
            isempty(v.name))
                abort();
        if (root_volume_path(&v, &mapper) < 0)
                return;
        if (root_volume_parse(mapper, &again) != 1 || !streq(v.group, again.group) || !streq(v.name, again.name))
                abort();
}

static void check_list(const char *list) {
        _cleanup_free_ char *name = NULL, *reason = NULL;

        if (root_volume_choose(list, &name, &reason) == 0 && (isempty(name) || name[0] == '-' || strchr(name, '/')))
                abort();
}

/* The first line is the kind of table, "gpt" or "dos", and the others are its partitions. The same text is read as the path of a
 * volume and as what lvm prints. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(root_table_done) RootTable t = { .kind = ROOT_TABLE_OTHER };
        _cleanup_free_ char *text = NULL;
        char *rest, *line;

        if (size > 16384)
                return 0;
        text = strndup((const char *) data, size);
        if (!text)
                return 0;

        check_volume(text);
        check_list(text);

        rest = text;
        line = strsep(&rest, "\n");
        t.kind = streq(line, "gpt") ? ROOT_TABLE_GPT : streq(line, "dos") ? ROOT_TABLE_DOS : ROOT_TABLE_OTHER;
        while ((line = strsep(&rest, "\n")))
                if (add_line(&t, line) < 0)
                        return 0;

        check_choice(&t);
        return 0;
}
