/* SPDX-License-Identifier: MIT */
/* Makes a GPIO line an output, which its board wants of whatever system it runs.
 *
 * Runs from scaleway-gpio.service, which the generator adds on commercial type C1 only, beside the rest of the boot:
 * nothing waits for it. Through sysfs: the C1's kernels (3.2 to 4.5) have no other way to user space, the character
 * devices came with 4.8, and the number 42 is one that sysfs counts. It leaves the line exported, as an output. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bounds.h"
#include "fd-util.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "parse-util.h"
#include "string-util.h"
#include "time-util.h"

#define SYSFS_GPIO "/sys/class/gpio"

static const char usage[] = "scaleway-gpio out NUMBER\n\n"
                            "Makes the GPIO line of that number, as sysfs counts, an output.";

static int open_class(void) {
        const char *seam = secure_getenv("SCALEWAY_GPIO");
        int fd;

        fd = open(isempty(seam) ? SYSFS_GPIO : seam, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* An attribute takes one write. */
static int write_attribute(int dir_fd, const char *path, const char *value) {
        _cleanup_close_ int fd = -EBADF;
        ssize_t n;

        fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        n = write(fd, value, strlen(value));
        if (n < 0)
                return -errno;

        return (size_t) n == strlen(value) ? 0 : -EIO;
}

static int export(int class_fd, unsigned number) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = asprintf_to(&text, "%u", number);
        if (r < 0)
                return r;

        r = write_attribute(class_fd, "export", text);
        return r == -EBUSY ? 0 : r; /* somebody has done it already */
}

/* The files of a line come with it, or a moment later; sysfs tells nobody when (inotify(7)). */
static int make_output(int class_fd, unsigned number) {
        _cleanup_free_ char *path = NULL;
        usec_t deadline = now_usec() + GPIO_APPEAR_TIMEOUT;
        int r;

        r = asprintf_to(&path, "gpio%u/direction", number);
        if (r < 0)
                return r;

        while ((r = write_attribute(class_fd, path, "out")) == -ENOENT && now_usec() < deadline)
                sleep_usec(GPIO_POLL_PAUSE);
        return r;
}

static int run(int argc, char *argv[]) {
        _cleanup_close_ int class_fd = -EBADF;
        unsigned number;
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = program_options_parse(argc, argv, usage, NULL, 0);
        if (r <= 0)
                return r;
        if (argc - optind != 2 || !streq(argv[optind], "out") || parse_unsigned(argv[optind + 1], &number) < 0)
                return log_error_errno(EINVAL, "Say 'out' and the number of a line, see --help.");

        class_fd = open_class();
        if (class_fd == -ENOENT)
                return log_error_errno(class_fd, "GPIO %u is not set up: this kernel has no GPIO in sysfs.", number);
        if (class_fd < 0)
                return log_error_errno(class_fd, "Failed to open '" SYSFS_GPIO "': %m");

        r = export(class_fd, number);
        if (r < 0)
                return log_error_errno(r, "Failed to export GPIO %u: %m", number);
        r = make_output(class_fd, number);
        if (r < 0)
                return log_error_errno(r, "Failed to make GPIO %u an output: %m", number);

        log_debug("GPIO %u is an output.", number);
        return 0;
}

DEFINE_MAIN_FUNCTION(run)
