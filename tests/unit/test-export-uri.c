/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "export-uri.h"
#include "string-util.h"
#include "test.h"

static void test_nbd(void) {
        static const struct {
                const char *text, *host;
                uint16_t port;
                const char *export_name;
        } cases[] = {
                { "nbd://10.1.0.44:4320",                 "10.1.0.44",     4320,  ""            },
                { "nbd://10.1.0.44:4320/",                "10.1.0.44",     4320,  ""            },
                { "nbd://10.1.0.44",                      "10.1.0.44",     10809, ""            },
                { "NBD://server.example-1.internal/root", "server.example-1.internal", 10809, "root" },
                { "nbd://[fd00:42::42]:1/x",              "fd00:42::42",   1,     "x"           },
                { "nbd://[::1]",                          "::1",           10809, ""            },
                { "nbd://[fe80::1%25eth0]:65535",         "fe80::1%eth0",  65535, ""            },
                { "nbd://h//a/b",                         "h",             10809, "/a/b"        },
                { "nbd://h/a%2Fb%20c%25",                 "h",             10809, "a/b c%"      },
                { "nbd://h/%C3%A9",                       "h",             10809, "\xc3\xa9"    },
                { "nbd://h/\xc3\xa9",                     "h",             10809, "\xc3\xa9"    },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ExportUri u;

                fprintf(stderr, "%s\n", cases[i].text);
                ASSERT_OK(export_uri_parse(cases[i].text, &u));
                ASSERT_EQ(u.scheme, EXPORT_URI_NBD);
                ASSERT_STREQ(u.host, cases[i].host);
                ASSERT_EQ(u.port, cases[i].port);
                ASSERT_STREQ(u.export_name, cases[i].export_name);
                ASSERT_STREQ(u.device, NULL);
                export_uri_done(&u);
        }
}

static void test_device(void) {
        static const char *const cases[][2] = {
                { "device://dev/vda",                       "/dev/vda"                       },
                { "device://dev/disk/by-id/virtio-a_b.c:1", "/dev/disk/by-id/virtio-a_b.c:1" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ExportUri u;

                ASSERT_OK(export_uri_parse(cases[i][0], &u));
                ASSERT_EQ(u.scheme, EXPORT_URI_DEVICE);
                ASSERT_STREQ(u.device, cases[i][1]);
                ASSERT_STREQ(u.host, NULL);
                export_uri_done(&u);
        }
}

static void test_refused(void) {
        static const struct {
                const char *text;
                int error;
        } cases[] = {
                { "",                          EPROTONOSUPPORT },
                { "nbd",                       EPROTONOSUPPORT },
                { "nbd:/10.0.0.1",             EPROTONOSUPPORT },
                { "nbds://10.0.0.1",           EPROTONOSUPPORT },
                { "nbd+unix:///x?socket=/y",   EPROTONOSUPPORT },
                { "http://10.0.0.1/",          EPROTONOSUPPORT },
                { "nbd://",                    EINVAL          },
                { "nbd:///x",                  EINVAL          },
                { "nbd://:10809",              EINVAL          },
                { "nbd://h:",                  EINVAL          },
                { "nbd://h:0",                 EINVAL          },
                { "nbd://h:65536",             EINVAL          },
                { "nbd://h:1x",                EINVAL          },
                { "nbd://u@h",                 EINVAL          },
                { "nbd://h?tls=1",             EINVAL          },
                { "nbd://h/x#y",               EINVAL          },
                { "nbd://h/a b",               EINVAL          },
                { "nbd://h/a\n",               EINVAL          },
                { "nbd://h/%00",               EINVAL          },
                { "nbd://h/%4",                EINVAL          },
                { "nbd://h/%zz",               EINVAL          },
                { "nbd://h/%ff",               EINVAL          },
                { "nbd://[::1",                EINVAL          },
                { "nbd://[10.0.0.1]",          EINVAL          },
                { "nbd://[::1%25]",            EINVAL          },
                { "nbd://[::1%25/]",           EINVAL          },
                { "nbd://[::1]x",              EINVAL          },
                { "nbd://fd00::1",             EINVAL          },
                { "device://",                 EINVAL          },
                { "device://vda",              EINVAL          },
                { "device:///dev/vda",         EINVAL          },
                { "device://dev/",             EINVAL          },
                { "device://dev//vda",         EINVAL          },
                { "device://dev/../etc/x",     EINVAL          },
                { "device://dev/./vda",        EINVAL          },
                { "device://dev/a%2Fb",        EINVAL          },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ExportUri u = { .port = 7 };

                fprintf(stderr, "%s\n", cases[i].text);
                ASSERT_ERROR(export_uri_parse(cases[i].text, &u), cases[i].error);
                ASSERT_EQ(u.port, 7);
        }
}

static void test_limits(void) {
        char text[6000];
        ExportUri u;

        /* 4096 bytes of a name are what the protocol has room for. */
        (void) snprintf(text, sizeof(text), "nbd://h/%04096d", 1);
        ASSERT_OK(export_uri_parse(text, &u));
        ASSERT_EQ(strlen(u.export_name), NBD_EXPORT_NAME_MAX);
        export_uri_done(&u);

        (void) snprintf(text, sizeof(text), "nbd://h/%04097d", 1);
        ASSERT_ERROR(export_uri_parse(text, &u), ENAMETOOLONG);
        (void) snprintf(text, sizeof(text), "nbd://%0254d", 1);
        ASSERT_ERROR(export_uri_parse(text, &u), ENAMETOOLONG);
        (void) snprintf(text, sizeof(text), "device://dev/%0300d", 1);
        ASSERT_ERROR(export_uri_parse(text, &u), ENAMETOOLONG);

        export_uri_done(NULL);
}

int main(void) {
        test_nbd();
        test_device();
        test_refused();
        test_limits();
        return EXIT_SUCCESS;
}
