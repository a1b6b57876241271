/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "fileio.h"
#include "metadata-flatten.h"
#include "metadata.h"
#include "string-util.h"
#include "test.h"

/* Of a document that is not of 2014. */
#define MODERN "\"hostname\":\"h\","
#define MODERN_TEXT "HOSTNAME=h\n"

static char *read_sample(const char *name) {
        _cleanup_free_ char *path = NULL;
        const char *data = getenv("TEST_DATA");
        char *text = NULL;

        ASSERT_TRUE(data);
        ASSERT_OK(asprintf_to(&path, "%s/metadata/%s", data, name));
        ASSERT_OK(read_file(path, METADATA_SIZE_MAX, &text, NULL));
        return text;
}

static char *flatten(const char *json) {
        _cleanup_(metadata_freep) Metadata *m = NULL;
        char *text = NULL;

        ASSERT_OK(metadata_parse(json, strlen(json), &m));
        ASSERT_OK(metadata_flatten(m, &text));
        return text;
}

/* Those of which the text is there, in its order of lines. test-http-programs.py has all of them. */
static void test_samples(void) {
        static const struct {
                const char *json, *text;
        } cases[] = {
                { "metadata-2014-c1-arm-nbd-RECONSTRUCTED.json", "conf-captured-2014-c1-nbd.txt"               },
                { "metadata-2016-c1-arm-nbd-RECONSTRUCTED.json", "conf-derived-2016-c1-arm-nbd-RECONSTRUCTED.txt" },
                { "metadata-2018-vc1s-x86_64-vda.json",          "conf-derived-2018-vc1s-x86_64-vda.txt"       },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *json = read_sample(cases[i].json), *text = read_sample(cases[i].text),
                                    *made = NULL, *expected = NULL;

                /* The two files of 2014 were made anonymous separately and differ in the key. */
                expected = string_replace(text, "AAAAB3NzaC1yc2EAAAADAQABAAABAQexampleexampleexample'",
                                          "AAAAB3NzaC1yc2EAAAADAQABAAABAQCexampleexampleexampleexampleexample"
                                          "exampleexample== user@example'");
                ASSERT_TRUE(expected);
                made = flatten(json);
                ASSERT_STREQ(made, expected);
                ASSERT_TRUE(metadata_text_is_valid(made));
        }
}

static void test_rules(void) {
        static const struct {
                const char *json, *text;
        } cases[] = {
                { "{}",                                         ""                                             },
                { "{\"id\":\"aZ09@%_+=:,./-\"}",                "ID=aZ09@%_+=:,./-\n"                          },
                { "{\"a\":\"\"}",                               "A=''\n"                                       },
                { "{\"a\":\"Server 2\"}",                       "A='Server 2'\n"                               },
                { "{\"a\":\"it's\"}",                           "A='it'\"'\"'s'\n"                             },
                { "{\"a\":\"'\"}",                              "A=''\"'\"''\n"                                },
                { "{\"a\":\"$(reboot)`x`\\\\\"}",               "A='$(reboot)`x`\\'\n"                         },
                { "{\"a\":\"one\\ntwo\"}",                      "A='one\ntwo'\n"                               },
                { "{\"a\":\"\xc3\xa9\"}",                       "A='\xc3\xa9'\n"                               },
                { "{\"a\":true,\"b\":false,\"c\":null}",        "A=True\nB=False\nC=\n"                        },
                { "{\"a\":-5,\"b\":1.5,\"c\":2.0,\"d\":1e30}",  "A=-5\nB=1.5\nC=2.0\nD=1e+30\n"                },
                { "{\"a\":[]}",                                 "A=0\n"                                        },
                { "{\"a\":[\"x\",[1],null]}",                   "A=3\nA_0=x\nA_1=1\nA_1_0=1\nA_2=\n"           },
                { "{" MODERN "\"a\":{}}",                       MODERN_TEXT "A=''\n"                           },
                { "{" MODERN "\"a\":{\"b\":1}}",                MODERN_TEXT "A=B\nA_B=1\n"                     },
                { "{" MODERN "\"a\":{\"b\":1,\"c\":2}}",        MODERN_TEXT "A='B C'\nA_B=1\nA_C=2\n"          },
                { "{" MODERN "\"a\":[{\"b\":1,\"c\":2}]}",      MODERN_TEXT "A=1\nA_0='B C'\nA_0_B=1\nA_0_C=2\n" },
                { "{" MODERN "\"volumes\":{\"1\":{},\"0\":{}}}",
                  MODERN_TEXT "VOLUMES='1 0'\nVOLUMES_1=''\nVOLUMES_0=''\n" },
                /* The form of 2014. */
                { "{\"a\":{}}",                                 "A=\n"                                         },
                { "{\"a\":{\"b\":1,\"c\":2}}",                  "A=B C\nA_B=1\nA_C=2\n"                        },
                { "{\"a\":{\"b\":\"x y\"}}",                    "A=B\nA_B='x y'\n"                             },
                { "{\"commercial_type\":\"C1\",\"a\":{\"b\":1,\"c\":2}}",
                  "COMMERCIAL_TYPE=C1\nA='B C'\nA_B=1\nA_C=2\n" },
                /* Keys that a shell would run. */
                { "{" MODERN "\"a;reboot\":1,\"$(x)\":1,\"\":1,\"0\":1,\"a b\":1,\"a-b\":1,\"\xc3\xa9\":1,\"ok\":1}",
                  MODERN_TEXT "OK=1\n" },
                { "{" MODERN "\"o\":{\"a;b\":1,\"c\":2,\"' d\":3}}", MODERN_TEXT "O=C\nO_C=2\n"                },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = flatten(cases[i].json);

                ASSERT_STREQ(text, cases[i].text);
        }
}

/* Every line repeats the names above it: a document of 300 KB that would be one of 30 MB. */
static void test_amplification(void) {
        _cleanup_(metadata_freep) Metadata *m = NULL;
        _cleanup_free_ char *json = malloc(400000), *text = NULL;
        char *p = json;

        ASSERT_TRUE(json);
        p = stpcpy(p, "{");
        for (int i = 0; i < 10; i++)
                p = stpcpy(p, "\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff\":{");
        p = stpcpy(p, "\"l\":[0");
        for (int i = 0; i < 60000; i++)
                p = stpcpy(p, ",0");
        p = stpcpy(p, "]}");
        for (int i = 0; i < 10; i++)
                p = stpcpy(p, "}");

        ASSERT_OK(metadata_parse(json, strlen(json), &m));
        ASSERT_ERROR(metadata_flatten(m, &text), EFBIG);
        ASSERT_TRUE(!text);
}

static void test_entries(void) {
        static const struct {
                const char *text; /* one entry */
                const char *value;
                bool quoted;
        } cases[] = {
                { "A=b\n",                "b",         false },
                { "A=\n",                 "",          false },
                { "A=",                   "",          false },
                { "A=''\n",               "",          true  },
                { "A='x y'\n",            "x y",       true  },
                { "A='it'\"'\"'s'\n",     "it's",      true  },
                { "A=''\"'\"''\n",        "'",         true  },
                { "A='one\ntwo'\n",       "one\ntwo",  true  },
                { "A='one\nB=two'",       "one\nB=two", true },
                { "A=b=c\n",              "b=c",       false },
                { "A=\"x\"\n",            "x",         false },
                { "A='x\"\n",             "x",         false },
                { "A=it's\n",             "it's",      false },
                { "A='\n",                "",          false },
                { "A='x\n",               "x",         false },
                { "A='x' y\n",            "x' y",      false },
                { "no key\n",             "no key",    false },
                { "\n",                   "",          false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *value = NULL;
                const char *p = cases[i].text;
                MetadataEntry e;

                ASSERT_TRUE(metadata_text_next(&p, &e));
                ASSERT_OK(metadata_entry_value(&e, &value));
                ASSERT_STREQ(value, cases[i].value);
                ASSERT_EQ(e.quoted, cases[i].quoted);
                ASSERT_FALSE(metadata_text_next(&p, &e));
        }
}

static void test_sequence(void) {
        const char *p = "A='x\nTAGS_9=evil'\nB=2\nC='open\nD=4";
        static const char *const keys[] = { "A", "B", "C", "D" };
        MetadataEntry e;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                ASSERT_TRUE(metadata_text_next(&p, &e));
                ASSERT_EQ(e.n_key, 1);
                ASSERT_EQ(e.text[0], keys[i][0]);
        }
        ASSERT_FALSE(metadata_text_next(&p, &e));
}

static void test_valid(void) {
        ASSERT_TRUE(metadata_text_is_valid("A=1\nB_2='x\ny'\n"));
        ASSERT_TRUE(metadata_text_is_valid("A="));
        ASSERT_FALSE(metadata_text_is_valid(""));
        ASSERT_FALSE(metadata_text_is_valid("\n"));
        ASSERT_FALSE(metadata_text_is_valid("<html>a=b</html>"));
        ASSERT_FALSE(metadata_text_is_valid("A=1\nfoo\n"));
        ASSERT_FALSE(metadata_text_is_valid("=1\n"));
        ASSERT_FALSE(metadata_text_is_valid("A B=1\n"));
}

/* What is written is read back, whatever is in it. */
static void test_round_trip(void) {
        static const char *const values[] = {
                "", "'", "''", "'\"'\"'", "a'", "'a", "\"", "a b", "x\n'\ny", "=", "\\", "\n", "'\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                _cleanup_free_ char *a = string_replace(values[i], "\\", "\\\\"), *b = NULL, *c = NULL, *json = NULL,
                                    *text = NULL, *value = NULL;
                MetadataEntry e;
                const char *p;

                b = string_replace(a, "\"", "\\\"");
                c = string_replace(b, "\n", "\\n");
                ASSERT_OK(asprintf_to(&json, "{\"k\":\"%s\"}", c));
                p = text = flatten(json);
                ASSERT_TRUE(metadata_text_next(&p, &e));
                ASSERT_OK(metadata_entry_value(&e, &value));
                ASSERT_STREQ(value, values[i]);
                ASSERT_FALSE(metadata_text_next(&p, &e));
        }
}

int main(void) {
        test_samples();
        test_rules();
        test_amplification();
        test_entries();
        test_sequence();
        test_valid();
        test_round_trip();
        return EXIT_SUCCESS;
}
