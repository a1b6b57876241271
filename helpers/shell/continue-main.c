/* SPDX-License-Identifier: MIT */
/* Lets the boot go on that waits for a person, see scaleway-shell(8). */
#include <errno.h>

#include "boot-step.h"
#include "log.h"
#include "main-func.h"
#include "paths.h"

static const char help_text[] = "\n\nLets the boot go on that waits for a person.\n\n";

static int run(int argc, char *argv[]) {
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_no_arguments(argc, argv, help_text);
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
