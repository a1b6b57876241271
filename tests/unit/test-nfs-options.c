/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "nfs-options.h"
#include "string-util.h"
#include "test.h"

static void test_parse(void) {
        static const struct {
                const char *text, *rest, *version;
                uint16_t port;
                int family;
        } cases[] = {
                { "",                                "",                     NULL,  2049, AF_UNSPEC },
                { "ro,noatime,timeo=50",             "ro,noatime,timeo=50",  NULL,  2049, AF_UNSPEC },
                { "vers=3",                          "",                     "3",   2049, AF_UNSPEC },
                { "ro,nfsvers=4.1,soft",             "ro,soft",              "4.1", 2049, AF_UNSPEC },
                { "v4.2,rsize=4096",                 "rsize=4096",           "4.2", 2049, AF_UNSPEC },
                { "vers=4",                          "",                     "4",   2049, AF_UNSPEC },
                { "vers=4,minorversion=1",           "",                     "4.1", 2049, AF_UNSPEC },
                { "minorversion=1,vers=4",           "",                     "4.1", 2049, AF_UNSPEC },
                { "vers=4.1,vers=3",                 "",                     "3",   2049, AF_UNSPEC },
                { "port=2050,proto=tcp6",            "",                     NULL,  2050, AF_INET6  },
                { "proto=tcp6,tcp,proto=tcp,port=1", "",                     NULL,  1,    AF_UNSPEC },
                { "addr=192.0.2.1,mountport=5",      "mountport=5",          NULL,  2049, AF_UNSPEC },
                { "context=\"a,b\",ro",              "context=\"a,b\",ro",   NULL,  2049, AF_UNSPEC },
                { "vfoo",                            "vfoo",                 NULL,  2049, AF_UNSPEC },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *reason = NULL;
                NfsOptions o;

                fprintf(stderr, "%s\n", cases[i].text);
                ASSERT_OK(nfs_options_parse(cases[i].text, &o, &reason));
                ASSERT_STREQ(o.rest, cases[i].rest);
                ASSERT_STREQ(o.version, cases[i].version);
                ASSERT_EQ(o.port, cases[i].port);
                ASSERT_EQ(o.family, cases[i].family);
                nfs_options_done(&o);
        }
}

static void test_refused(void) {
        static const char *const cases[] = { "port=0", "port", "port=65536", "proto=udp", "proto", "udp", "ro,proto=rdma" };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *reason = NULL;
                NfsOptions o;

                fprintf(stderr, "%s\n", cases[i]);
                ASSERT_ERROR(nfs_options_parse(cases[i], &o, &reason), EINVAL);
                ASSERT_TRUE(reason && strstr(reason, "root over NFS"));
        }
}

/* One word for each version that is tried. */
static void assert_versions(const char *text, const char *expected) {
        const char *versions[NFS_VERSIONS_MAX];
        _cleanup_free_ char *reason = NULL;
        char got[64] = "";
        NfsOptions o;
        unsigned n;

        ASSERT_OK(nfs_options_parse(text, &o, &reason));
        n = nfs_options_versions(&o, versions);
        for (unsigned i = 0; i < n; i++) {
                strcat(got, i > 0 ? " " : "");
                strcat(got, versions[i]);
        }
        ASSERT_STREQ(got, expected);
        nfs_options_done(&o);
}

static void test_versions(void) {
        assert_versions("ro", "4.1 4.2 4.0 3");
        assert_versions("vers=4", "4.1 4.2 4.0");
        assert_versions("vers=4.0", "4.0");
        assert_versions("vers=3", "3");
}

static void assert_format(const char *text, const char *version, const char *address, const char *expected) {
        _cleanup_free_ char *reason = NULL, *options = NULL;
        NfsOptions o;

        ASSERT_OK(nfs_options_parse(text, &o, &reason));
        ASSERT_OK(nfs_options_format(&o, version, address, &options));
        ASSERT_STREQ(options, expected);
        nfs_options_done(&o);
}

static void test_format(void) {
        assert_format("", "4.2", "10.0.0.1", "nolock,vers=4.2,proto=tcp,port=2049,addr=10.0.0.1");
        assert_format("lock,port=1", "3", "fd00::1", "nolock,mountproto=tcp6,lock,vers=3,proto=tcp6,port=1,addr=fd00::1");
        assert_format("mountproto=udp,addr=::", "3", "10.0.0.1",
                      "nolock,mountproto=tcp,mountproto=udp,vers=3,proto=tcp,port=2049,addr=10.0.0.1");
}

int main(void) {
        test_parse();
        test_refused();
        test_versions();
        test_format();
        return 0;
}
