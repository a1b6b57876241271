/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "alloc-util.h"
#include "macro.h"
#include "proc-cmdline.h"
#include "test.h"

#define WORDS_MAX 5

static void test_split(void) {
        static const struct {
                const char *text;
                size_t n; /* 0: strlen() */
                const char *words[WORDS_MAX];
        } cases[] = {
                { "",                                 0, { NULL }                                     },
                { " \t\n ",                           0, { NULL }                                     },
                { "a  b\tc\n",                        0, { "a", "b", "c" }                            },
                { "a=b=c",                            0, { "a=b=c" }                                  },
                { "x=\"a b\" y",                      0, { "x=a b", "y" }                             },
                { "\"x=a b\" y",                      0, { "x=a b", "y" }                             },
                { "x='a \"b\"' y",                    0, { "x=a \"b\"", "y" }                         },
                { "x=a'b c'd",                        0, { "x=ab cd" }                                },
                { "a x=\"b c",                        0, { "a", "x=b c" }                             },
                { "a '",                              0, { "a", "" }                                  },
                { "\"\" b",                           0, { "", "b" }                                  },
                { "a\\ b\\n \\\"c d\"",               0, { "a\\", "b\\n", "\\c d" }                   },
                { "\xff\xfe=\x80 ok",                 0, { "\xff\xfe=\x80", "ok" }                    },
                { "a\0b 'c\0d'",                      9, { "a", "b", "c d" }                          },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(words_freep) char **words = NULL;
                size_t k = 0;

                ASSERT_OK(proc_cmdline_split(cases[i].text, cases[i].n ?: strlen(cases[i].text), &words));
                for (; cases[i].words[k]; k++)
                        ASSERT_STREQ(words[k], cases[i].words[k]);
                ASSERT_STREQ(words[k], NULL);
        }
}

static void test_bounds(void) {
        _cleanup_free_ char *text = malloc(PROC_CMDLINE_MAX + 1);
        _cleanup_(words_freep) char **words = NULL, **untouched = NULL;
        size_t n = 0;

        ASSERT_TRUE(text);
        for (size_t i = 0; i <= PROC_CMDLINE_MAX; i++)
                text[i] = i % 2 ? ' ' : 'x';

        ASSERT_ERROR(proc_cmdline_split(text, PROC_CMDLINE_MAX + 1, &untouched), E2BIG);
        ASSERT_TRUE(!untouched);
        ASSERT_OK(proc_cmdline_split(text, PROC_CMDLINE_MAX, &words));
        while (words[n])
                n++;
        ASSERT_EQ(n, PROC_CMDLINE_MAX / 2);
}

static void test_seam(void) {
        _cleanup_(words_freep) char **words = NULL;

        ASSERT_OK(setenv("SCALEWAY_PROC_CMDLINE", "root=/dev/vda quiet", 1));
        ASSERT_OK(proc_cmdline_words(&words));
        ASSERT_STREQ(words[0], "root=/dev/vda");
        ASSERT_STREQ(words[1], "quiet");
        ASSERT_STREQ(words[2], NULL);
}

static void test_word_value(void) {
        ASSERT_STREQ(word_value("root=/dev/vda", "root"), "/dev/vda");
        ASSERT_STREQ(word_value("root=a=b", "root"), "a=b");
        ASSERT_STREQ(word_value("root=", "root"), "");
        ASSERT_STREQ(word_value("root", "root"), "");
        ASSERT_STREQ(word_value("rootfstype=ext4", "root"), NULL);
        ASSERT_STREQ(word_value("roo", "root"), NULL);
        ASSERT_STREQ(word_value("ROOT=x", "root"), NULL);
}

int main(void) {
        test_split();
        test_bounds();
        test_seam();
        test_word_value();
        return EXIT_SUCCESS;
}
