/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <strings.h>

#include "root-partition.h"
#include "string-util.h"

/* Discoverable Partitions Specification: the root of the architecture that this was compiled for. */
#if defined(__x86_64__)
#define GPT_ROOT "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#elif defined(__aarch64__)
#define GPT_ROOT "b921b045-1df0-41c3-af44-4c6f280d3fae"
#elif defined(__arm__)
#define GPT_ROOT "69dad710-2ce4-4e3c-b16c-21a1d49abed3"
#else
#define GPT_ROOT NULL
#endif

#define GPT_LINUX "0fc63daf-8483-4772-8e79-3d69d8477de4"
#define GPT_LVM "e6d6d379-f507-44c2-a23c-238f2a3df928"
#define GPT_LUKS "ca7d7ccb-63ed-4c53-861c-1742536059cc"
#define DOS_LINUX "0x83"
#define DOS_LVM "0x8e"
#define DOS_LUKS "0xe8"

void root_table_done(RootTable *t) {
        for (size_t i = 0; i < t->n_partitions; i++) {
                free(t->partitions[i].name);
                free(t->partitions[i].type);
        }
        free(t->partitions);
        *t = (RootTable) {};
}

int root_table_add(RootTable *t, unsigned number, const char *name, const char *type, uint64_t size) {
        _cleanup_free_ char *name_copy = NULL, *type_copy = NULL;
        RootPartition *p;
        int r;

        r = strdup_to(&name_copy, name);
        if (r < 0)
                return r;
        r = strdup_to(&type_copy, type);
        if (r < 0)
                return r;
        p = reallocarray(t->partitions, t->n_partitions + 1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        t->partitions = p;
        p[t->n_partitions++] = (RootPartition) {
                .number = number,
                .name = TAKE_PTR(name_copy),
                .type = TAKE_PTR(type_copy),
                .size = size,
        };
        return 0;
}

typedef struct Rule {
        RootTableKind kind;
        const char *name, *type;
} Rule;

/* The best first. */
static const Rule rules[] = {
        { ROOT_TABLE_GPT, .name = "root"    },
        { ROOT_TABLE_GPT, .type = GPT_ROOT  },
        { ROOT_TABLE_GPT, .type = GPT_LINUX },
        { ROOT_TABLE_GPT, .type = GPT_LVM   },
        { ROOT_TABLE_GPT, .type = GPT_LUKS  },
        { ROOT_TABLE_DOS, .type = DOS_LINUX },
        { ROOT_TABLE_DOS, .type = DOS_LVM   },
        { ROOT_TABLE_DOS, .type = DOS_LUKS  },
};

/* The number of the first rule that it meets, or how many there are. */
static size_t rank(const RootTable *t, const RootPartition *p) {
        size_t i;

        for (i = 0; i < ELEMENTSOF(rules); i++)
                if (rules[i].kind == t->kind && ((rules[i].name && streq_ptr(p->name, rules[i].name)) ||
                                                 (rules[i].type && p->type && strcasecmp(p->type, rules[i].type) == 0)))
                        break;

        return p->size > 0 ? i : ELEMENTSOF(rules);
}

/* NULL is before all. */
static bool comes_after(const RootTable *t, const RootPartition *p, const RootPartition *than) {
        if (!than)
                return true;
        if (rank(t, p) != rank(t, than))
                return rank(t, p) > rank(t, than);

        return p->number > than->number;
}

const RootPartition *root_partition_choose(const RootTable *t, const RootPartition *after) {
        const RootPartition *found = NULL;

        assert(t);

        for (size_t k = 0; k < t->n_partitions; k++) {
                const RootPartition *p = t->partitions + k;

                if (rank(t, p) < ELEMENTSOF(rules) && comes_after(t, p, after) && (!found || comes_after(t, found, p)))
                        found = p;
        }

        return found;
}

int root_partition_reason(const RootTable *t, char **ret) {
        assert(t);
        assert(ret);

        if (t->kind != ROOT_TABLE_GPT && t->kind != ROOT_TABLE_DOS)
                return strdup_to(ret, "a partition table that is neither GPT nor DOS");
        if (t->n_partitions == 0)
                return asprintf_to(ret, "an empty %s partition table", t->kind == ROOT_TABLE_GPT ? "GPT" : "DOS");

        return asprintf_to(ret, "a %s partition table with %zu partition%s, but none %s",
                           t->kind == ROOT_TABLE_GPT ? "GPT" : "DOS", t->n_partitions, t->n_partitions == 1 ? "" : "s",
                           t->kind == ROOT_TABLE_GPT ? "is named 'root' and none has the type Linux"
                                                     : "has the type Linux (83)");
}
