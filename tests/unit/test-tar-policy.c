/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "alloc-util.h"
#include "tar-policy.h"
#include "test.h"

static void test_paths(void) {
        static const struct {
                const char *path, *clean;
                int error;
        } cases[] = {
                { "usr/bin/env",      "usr/bin/env",      0       },
                { "./usr/./bin//env", "usr/bin/env",      0       },
                { "/etc/passwd",      "etc/passwd",       0       },
                { "///a///",          "a",                0       },
                { ".",                "",                 0       },
                { "./",               "",                 0       },
                { "/",                "",                 0       },
                { "...",              "...",              0       },
                { "a..b/..c/d..",     "a..b/..c/d..",     0       },
                { "a\\..\\b",         "a\\..\\b",         0       },
                { "new\nline\x1b[1m", "new\nline\x1b[1m", 0       },
                { "",                 NULL,               -EINVAL },
                { NULL,               NULL,               -EINVAL },
                { "..",               NULL,               -EXDEV  },
                { "../a",             NULL,               -EXDEV  },
                { "a/..",             NULL,               -EXDEV  },
                { "a/../b",           NULL,               -EXDEV  },
                { "/../a",            NULL,               -EXDEV  },
                { "a/./../b",         NULL,               -EXDEV  },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *clean = NULL;

                ASSERT_EQ(tar_path_clean(cases[i].path, &clean), cases[i].error);
                ASSERT_STREQ(clean, cases[i].clean);
        }
}

/* n times the word. */
static char *repeat(const char *word, size_t n) {
        char *s = malloc(strlen(word) * n + 1), *p = s;

        ASSERT_TRUE(s);
        *p = '\0';
        while (n-- > 0)
                p = stpcpy(p, word);
        return s;
}

static void check_repeated(const char *word, size_t n, int path_error, int target_error) {
        _cleanup_free_ char *s = repeat(word, n), *clean = NULL;

        ASSERT_EQ(tar_path_clean(s, &clean), path_error);
        ASSERT_EQ(tar_link_target_check(s), target_error);
}

static void test_lengths(void) {
        check_repeated("n", TAR_COMPONENT_MAX, 0, 0);
        check_repeated("n", TAR_COMPONENT_MAX + 1, -ENAMETOOLONG, 0);
        check_repeated("d/", TAR_DEPTH_MAX, 0, 0);
        check_repeated("d/", TAR_DEPTH_MAX + 1, -ELOOP, 0);
        check_repeated("/", TAR_PATH_MAX, 0, 0);
        check_repeated("/", TAR_PATH_MAX + 1, -ENAMETOOLONG, -ENAMETOOLONG);
        ASSERT_ERROR(tar_link_target_check(""), EINVAL);
        ASSERT_ERROR(tar_link_target_check(NULL), EINVAL);
        ASSERT_OK(tar_link_target_check("../../../etc"));
}

static void test_xattrs(void) {
        _cleanup_free_ char *longest = repeat("x", TAR_COMPONENT_MAX + 1);

        memcpy(longest, "user.", 5);
        ASSERT_ERROR(tar_xattr_check(longest, 1), ENAMETOOLONG);
        longest[TAR_COMPONENT_MAX] = '\0';
        ASSERT_EQ(tar_xattr_check(longest, 1), 1);

        ASSERT_EQ(tar_xattr_check("security.capability", 20), 1);
        ASSERT_EQ(tar_xattr_check("trusted.x", TAR_XATTR_MAX), 1);
        ASSERT_ERROR(tar_xattr_check("trusted.x", TAR_XATTR_MAX + 1), E2BIG);
        ASSERT_EQ(tar_xattr_check("system.posix_acl_access", 8), 0);
        ASSERT_EQ(tar_xattr_check("com.apple.quarantine", 8), 0);
        ASSERT_EQ(tar_xattr_check("users.x", 8), 0);
        ASSERT_ERROR(tar_xattr_check("user.", 8), EINVAL);
        ASSERT_ERROR(tar_xattr_check("", 8), EINVAL);
}

static void test_numbers(void) {
        uint32_t id = 7;

        ASSERT_OK(tar_id_check(0, &id));
        ASSERT_EQ(id, 0);
        ASSERT_OK(tar_id_check(UINT32_MAX - 1, &id));
        ASSERT_EQ(id, UINT32_MAX - 1);
        ASSERT_ERROR(tar_id_check(UINT32_MAX, &id), ERANGE);
        ASSERT_ERROR(tar_id_check(-1, &id), ERANGE);
        ASSERT_ERROR(tar_id_check(INT64_MAX, &id), ERANGE);

        ASSERT_OK(tar_piece_check(0, 10, 10));
        ASSERT_OK(tar_piece_check(10, 0, 10));
        ASSERT_ERROR(tar_piece_check(1, 10, 10), E2BIG);
        ASSERT_ERROR(tar_piece_check(11, 0, 10), E2BIG);
        ASSERT_ERROR(tar_piece_check(UINT64_MAX, 2, 10), E2BIG);
        ASSERT_ERROR(tar_piece_check(5, UINT64_MAX, 10), E2BIG);
}

/* Returns 1 if these bytes may follow the end of an archive, 0 if they are not all, or an error: the same in whatever pieces. */
static int check_trailer(const char *text, size_t n) {
        const unsigned char *p = (const unsigned char *) text;
        int r = 0;

        for (size_t step = 1; step <= n + 1; step++) {
                TarTrailer t = {};
                int k = 0;

                for (size_t i = 0; i < n && k >= 0; i += step)
                        k = tar_trailer_check(&t, p + i, MIN(step, n - i));
                if (k >= 0)
                        k = tar_trailer_is_complete(&t);
                if (step > 1)
                        ASSERT_EQ(k, r);
                r = k;
        }

        return r;
}

#define TRAILER(text) check_trailer(text, sizeof(text) - 1)
#define MAGIC "\xa6\x4c\x32\x2e\xd6\x14\xae\xdb"

static void test_trailer(void) {
        ASSERT_EQ(TRAILER(""), 1);
        ASSERT_EQ(TRAILER("\0\0\0\0"), 1);
        ASSERT_EQ(TRAILER("\0\0\0x"), -EINVAL);
        ASSERT_EQ(TRAILER("\0\0" MAGIC "a\0" "12345678" "b/c\0" "\0\0\0\0\0\0\0\0" "\0" "12345678"), 1);
        ASSERT_EQ(TRAILER(MAGIC "\0" "12345678"), 1);
        /* Not all of it. */
        ASSERT_EQ(TRAILER("\0" MAGIC), 0);
        ASSERT_EQ(TRAILER("\0\xa6"), 0);
        ASSERT_EQ(TRAILER(MAGIC "a"), 0);
        ASSERT_EQ(TRAILER(MAGIC "a\0" "12345678"), 0);
        ASSERT_EQ(TRAILER(MAGIC "\0" "1234567"), 0);
        /* Something else. */
        ASSERT_EQ(TRAILER("\xa6\x4c\x32\x2e\xd6\x14\xae\xda\0" "12345678"), -EINVAL);
        ASSERT_EQ(TRAILER("\0\xa6\0"), -EINVAL);
        ASSERT_EQ(TRAILER(MAGIC "\0" "12345678" "\0"), -EINVAL);
        ASSERT_EQ(TRAILER(MAGIC "\0" "12345678" MAGIC), -EINVAL);
}

int main(void) {
        test_trailer();
        test_paths();
        test_lengths();
        test_xattrs();
        test_numbers();
        return 0;
}
