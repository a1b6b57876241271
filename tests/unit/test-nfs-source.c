/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "nfs-source.h"
#include "string-util.h"
#include "test.h"

static void test_good(void) {
        static const struct {
                const char *text, *host, *path, *options;
        } cases[] = {
                { "10.0.0.1:/srv/root",                 "10.0.0.1",         "/srv/root", ""                 },
                { "server.example-1.internal:/,vers=3", "server.example-1.internal", "/", "vers=3"          },
                { "[fd00::1]:/a b:c,ro,x=[y]:z",        "fd00::1",          "/a b:c",    "ro,x=[y]:z"       },
                { "[fe80::1%eth0]:/x",                  "fe80::1%eth0",     "/x",        ""                 },
                { "h:/srv/%s,",                         "h",                "/srv/%s",   ""                 },
                { "h:/,,",                              "h",                "/",         ","                },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                NfsSource n;

                fprintf(stderr, "%s\n", cases[i].text);
                ASSERT_OK(nfs_source_parse(cases[i].text, &n));
                ASSERT_STREQ(n.host, cases[i].host);
                ASSERT_STREQ(n.path, cases[i].path);
                ASSERT_STREQ(n.options, cases[i].options);
                nfs_source_done(&n);
        }
}

static void test_refused(void) {
        static const char *const cases[] = {
                "", "/srv/root", "server", "server:", "server:,ro", "server:srv", ":/srv", "-o:/srv", "a b:/srv", "user@h:/srv", "h/x:/srv",
                "[]:/srv", "[::1]", "[::1]/srv", "[::1:/srv", "::1:/srv", "fd00::1:/srv", "[10.0.0.1]:/srv", "[x]:/srv",
                "[fe80::1%]:/srv", "[fe80::1%e/h]:/srv", "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:/srv",
        };
        char text[2048];
        NfsSource n;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                fprintf(stderr, "%s\n", cases[i]);
                ASSERT_ERROR(nfs_source_parse(cases[i], &n), EINVAL);
        }

        (void) snprintf(text, sizeof(text), "%0254i:/srv", 1);
        ASSERT_ERROR(nfs_source_parse(text, &n), ENAMETOOLONG);
        (void) snprintf(text, sizeof(text), "h:/%01025i", 1);
        ASSERT_ERROR(nfs_source_parse(text, &n), ENAMETOOLONG);
}

int main(void) {
        test_good();
        test_refused();
        return 0;
}
