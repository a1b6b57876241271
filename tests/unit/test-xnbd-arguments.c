/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "string-util.h"
#include "test.h"
#include "xnbd-arguments.h"

#define ARGUMENTS_MAX 48U

typedef struct Case {
        const char *line; /* words, separated by one blank each */
        int result;       /* then the reason has this word: */
        const char *reason;
        XnbdAction action;
        const char *device, *host;
        uint16_t port;
        unsigned tries, n_servers;
} Case;

static const Case cases[] = {
        /* As images call it. */
        { "-c /dev/nbd1",                           0, NULL, XNBD_CHECK, "/dev/nbd1", .tries = 1 },
        { "-d /dev/nbd1",                           0, NULL, XNBD_DETACH, "/dev/nbd1", .tries = 1 },
        { "10.1.2.3 4000 -b 4096 /dev/nbd1",        0, NULL, XNBD_ATTACH, "/dev/nbd1", "10.1.2.3", 4000, 1, 1 },
        { "--blocksize 512 --retry=900 10.1.2.3 4000 /dev/nbd0", 0, NULL, XNBD_ATTACH, "/dev/nbd0", "10.1.2.3", 4000, 900, 1 },
        { "--version",                              0, NULL, XNBD_VERSION, .tries = 1 },
        { "--check /dev/nbd15",                     0, NULL, XNBD_CHECK, "/dev/nbd15", .tries = 1 },
        { "--check=/dev/nbd15",                     0, NULL, XNBD_CHECK, "/dev/nbd15", .tries = 1 },
        /* As its manual says. */
        { "bs=1024 timeout=30 h 1 /dev/nbd2",       0, NULL, XNBD_ATTACH, "/dev/nbd2", "h", 1, 1, 1 },
        { "h bs=1024 1 timeout=30 /dev/nbd2",       0, NULL, XNBD_ATTACH, "/dev/nbd2", "h", 1, 1, 1 },
        { "h 65535 /dev/nbd2 --retry 0 -t 5 -R cmd -H", 0, NULL, XNBD_ATTACH, "/dev/nbd2", "h", 65535, 0, 1 },
        { "-C /dev/nbd3 a 1 b 2 c 3 -n name",       0, NULL, XNBD_ATTACH, "/dev/nbd3", "a", 1, 1, 3 },
        { "fd00::1 10809 --connect /dev/nbd3",      0, NULL, XNBD_ATTACH, "/dev/nbd3", "fd00::1", 10809, 1, 1 },
        { "--flush /dev/nbd3",                      0, NULL, XNBD_FLUSH, "/dev/nbd3", .tries = 1 },
        { "--getsize64 h 1",                        0, NULL, XNBD_SIZE, NULL, "h", 1, 1, 1 },
        { "-h",                                     0, NULL, XNBD_HELP, .tries = 1 },
        { "x y z --version",                        0, NULL, XNBD_VERSION, .tries = 1 },
        { "",                                       -EINVAL, "wanted" },
        { "h 1",                                    -EINVAL, "wanted" },
        { "h 1 /dev/nbd0 -swap",                    -EINVAL, "option" },
        { "h 1 /dev/nbd0 more",                     -EINVAL, "wanted" },
        { "h 0 /dev/nbd0",                          -EINVAL, "'0' is no port" },
        { "h 65536 /dev/nbd0",                      -EINVAL, "'65536' is no port" },
        { "h -b 4095 1 /dev/nbd0",                  -EINVAL, "'4095' is no block size" },
        { "h -b 8192 1 /dev/nbd0",                  -EINVAL, "'8192' is no block size" },
        { "h bs= 1 /dev/nbd0",                      -EINVAL, "'' is no block size" },
        { "h timeout=x 1 /dev/nbd0",                -EINVAL, "'x' is no number of seconds" },
        { "h -r -1 1 /dev/nbd0",                    -EINVAL, "'-1' is no number of tries" },
        { "-c",                                     -EINVAL, "'-c' is no option, or one without its value" },
        { "-c /dev/nbd0 /dev/nbd1",                 -EINVAL, "too many" },
        { "--nonsense",                             -EINVAL, "option" },
        { "--getsize64 h",                          -EINVAL, "HOST and a PORT" },
        { "--getsize64",                            -EINVAL, "HOST and a PORT" },
        { "-C /dev/nbd3 a 1 b",                     -EINVAL, "HOST and a PORT" },
        { "-C /dev/nbd3 1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9 1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8", -EINVAL, "too many" },
};

static void test_cases(void) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *line = strdup(cases[i].line), *reason = NULL;
                char *argv[ARGUMENTS_MAX] = { (char *) "xnbd-client" };
                XnbdAction expected = cases[i].action;
                XnbdArguments a = {};
                int argc = 1;

                ASSERT_TRUE(line);
                for (char *p = line[0] ? line : NULL; p; argc++) {
                        ASSERT_TRUE((size_t) argc < ELEMENTSOF(argv) - 1);
                        argv[argc] = strsep(&p, " ");
                }
                fprintf(stderr, "%s\n", cases[i].line);
                ASSERT_EQ(xnbd_arguments_parse(argc, argv, &a, &reason), cases[i].result);
                if (cases[i].result < 0) {
                        ASSERT_TRUE(strstr(reason, cases[i].reason));
                        continue;
                }
                ASSERT_TRUE(!reason);
                ASSERT_EQ(a.action, expected);
                ASSERT_TRUE(streq_ptr(a.device, cases[i].device));
                ASSERT_EQ(a.n_servers, cases[i].n_servers);
                ASSERT_EQ(a.tries, cases[i].tries);
                if (a.n_servers > 0) {
                        ASSERT_STREQ(a.servers[0].host, cases[i].host);
                        ASSERT_EQ(a.servers[0].port, cases[i].port);
                }
        }
}

static void test_device(void) {
        char directory[] = "/tmp/test-xnbd-XXXXXX";
        _cleanup_free_ char *path = NULL;
        unsigned index = 99;

        ASSERT_OK(xnbd_device_index("/dev/nbd15", &index));
        ASSERT_EQ(index, 15);
        ASSERT_OK(xnbd_device_index("/dev/nbd3p12", &index));
        ASSERT_EQ(index, 3);
        ASSERT_ERROR(xnbd_device_index("/dev/nbd16", &index), EINVAL);
        ASSERT_ERROR(xnbd_device_index("/dev/nbd", &index), EINVAL);
        ASSERT_ERROR(xnbd_device_index("/dev/nbd1p", &index), EINVAL);
        ASSERT_ERROR(xnbd_device_index("/dev/nbd1px", &index), EINVAL);
        ASSERT_ERROR(xnbd_device_index("/dev/null", &index), EINVAL);
        ASSERT_ERROR(xnbd_device_index("nbd1", &index), EINVAL);
        ASSERT_ERROR(xnbd_device_index("1", &index), EINVAL);
        ASSERT_ERROR(xnbd_device_index("", &index), EINVAL);
        ASSERT_EQ(index, 3);

        /* Also one whose node is not there. */
        ASSERT_TRUE(mkdtemp(directory));
        ASSERT_OK(asprintf_to(&path, "%s/link", directory));
        ASSERT_OK(symlink("/dev/nbd7p1", path));
        ASSERT_OK(xnbd_device_index(path, &index));
        ASSERT_EQ(index, 7);
        ASSERT_OK(unlink(path));
        ASSERT_OK(symlink("/dev/null", path));
        ASSERT_ERROR(xnbd_device_index(path, &index), EINVAL);
        ASSERT_OK(unlink(path));
        ASSERT_OK(symlink(path, path));
        ASSERT_ERROR(xnbd_device_index(path, &index), EINVAL);
        ASSERT_OK(unlink(path));
        ASSERT_OK(rmdir(directory));
}

int main(void) {
        test_cases();
        test_device();
        return 0;
}
