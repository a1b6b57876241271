/* SPDX-License-Identifier: MIT */
/* Runs from scaleway-prepare.service, after the root is mounted on /sysroot and before scaleway-switch.service. It leaves the
 * root as an init expects it. Nothing of this is worth a boot: a step that fails costs a warning. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "alloc-util.h"
#include "fd-util.h"
#include "log.h"
#include "main-func.h"
#include "parse-util.h"
#include "paths.h"
#include "steps.h"
#include "string-util.h"

typedef struct Step {
        const char *what; /* completes "Failed to " */
        int (*run)(int root_fd);
        bool writes;
        const bool *condition; /* NULL: always */
} Step;

static bool arg_nbd = false;

static int help(void) {
        printf("%s [OPTION…]\n\n"
               "Prepares the root file system on /sysroot.\n\n"
               "     --nbd=BOOL   The root is on an NBD volume\n"
               "  -h --help       Show this help\n"
               "     --version    Show the version\n",
               program_invocation_short_name);
        return 0;
}

static int parse_argv(int argc, char *argv[]) {
        enum { ARG_VERSION = 0x100, ARG_NBD };
        static const struct option options[] = {
                { "nbd",     required_argument, NULL, ARG_NBD     },
                { "help",    no_argument,       NULL, 'h'         },
                { "version", no_argument,       NULL, ARG_VERSION },
                {}
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case ARG_NBD:
                        if (parse_boolean(optarg, &arg_nbd) < 0)
                                return log_error_errno(EINVAL, "--nbd= takes yes or no.");
                        break;
                case 'h':
                        return help();
                case ARG_VERSION:
                        puts(PROJECT_VERSION " (" BUILD_COMMIT ")");
                        return 0;
                default:
                        return log_error_errno(EINVAL, "Unknown option, see --help.");
                }
        if (optind < argc)
                return log_error_errno(EINVAL, "This program takes no arguments.");

        return 1;
}

static bool is_read_only(int root_fd) {
        struct statvfs sv;

        return fstatvfs(root_fd, &sv) >= 0 && (sv.f_flag & ST_RDONLY);
}

static int run(int argc, char *argv[]) {
        static const Step steps[] = {
                { "show the image",           show_image,        .writes = false                        },
                { "make device nodes",        make_device_nodes, .writes = true                         },
                { "remove old DHCP leases",   remove_leases,     .writes = true                         },
                { "make /boot/efi optional",  relax_efi,         .writes = true, .condition = &arg_nbd  },
        };
        _cleanup_close_ int root_fd = -EBADF;
        bool read_only;
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        root_fd = open(sysroot_path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return log_error_errno(errno, "Failed to open '%s', where the root should be mounted: %m",
                                       sysroot_path());
        read_only = is_read_only(root_fd);
        if (read_only)
                log_warning("The root is mounted read-only, not preparing it.");

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                if ((steps[i].writes && read_only) || (steps[i].condition && !*steps[i].condition))
                        continue;
                r = steps[i].run(root_fd);
                if (r < 0)
                        log_warning_errno(r, "Failed to %s, ignoring: %m", steps[i].what);
        }

        return 0;
}

DEFINE_MAIN_FUNCTION(run)
