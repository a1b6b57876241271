/* SPDX-License-Identifier: MIT */
/* The one program in /run/initramfs, which is there when nothing else is any more: the way back at shutdown, and what
 * images expect to find there. In the initrd scaleway-exitrd.service runs "scaleway-exit install", which copies the
 * program and makes a link for each of the names. */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "applet.h"
#include "log.h"
#include "main-func.h"
#include "signal-state.h"
#include "string-util.h"

const Applet applets[] = {
        { "shutdown",                        shutdown_applet  },
        { "bin/sh",                          shell_applet     },
        { "sbin/kexec",                      kexec_applet     },
        { "usr/bin/scaleway-nbd",            nbd_applet       },
        { "usr/bin/scw-signal-state",        signal_state_run },
        { "usr/bin/scw-update-server-state", signal_state_run },
        { "usr/sbin/xnbd-client",            xnbd_client_applet },
};
const size_t applets_n = ELEMENTSOF(applets);

static const char *last_part(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static const Applet *find_applet(const char *name) {
        for (size_t i = 0; i < applets_n; i++)
                if (streq(name, last_part(applets[i].path)))
                        return &applets[i];

        return NULL;
}

static int help(void) {
        printf("scaleway-exit install\n"
               "scaleway-exit APPLET [ARGUMENT…]\n\n"
               "The way back at shutdown, in one program.\n\n"
               "  -h --help     Show this help\n"
               "     --version  Show the version\n\n"
               "Applets, also by the name that the program is called by:");
        for (size_t i = 0; i < applets_n; i++)
                printf(" %s", last_part(applets[i].path));
        putchar('\n');
        return 0;
}

/* '@' comes before the name of a process that is to survive what kills all others. */
static const char *own_name(const char *argv0) {
        return last_part(argv0[0] == '@' ? argv0 + 1 : argv0);
}

static int run(int argc, char *argv[]) {
        const Applet *a;

        log_setup(LOG_TARGET_AUTO);

        a = argc > 0 ? find_applet(own_name(argv[0])) : NULL;
        if (a)
                return a->run(argc, argv);

        if (argc < 2 || !streq(argv[1], "install")) {
                a = argc < 2 ? NULL : find_applet(argv[1]);
                if (a)
                        return a->run(argc - 1, argv + 1);
                if (argc == 2 && (streq(argv[1], "-h") || streq(argv[1], "--help")))
                        return help();
                if (argc == 2 && streq(argv[1], "--version")) {
                        puts(PROJECT_VERSION " (" BUILD_COMMIT ")");
                        return 0;
                }
                return log_error_errno(EINVAL, "There is no such applet, see --help.");
        }
        return install_applet(argc - 1, argv + 1);
}

DEFINE_MAIN_FUNCTION(run)
