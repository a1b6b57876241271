/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "options.h"
#include "proc-cmdline.h"
#include "string-util.h"
#include "test.h"

static Options *load_at(const char *cmdline, const char *document, const char *address) {
        _cleanup_(words_freep) char **words = NULL;
        _cleanup_(metadata_freep) Metadata *m = NULL;
        Options *o = NULL;

        ASSERT_OK(proc_cmdline_split(cmdline, strlen(cmdline), &words));
        if (document)
                ASSERT_OK(metadata_parse(document, strlen(document), &m));
        ASSERT_OK(options_load(words, m, address, &o));
        return o;
}

static Options *load(const char *cmdline, const char *document) {
        return load_at(cmdline, document, NULL);
}

static void assert_string(const char *cmdline, const char *document, OptionId id, const char *value,
                          OptionOrigin origin) {
        _cleanup_(options_freep) Options *o = load(cmdline, document);

        ASSERT_STREQ(options_get_string(o, id), value);
        ASSERT_EQ(options_origin(o, id), origin);
}

static void test_precedence(void) {
        static const char tags[] = "{\"tags\":[\"init=/sbin/tag\",\"root=\",\"web\"]}";

        assert_string("", NULL, OPTION_INIT, "/sbin/init", ORIGIN_DEFAULT);
        assert_string("", NULL, OPTION_ROOT, NULL, ORIGIN_DEFAULT);
        assert_string("init=/sbin/cmd", NULL, OPTION_INIT, "/sbin/cmd", ORIGIN_CMDLINE);
        assert_string("init=/sbin/cmd", tags, OPTION_INIT, "/sbin/tag", ORIGIN_TAG);
        assert_string("init=/sbin/cmd NO_METADATA=1", tags, OPTION_INIT, "/sbin/cmd", ORIGIN_CMDLINE);
        assert_string("root=/dev/vda", tags, OPTION_ROOT, "/dev/vda", ORIGIN_CMDLINE);
        /* The first that has a value counts, in both sources. */
        assert_string("init= init=/a init=/b", NULL, OPTION_INIT, "/a", ORIGIN_CMDLINE);
        assert_string("", "{\"tags\":[\"init=\",\"init=/a\",\"init=/b\"]}", OPTION_INIT, "/a", ORIGIN_TAG);
        /* Where a key may not stand it is nothing. */
        assert_string("", "{\"tags\":[\"METADATA_IP=192.0.2.1\"]}", OPTION_METADATA_IP, NULL, ORIGIN_DEFAULT);
        assert_string("", "{\"tags\":[\"ro\",\"NO_METADATA\"]}", OPTION_NO_METADATA, NULL, ORIGIN_DEFAULT);
}

static void test_values(void) {
        assert_string("rootflags=a=b,c=d", NULL, OPTION_ROOTFLAGS, "a=b,c=d", ORIGIN_CMDLINE);
        assert_string("", "{\"tags\":[\"rootflags=a b=c\"]}", OPTION_ROOTFLAGS, "a b=c", ORIGIN_TAG);
        assert_string("boot=nbd", NULL, OPTION_BOOT, "local", ORIGIN_CMDLINE);
        assert_string("INITRD_VERBOSE=yes", NULL, OPTION_INITRD_VERBOSE, "1", ORIGIN_CMDLINE);
        assert_string("INITRD_VERBOSE", NULL, OPTION_INITRD_VERBOSE, "1", ORIGIN_CMDLINE);
        assert_string("", "{\"tags\":[\"INITRD_VERBOSE\"]}", OPTION_INITRD_VERBOSE, "1", ORIGIN_TAG);
        assert_string("INITRD_VERBOSE=off", NULL, OPTION_INITRD_VERBOSE, "0", ORIGIN_CMDLINE);
        assert_string("init root", NULL, OPTION_INIT, "/sbin/init", ORIGIN_DEFAULT);
        assert_string("METADATA_IP=[fd00::1]", NULL, OPTION_METADATA_IP, "fd00::1", ORIGIN_CMDLINE);
        assert_string("rw ro", NULL, OPTION_RO, "1", ORIGIN_CMDLINE);
        assert_string("rw ro", NULL, OPTION_RW, NULL, ORIGIN_DEFAULT);
        assert_string("ro rw", NULL, OPTION_RO, NULL, ORIGIN_DEFAULT);
        assert_string("ro=1", NULL, OPTION_RO, NULL, ORIGIN_DEFAULT);
}

static void test_bad_values(void) {
        static const struct {
                const char *word;
                OptionId id;
        } cases[] = {
                { "boot=x",                 OPTION_BOOT           },
                { "boot=\xff",              OPTION_BOOT           },
                { "init=init",              OPTION_INIT           },
                { "'init=/a\nb'",           OPTION_INIT           },
                { "init=/a\x7f",            OPTION_INIT           },
                { "init=/a\xc2\x9b" "31m",  OPTION_INIT           },
                { "INITRD_DEBUG=2",         OPTION_INITRD_DEBUG   },
                { "nameserver=1.2.3",       OPTION_NAMESERVER     },
                { "nameserver=[]",          OPTION_NAMESERVER     },
                { "METADATA_IP=a/b",        OPTION_METADATA_IP    },
                { "METADATA_IP=meta.test",  OPTION_METADATA_IP    },
                { "rootfstype=a/b",         OPTION_ROOTFSTYPE     },
                { "root=vda",               OPTION_ROOT           },
                { "root=/etc/shadow",       OPTION_ROOT           },
                { "root=/dev/",             OPTION_ROOT           },
                { "root=/dev/../etc/x",     OPTION_ROOT           },
                { "root=/dev/..",           OPTION_ROOT           },
                { "root=UUID=",             OPTION_ROOT           },
                { "root=nbd://",            OPTION_ROOT           },
                { "root=nbd://h:0/",        OPTION_ROOT           },
                { "root=device://dev/vda",  OPTION_ROOT           },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(options_freep) Options *o = load(cases[i].word, NULL);
                _cleanup_free_ char *text = NULL;
                const OptionProblem *p;

                ASSERT_STREQ(options_get_string(o, cases[i].id), option_table[cases[i].id].default_value);
                ASSERT_EQ(options_problems(o, &p), 1);
                ASSERT_EQ(p[0].id, cases[i].id);
                ASSERT_OK(options_describe_problem(o, p, &text));
                ASSERT_TRUE(utf8_is_valid(text, strlen(text)));
                ASSERT_TRUE(startswith(text, option_table[p[0].id].key));
        }
}

static void test_too_long(void) {
        char word[OPTION_VALUE_MAX + 16];
        const OptionProblem *p;

        memset(word, 'x', sizeof(word));
        memcpy(word, "init=/", 6);

        word[5 + OPTION_VALUE_MAX] = '\0';
        assert_string(word, NULL, OPTION_INIT, word + 5, ORIGIN_CMDLINE);

        word[5 + OPTION_VALUE_MAX] = 'x';
        word[6 + OPTION_VALUE_MAX] = '\0';
        _cleanup_(options_freep) Options *o = load(word, NULL);
        ASSERT_EQ(options_problems(o, &p), 1);
        ASSERT_STREQ(options_get_string(o, OPTION_INIT), "/sbin/init");
}

static void test_problem_texts(void) {
        _cleanup_(options_freep) Options *o = load("boot=a root=/dev/vdb NO_SIGNAL_STATE=x",
                                                   "{\"tags\":[\"root=b\",\"boot=c\"]}");
        static const char *const expected[] = {
                "NO_SIGNAL_STATE='x' (command line) is neither yes nor no, ignoring it",
                "boot='a' (command line) is none of the known ones, using 'local'",
                "boot='c' (server tag) is none of the known ones, using 'local'",
                "root='b' (server tag) is not a form of root= that this initrd knows, using '/dev/vdb'",
        };
        const OptionProblem *p;

        ASSERT_EQ(options_problems(o, &p), ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                _cleanup_free_ char *text = NULL;

                ASSERT_OK(options_describe_problem(o, p + i, &text));
                ASSERT_STREQ(text, expected[i]);
        }
}

static void assert_expanded(const char *cmdline, const char *address, OptionId id, const char *value) {
        _cleanup_(options_freep) Options *o = load_at(cmdline, NULL, address);

        ASSERT_STREQ(options_get_string(o, id), value);
}

static void test_metadata_local(void) {
        assert_expanded("root=nbd://metadata.local:1/x", "192.0.2.1", OPTION_ROOT, "nbd://192.0.2.1:1/x");
        assert_expanded("root=nbd://metadata.local/x", "fd00::1", OPTION_ROOT, "nbd://[fd00::1]/x");
        assert_expanded("nameserver=metadata.local", "fd00::1", OPTION_NAMESERVER, "fd00::1");
        assert_expanded("rootflags=a=metadata.local,b=metadata.local:/x", "fd00::1", OPTION_ROOTFLAGS,
                        "a=fd00::1,b=[fd00::1]:/x");
        assert_expanded("nameserver=metadata.local", NULL, OPTION_NAMESERVER, METADATA_IPV4);
        assert_expanded("nameserver=metadata.local METADATA_IP=192.0.2.7", NULL, OPTION_NAMESERVER, "192.0.2.7");
        assert_expanded("nameserver=metadata.local METADATA_IP=192.0.2.7", "192.0.2.1", OPTION_NAMESERVER, "192.0.2.1");
        assert_expanded("METADATA_IP=metadata.local", NULL, OPTION_METADATA_IP, METADATA_IPV4);
}

static void test_describe_and_json(void) {
        _cleanup_(options_freep) Options *o = load("init=/a ro boot=local", "{\"tags\":[\"init=/b\",\"boot=nbd\"]}");
        _cleanup_free_ char *init = NULL, *boot = NULL, *ro = NULL, *json = NULL;

        ASSERT_OK(options_describe(o, OPTION_INIT, &init));
        ASSERT_STREQ(init, "init=/b: server tag, instead of /a on the command line");
        /* The same value, said in two ways, replaces nothing. */
        ASSERT_OK(options_describe(o, OPTION_BOOT, &boot));
        ASSERT_STREQ(boot, "boot=local: server tag");
        ASSERT_OK(options_describe(o, OPTION_RO, &ro));
        ASSERT_STREQ(ro, "ro: command line");

        ASSERT_OK(options_set(o, OPTION_ROOT, "/dev/vda", ORIGIN_METADATA));
        ASSERT_OK(options_to_json(o, &json));
        ASSERT_TRUE(strstr(json, "\"instead-of\": \"/a\""));
        ASSERT_TRUE(strstr(json, "\"value\": \"/dev/vda\""));
        ASSERT_TRUE(strstr(json, "\"origin\": \"metadata\""));
        ASSERT_FALSE(strstr(json, "nameserver"));
        ASSERT_TRUE(endswith(json, "}\n"));
}

int main(void) {
        test_precedence();
        test_values();
        test_bad_values();
        test_too_long();
        test_problem_texts();
        test_metadata_local();
        test_describe_and_json();
        return EXIT_SUCCESS;
}
