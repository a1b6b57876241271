/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>

#include "root-command.h"
#include "root-lvm.h"
#include "string-util.h"
#include "test.h"

static void test_parse(void) {
        static const struct {
                const char *path, *group, *name, *mapper;
        } cases[] = {
                { "/dev/vg/root",                "vg",        "root",   "/dev/mapper/vg-root"           },
                { "/dev/test-group/a-b",         "test-group", "a-b",   "/dev/mapper/test--group-a--b"  },
                { "/dev/mapper/vg-root",         "vg",        "root",   "/dev/mapper/vg-root"           },
                { "/dev/mapper/my--vg-a--b",     "my-vg",     "a-b",    "/dev/mapper/my--vg-a--b"       },
                { "/dev/mapper/v--g--x-r",       "v-g-x",     "r",      "/dev/mapper/v--g--x-r"         },
                { "/dev/mapper/vg---root",       "vg-",       "root",   "/dev/mapper/vg---root"         },
                { "/dev/v.g+1_/r.o_o+t",         "v.g+1_",    "r.o_o+t", "/dev/mapper/v.g+1_-r.o_o+t"   },
        };
        static const char *const none[] = {
                "/dev/vda", "/dev/nbd0p1", "/dev/", "/dev", "", "UUID=a/b", "/vg/root", "/dev/vg/", "/dev/vg/a/b", "/dev//root",
                "/dev/vg/-n", "/dev/-n/root", "/dev/vg/..", "/dev/../root", "/dev/./root", "/dev/vg/a b", "/dev/vg/a\n", "/dev/vg/$x",
                "/dev/disk/by-uuid", "/dev/md/root", "/dev/mapper/control", "/dev/mapper/", "/dev/mapper/-root",
                "/dev/mapper/vg-", "/dev/mapper/vg-root-real", "/dev/mapper/a/b-c", "/dev/mapper/--x-r", "/dev/mapper/-x",
        };
        char path[600] = "/dev/";

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(root_volume_done) RootVolume v = {};
                _cleanup_free_ char *mapper = NULL;

                fprintf(stderr, "%s\n", cases[i].path);
                ASSERT_EQ(root_volume_parse(cases[i].path, &v), 1);
                ASSERT_STREQ(v.group, cases[i].group);
                ASSERT_STREQ(v.name, cases[i].name);
                ASSERT_OK(root_volume_path(&v, &mapper));
                ASSERT_STREQ(mapper, cases[i].mapper);
        }
        for (size_t i = 0; i < ELEMENTSOF(none); i++) {
                RootVolume v = {};

                fprintf(stderr, "%s\n", none[i]);
                ASSERT_EQ(root_volume_parse(none[i], &v), 0);
                ASSERT_TRUE(!v.group);
        }

        /* 127 bytes, and no more. */
        for (size_t n = 127; n <= 128; n++) {
                _cleanup_(root_volume_done) RootVolume v = {};

                memset(path + 5, 'a', n);
                memcpy(path + 5 + n, "/root", 6);
                ASSERT_EQ(root_volume_parse(path, &v), n == 127);
        }
}

static void test_choose(void) {
        static const struct {
                const char *list, *expected, *reason;
        } cases[] = {
                { "  root\n",                   "root", NULL                                                               },
                { "  home\n  root\n  swap\n",   "root", NULL                                                               },
                { "  data\n",                   "data", NULL                                                               },
                { "data",                       "data", NULL                                                               },
                { "\n \n",                      NULL,   "no logical volume"                                                },
                { "",                           NULL,   "no logical volume"                                                },
                { "  a\n  b\n",                 NULL,   "2 logical volumes (a, b), but none is named 'root'"               },
                { " Root\n rootfs\n root-1\n",  NULL,   "3 logical volumes (Root, rootfs, root-1), but none is named 'root'" },
                { " -x\n [lvol0]\n data\n",     "data", NULL                                                               },
                { " a/b\n ..\n",                NULL,   "no logical volume"                                                },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *name = NULL, *reason = NULL;

                ASSERT_EQ(root_volume_choose(cases[i].list, &name, &reason), cases[i].expected ? 0 : -ENOENT);
                ASSERT_STREQ(name, cases[i].expected);
                ASSERT_STREQ(reason, cases[i].reason);
        }
}

#define SHELL(script) ((const char *const[]) { "/bin/sh", "-c", script, NULL })

static int command(const char *script, usec_t timeout, const char *output, const char *message) {
        _cleanup_free_ char *o = NULL, *m = NULL;
        int r;

        fprintf(stderr, "%s\n", script);
        r = root_command(SHELL(script), now_usec() + timeout, &o, &m);
        ASSERT_STREQ(o, output);
        ASSERT_STREQ(m, message);
        return r;
}

static void test_command(void) {
        static const char *const missing[] = { "/no/such/program", NULL };
        _cleanup_free_ char *output = NULL, *message = NULL;
        usec_t begin = now_usec();

        ASSERT_EQ(command("echo a; echo b; exit 3", 10 * USEC_PER_SEC, "a\nb\n", ""), 3);
        ASSERT_EQ(command("echo first >&2; printf ' the\\033 end \\n\\n' >&2", 10 * USEC_PER_SEC, "", "the? end"), 0);
        ASSERT_EQ(command("echo $PATH$HOME", 10 * USEC_PER_SEC, "/usr/sbin:/usr/bin:/sbin:/bin\n", ""), 0);
        ASSERT_EQ(command("read x; echo read $?", 10 * USEC_PER_SEC, "read 1\n", ""), 0);
        ASSERT_EQ(command("kill -9 $$", 10 * USEC_PER_SEC, NULL, ""), -EPROTO);
        ASSERT_ERROR(root_command(missing, begin + 10 * USEC_PER_SEC, &output, &message), ENOENT);
        ASSERT_TRUE(now_usec() - begin < 8 * USEC_PER_SEC);

        /* With what it has started. */
        begin = now_usec();
        ASSERT_EQ(command("echo hangs >&2; sleep 30 & sleep 30", USEC_PER_SEC / 2, NULL, "hangs"), -ETIMEDOUT);
        ASSERT_EQ(command("exec >&- 2>&-; sleep 30", USEC_PER_SEC / 2, NULL, ""), -ETIMEDOUT);
        ASSERT_TRUE(now_usec() - begin < 8 * USEC_PER_SEC);
}

static void test_much_output(void) {
        _cleanup_free_ char *output = NULL, *message = NULL;

        ASSERT_EQ(root_command(SHELL("head -c 1000000 /dev/zero | tr '\\0' x; echo end >&2"), now_usec() + 30 * USEC_PER_SEC,
                               &output, &message), 0);
        ASSERT_EQ(strlen(output), 65536);
        ASSERT_STREQ(message, "end");
}

int main(void) {
        test_parse();
        test_choose();
        test_command();
        test_much_output();
        return 0;
}
