/* SPDX-License-Identifier: MIT */
#include "string-util.h"
#include "test.h"

static void test_startswith(void) {
        ASSERT_STREQ(startswith("nbd://host", "nbd://"), "host");
        ASSERT_STREQ(startswith("nbd:", "nbd://"), NULL);
        ASSERT_STREQ(startswith("x", ""), "x");
        ASSERT_STREQ(endswith("a.service", ".service"), ".service");
        ASSERT_STREQ(endswith("e", ".service"), NULL);
}

static void test_string_replace(void) {
        static const struct {
                const char *s, *what, *with, *result;
        } cases[] = {
                { "http://metadata.local/a",   "metadata.local", "169.254.42.42", "http://169.254.42.42/a" },
                { "metadata.localmetadata.local", "metadata.local", "x",          "xx"                     },
                { "",                          "a",              "b",             ""                       },
                { "aaa",                       "aa",             "",              "a"                      },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *r = string_replace(cases[i].s, cases[i].what, cases[i].with);

                ASSERT_STREQ(r, cases[i].result);
        }
}

static void test_utf8(void) {
        static const char *const valid[] = { "", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };
        static const char *const invalid[] = {
                "\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "a\xe2\x82",
        };

        for (size_t i = 0; i < ELEMENTSOF(valid); i++)
                ASSERT_TRUE(utf8_is_valid(valid[i], strlen(valid[i])));
        for (size_t i = 0; i < ELEMENTSOF(invalid); i++)
                ASSERT_FALSE(utf8_is_valid(invalid[i], strlen(invalid[i])));
}

static void test_printable(void) {
        static const struct {
                const char *s;
                size_t max;
                const char *result;
        } cases[] = {
                { "plain",              80, "plain"            },
                { "a\033[2Jb\n",        80, "a?[2Jb?"          },
                { "\xc3\xa9t\xc3\xa9",  80, "\xc3\xa9t\xc3\xa9" },
                { "\xc2\x9b" "31m",     80, "?31m"             },
                { "\xff\xfe",           80, "??"               },
                { "0123456789",         4,  "0123..."          },
                { "abc\xc3\xa9",        4,  "abc..."           },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *r = printable(cases[i].s, cases[i].max);

                ASSERT_STREQ(r, cases[i].result);
                if (utf8_is_valid(cases[i].s, strlen(cases[i].s)))
                        ASSERT_EQ(has_control_characters(cases[i].s), strchr(cases[i].result, '?') != NULL);
        }
}

int main(void) {
        test_startswith();
        test_string_replace();
        test_utf8();
        test_printable();
        return EXIT_SUCCESS;
}
