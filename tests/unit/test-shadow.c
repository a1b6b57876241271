/* SPDX-License-Identifier: MIT */
/* rows: A15 */
#include <errno.h>
#include <stdlib.h>

#include "shadow.h"
#include "string-util.h"
#include "test.h"

static const struct {
        const char *text;
        int open;
} open_cases[] = {
        { "root::20000:0:99999:7:::\n", 1 },
        { "root:*:20000:0:99999:7:::\n", 1 },
        { "root:", 1 },
        { "root:*", 1 },
        { "daemon:*:1::::::\nroot::1::::::\n", 1 },
        { "root:!:20000::::::\n", 0 },
        { "root:!*:20000::::::\n", 0 },
        { "root:*LK*:20000::::::\n", 0 },
        { "root:**:20000::::::\n", 0 },
        { "root:x:20000::::::\n", 0 },
        { "root:$6$a$b:20000::::::\n", 0 },
        /* The first line is what getspnam(3) takes. */
        { "root:!:1::::::\nroot::1::::::\n", 0 },
        { "rooter::1::::::\n", -ENOENT },
        { " root::1::::::\n", -ENOENT },
        { "toor::0::::::\n", -ENOENT },
        { "root\n", -ENOENT },
        { "", -ENOENT },
};

static const struct {
        const char *before;
        long day;
        const char *after; /* NULL: -EINVAL */
} set_cases[] = {
        { "root:*:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n", 20784, "root:H:20784:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n" },
        { "root::0:0:99999:7:::\n", -1, "root:H::0:99999:7:::\n" },
        { "a:!::::::\nroot:$6$x$y::::::\r\nroot:*:1::::::", 1, "a:!::::::\nroot:H:1:::::\r\nroot:*:1::::::" },
        { "root:*\n", 1, NULL },
        { "root:*:20000\nx:y:z\n", 1, NULL },
};

static const struct {
        const char *text, *method; /* NULL: none */
} method_cases[] = {
        { "ENCRYPT_METHOD SHA512\n", "SHA512" },
        { "# ENCRYPT_METHOD DES\n\tENCRYPT_METHOD\tYESCRYPT  # why\n", "YESCRYPT" },
        { "ENCRYPT_METHOD \"SHA256\"\r\n", "SHA256" },
        { "ENCRYPT_METHOD SHA256\nENCRYPT_METHOD SHA512", "SHA512" },
        { "ENCRYPT_METHOD\nSHA512\n", NULL },
        { "ENCRYPT_METHODS SHA512\n", NULL },
        { "ENCRYPT_METHOD", NULL },
        { "", NULL },
};

static void test_open(void) {
        for (size_t i = 0; i < ELEMENTSOF(open_cases); i++)
                ASSERT_EQ(shadow_root_is_open(open_cases[i].text), open_cases[i].open);
}

static void test_set(void) {
        for (size_t i = 0; i < ELEMENTSOF(set_cases); i++) {
                _cleanup_free_ char *after = NULL;

                ASSERT_EQ(shadow_set_root(set_cases[i].before, "H", set_cases[i].day, &after), set_cases[i].after ? 0 : -EINVAL);
                if (set_cases[i].after)
                        ASSERT_STREQ(after, set_cases[i].after);
        }
}

static void test_day(void) {
        ASSERT_EQ(shadow_day(1795737600, "2026-11-27"), 20784);
        ASSERT_EQ(shadow_day(1795737600 - 1, "2026-11-27"), -1);
        ASSERT_EQ(shadow_day(1420070400, "2026-11-27"), -1);
        ASSERT_EQ(shadow_day(0, "2026-11-27"), -1);
        ASSERT_EQ(shadow_day(0, "some day"), -1);
        ASSERT_EQ(shadow_day(1420070400, "some day"), 16436);
}

static void test_method(void) {
        for (size_t i = 0; i < ELEMENTSOF(method_cases); i++) {
                _cleanup_free_ char *method = NULL;

                ASSERT_EQ(login_defs_method(method_cases[i].text, &method), method_cases[i].method ? 1 : 0);
                if (method_cases[i].method)
                        ASSERT_STREQ(method, method_cases[i].method);
        }
}

int main(void) {
        test_open();
        test_set();
        test_day();
        test_method();

        return 0;
}
