/* SPDX-License-Identifier: MIT */
/* Runs twice. First as a systemd generator, before any unit is loaded: it expects nothing but the kernel command
 * line, and leaves drop-ins for the units that run before the metadata are there. Then from scaleway-boot.service,
 * with --boot, after scw-metadata has cached the metadata or given up, and before scaleway-boot.target is started:
 * it leaves drop-ins and links for all units of that target, which systemd reads for the first time after this. In
 * both it talks to nobody and takes milliseconds. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "option-table.h"
#include "parse-util.h"
#include "phase-boot.h"
#include "phase-early.h"

static bool arg_boot = false;
static bool arg_options = false;
static const char *arg_early = NULL;

static const char usage[] = "scaleway-generator NORMAL EARLY LATE\n"
                            "scaleway-generator --boot\n"
                            "scaleway-generator --options\n\n"
                            "Makes settings of systemd units from the kernel command line and server tags.";

static int parse_argv(int argc, char *argv[]) {
        const ProgramOption options[] = {
                { "boot", NULL, take_flag, &arg_boot,
                  "Second phase: also from the tags, for scaleway-boot.target" },
                { "options", NULL, take_flag, &arg_options,
                  "Show the options that may stand there" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;
        if (arg_options) {
                option_table_print(stdout);
                return 0;
        }
        if (argc - optind != (arg_boot ? 0 : 3))
                return log_error_errno(EINVAL, "Give --boot or the directories of systemd.generator(7), see --help.");

        if (!arg_boot)
                arg_early = argv[optind + 1];
        return 1;
}

static bool in_initrd(void) {
        const char *seam = secure_getenv("SCALEWAY_IN_INITRD");
        bool b;

        if (seam && parse_boolean(seam, &b) >= 0)
                return b;

        return access("/etc/initrd-release", F_OK) >= 0;
}

static int run(int argc, char *argv[]) {
        int r;

        /* The second phase is a service like others and has the journal. A test's messages are not the kernel's
         * business. */
        log_setup(argc == 4 && !secure_getenv("SCALEWAY_IN_INITRD") ? LOG_TARGET_KMSG : LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        if (arg_boot)
                return in_initrd() ? phase_boot() :
                                     log_error_errno(EOPNOTSUPP, "The second phase only runs in the initrd.");

        /* It is installed where the machine that builds the initrd runs generators too; there it has nothing to do. */
        return in_initrd() ? phase_early(arg_early) : 0;
}

DEFINE_MAIN_FUNCTION(run)
