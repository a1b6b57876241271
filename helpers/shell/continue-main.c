/* SPDX-License-Identifier: MIT */
/* Lets the boot go on that waits for a person, see scaleway-shell(8). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "alloc-util.h"
#include "fd-util.h"
#include "log.h"
#include "main-func.h"
#include "mount-point.h"
#include "paths.h"

static const char help_text[] = "\n\nLets the boot go on that waits for a person.\n\n";

static int run(int argc, char *argv[]) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_no_arguments(argc, argv, help_text);
        if (r <= 0)
                return r;

        r = run_path(RUN_CONTINUE, &path);
        if (r < 0)
                return log_oom();
        /* Nobody reads it: not there, or left behind. */
        fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && (errno == ENOENT || errno == ENXIO))
                return log_error_errno(errno, "Nothing waits for continue-boot now.");
        if (fd < 0)
                return log_error_errno(errno, "Failed to open '%s': %m", path);

        r = path_is_mount_point(sysroot_path());
        if (r < 0)
                return log_error_errno(r, "Failed to look at '%s': %m", sysroot_path());
        if (r == 0)
                return log_error_errno(ENOENT, "Nothing is mounted on '%s', mount the root there first.", sysroot_path());

        r = write_all(fd, "\n", 1);
        if (r < 0)
                return log_error_errno(r, "Failed to write to '%s': %m", path);
        return 0;
}

DEFINE_MAIN_FUNCTION(run)
