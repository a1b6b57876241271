/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "version-compare.h"

static int sign(int r) {
        return (r > 0) - (r < 0);
}

/* Each is newer than the one before. */
static void test_order(const char *const versions[], size_t n) {
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++)
                        ASSERT_EQ(sign(version_compare(versions[i], versions[j])), (i > j) - (i < j));
}

int main(void) {
        /* The example of the specification. */
        static const char *const example[] = { "122.1",   "123~rc1-1", "123",     "123-a",   "123-a.1", "123-1",
                                               "123-1.1", "123^post1", "123.a-1", "123.1-1", "123a-1",  "124-1" };
        static const char *const kernels[] = {
                "",         "A",    "a",     "2.6.32", "4.4.228", "4.19.0", "6.1.0-9-amd64", "6.1.0-10-amd64",
                "6.12~rc6", "6.12", "6.12.1"
        };
        static const char *const equal[][2] = {
                {"1.0",   "1.0"},
                { "1.00", "1.0"},
                { "1_0",  "1+0"},
                { "",     ""   },
                { "1",    "01" }
        };

        test_order(example, sizeof(example) / sizeof(example[0]));
        test_order(kernels, sizeof(kernels) / sizeof(kernels[0]));
        for (size_t i = 0; i < sizeof(equal) / sizeof(equal[0]); i++)
                ASSERT_EQ(version_compare(equal[i][0], equal[i][1]), 0);
        ASSERT_TRUE(version_compare("99999999999999999999999999", "100000000000000000000000000") < 0);
        return 0;
}
