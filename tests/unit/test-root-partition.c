/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "root-partition.h"
#include "string-util.h"
#include "test.h"

#define GPT_LINUX "0fc63daf-8483-4772-8e79-3d69d8477de4"
#define GPT_LVM "e6d6d379-f507-44c2-a23c-238f2a3df928"
#define GPT_LUKS "ca7d7ccb-63ed-4c53-861c-1742536059cc"
#define GPT_EFI "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define GPT_SWAP "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"
#define GPT_HOME "933ac7e1-2eb4-4f13-b844-0e14e2aef915"
#if defined(__x86_64__)
#define GPT_ROOT "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#define GPT_FOREIGN_ROOT "b921b045-1df0-41c3-af44-4c6f280d3fae"
#elif defined(__aarch64__)
#define GPT_ROOT "b921b045-1df0-41c3-af44-4c6f280d3fae"
#define GPT_FOREIGN_ROOT "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#endif

typedef struct Case {
        const char *what;
        RootTableKind kind;
        struct {
                unsigned number;
                const char *name, *type;
                uint64_t size;
        } partitions[5];
        unsigned expected; /* number; 0: none */
        const char *reason;
} Case;

#define GPT_NONE "but none is named 'root' and none has the type Linux"
#define DOS_NONE "but none has the type Linux (83)"

static const Case cases[] = {
        { "by name", ROOT_TABLE_GPT, { { 1, "EFI", GPT_EFI, 8 }, { 2, "root", GPT_LINUX, 8 } }, 2 },
        { "name before type", ROOT_TABLE_GPT, { { 1, "boot", GPT_LINUX, 8 }, { 2, "root", GPT_EFI, 8 } }, 2 },
        { "exactly", ROOT_TABLE_GPT, { { 1, "Root", GPT_EFI, 8 }, { 2, "root ", GPT_EFI, 8 }, { 3, "rootfs", GPT_EFI, 8 } }, 0,
          "a GPT partition table with 3 partitions, " GPT_NONE },
        { "Root is a name like any other", ROOT_TABLE_GPT, { { 1, "Root", GPT_LINUX, 8 }, { 2, "x", GPT_LINUX, 8 } }, 1 },
        { "two of that name", ROOT_TABLE_GPT, { { 3, "root", GPT_LINUX, 8 }, { 2, "root", GPT_EFI, 8 } }, 2 },
        { "first of the type", ROOT_TABLE_GPT, { { 1, NULL, GPT_EFI, 8 }, { 2, "", GPT_LINUX, 8 }, { 3, NULL, GPT_LINUX, 8 } }, 2 },
        { "listed in another order", ROOT_TABLE_GPT, { { 7, NULL, GPT_LINUX, 8 }, { 1, NULL, GPT_EFI, 8 }, { 4, NULL, GPT_LINUX, 8 } }, 4 },
        { "capital letters", ROOT_TABLE_GPT, { { 1, NULL, "0FC63DAF-8483-4772-8E79-3D69D8477DE4", 8 } }, 1 },
        { "without a size", ROOT_TABLE_GPT, { { 1, "root", GPT_LINUX, 0 }, { 2, NULL, GPT_LINUX, 8 } }, 2 },
        { "nothing but that", ROOT_TABLE_GPT, { { 1, "root", GPT_LINUX, 0 } }, 0,
          "a GPT partition table with 1 partition, " GPT_NONE },
        { "LVM is the last resort", ROOT_TABLE_GPT, { { 1, NULL, GPT_LVM, 8 }, { 2, NULL, GPT_LINUX, 8 } }, 2 },
        { "LVM", ROOT_TABLE_GPT, { { 1, NULL, GPT_EFI, 8 }, { 2, NULL, GPT_LVM, 8 } }, 2 },
        { "LUKS after LVM", ROOT_TABLE_GPT, { { 1, NULL, GPT_LUKS, 8 }, { 2, NULL, GPT_LVM, 8 } }, 2 },
        { "LUKS", ROOT_TABLE_GPT, { { 1, NULL, GPT_EFI, 8 }, { 2, NULL, GPT_LUKS, 8 } }, 2 },
        { "none", ROOT_TABLE_GPT, { { 1, NULL, GPT_EFI, 8 }, { 2, NULL, GPT_SWAP, 8 }, { 3, "home", GPT_HOME, 8 } }, 0,
          "a GPT partition table with 3 partitions, " GPT_NONE },
        { "no type", ROOT_TABLE_GPT, { { 1, NULL, NULL, 8 } }, 0, "a GPT partition table with 1 partition, " GPT_NONE },
        { "a type of DOS", ROOT_TABLE_GPT, { { 1, NULL, "0x83", 8 } }, 0, "a GPT partition table with 1 partition, " GPT_NONE },
        { "empty", ROOT_TABLE_GPT, { { 0 } }, 0, "an empty GPT partition table" },
#ifdef GPT_ROOT
        { "root type before Linux", ROOT_TABLE_GPT, { { 1, "boot", GPT_LINUX, 8 }, { 2, NULL, GPT_ROOT, 8 } }, 2 },
        { "name before root type", ROOT_TABLE_GPT, { { 1, NULL, GPT_ROOT, 8 }, { 2, "root", GPT_LINUX, 8 } }, 2 },
        { "of another architecture", ROOT_TABLE_GPT, { { 1, NULL, GPT_FOREIGN_ROOT, 8 } }, 0,
          "a GPT partition table with 1 partition, " GPT_NONE },
#endif

        { "DOS", ROOT_TABLE_DOS, { { 1, NULL, "0x82", 8 }, { 2, NULL, "0x83", 8 }, { 3, NULL, "0x83", 8 } }, 2 },
        { "DOS knows no names", ROOT_TABLE_DOS, { { 1, "root", "0x0c", 8 }, { 2, NULL, "0x83", 8 } }, 2 },
        { "primary before logical", ROOT_TABLE_DOS, { { 5, NULL, "0x83", 8 }, { 2, NULL, "0x05", 8 }, { 3, NULL, "0x83", 8 } }, 3 },
        { "logical", ROOT_TABLE_DOS, { { 1, NULL, "0x05", 8 }, { 5, NULL, "0x82", 8 }, { 6, NULL, "0x83", 8 } }, 6 },
        { "extended is none", ROOT_TABLE_DOS, { { 1, NULL, "0x05", 8 }, { 2, NULL, "0x0f", 8 }, { 3, NULL, "0x85", 8 } }, 0,
          "a DOS partition table with 3 partitions, " DOS_NONE },
        { "DOS, LVM", ROOT_TABLE_DOS, { { 1, NULL, "0x8e", 8 }, { 2, NULL, "0x82", 8 } }, 1 },
        { "DOS, LUKS", ROOT_TABLE_DOS, { { 1, NULL, "0xe8", 8 }, { 2, NULL, "0x82", 8 } }, 1 },
        { "DOS, without a size", ROOT_TABLE_DOS, { { 1, NULL, "0x83", 0 } }, 0, "a DOS partition table with 1 partition, " DOS_NONE },
        { "DOS, empty", ROOT_TABLE_DOS, { { 0 } }, 0, "an empty DOS partition table" },

        { "another table", ROOT_TABLE_OTHER, { { 1, "root", GPT_LINUX, 8 } }, 0, "a partition table that is neither GPT nor DOS" },
        { "no table", ROOT_TABLE_NONE, { { 1, "root", GPT_LINUX, 8 } }, 0, "a partition table that is neither GPT nor DOS" },
};

static void test_cases(void) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(root_table_done) RootTable t = { .kind = cases[i].kind };
                const RootPartition *p;

                fprintf(stderr, "%s\n", cases[i].what);
                for (size_t k = 0; k < ELEMENTSOF(cases[i].partitions) && cases[i].partitions[k].number > 0; k++)
                        ASSERT_OK(root_table_add(&t, cases[i].partitions[k].number, cases[i].partitions[k].name,
                                                 cases[i].partitions[k].type, cases[i].partitions[k].size));

                p = root_partition_choose(&t, NULL);
                ASSERT_EQ(p ? p->number : 0, cases[i].expected);
                if (!p) {
                        _cleanup_free_ char *reason = NULL;

                        ASSERT_OK(root_partition_reason(&t, &reason));
                        ASSERT_STREQ(reason, cases[i].reason);
                }
        }
}

/* What a distribution's installer makes of a disk with LVM: each in its turn, none twice. */
static void test_next(void) {
        static const unsigned expected[] = { 4, 2, 5, 3 };
        _cleanup_(root_table_done) RootTable t = { .kind = ROOT_TABLE_GPT };
        const RootPartition *p = NULL;

        ASSERT_OK(root_table_add(&t, 1, NULL, GPT_EFI, 8));
        ASSERT_OK(root_table_add(&t, 5, NULL, GPT_LINUX, 8));
        ASSERT_OK(root_table_add(&t, 3, NULL, GPT_LVM, 8));
        ASSERT_OK(root_table_add(&t, 2, NULL, GPT_LINUX, 8));
        ASSERT_OK(root_table_add(&t, 4, "root", GPT_LINUX, 8));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                p = root_partition_choose(&t, p);
                ASSERT_TRUE(p);
                ASSERT_EQ(p->number, expected[i]);
        }
        ASSERT_TRUE(!root_partition_choose(&t, p));
}

static void test_many(void) {
        _cleanup_(root_table_done) RootTable t = { .kind = ROOT_TABLE_GPT };

        for (unsigned i = 1; i <= 128; i++)
                ASSERT_OK(root_table_add(&t, i, "data", GPT_EFI, 8));
        ASSERT_TRUE(!root_partition_choose(&t, NULL));
        ASSERT_OK(root_table_add(&t, 129, "root", GPT_EFI, 1));
        ASSERT_EQ(root_partition_choose(&t, NULL)->number, 129);

        ASSERT_TRUE(!root_partition_choose(&t, &t.partitions[128]));

        /* Everything is copied, and done() leaves an empty table. */
        ASSERT_STREQ(t.partitions[0].name, "data");
        root_table_done(&t);
        ASSERT_EQ(t.n_partitions, 0);
        ASSERT_TRUE(!t.partitions);
}

int main(void) {
        test_cases();
        test_next();
        test_many();
        return 0;
}
