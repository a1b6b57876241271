/* SPDX-License-Identifier: MIT */
/* Lets the boot go on that waits for a person, see scaleway-shell(8). */
#include <errno.h>

#include "boot-step.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "paths.h"

static const char usage[] = "continue-boot\n\nLets the boot go on that waits for a person.";

static int run(int argc, char *argv[]) {
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = program_options_none(argc, argv, usage);
        if (r <= 0)
                return r;

        r = boot_step_call();
        switch (r) {
        case -ENXIO:
                return log_error_errno(r, "Nothing waits for continue-boot now.");
        case -ENOENT:
                return log_error_errno(r, "Nothing is mounted on '%s', mount the root there first.", sysroot_path());
        default:
                return r < 0 ? log_error_errno(r, "Failed to let the boot go on: %m") : 0;
        }
}

DEFINE_MAIN_FUNCTION(run)
