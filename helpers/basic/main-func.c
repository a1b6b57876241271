/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "fd-util.h"
#include "log.h"
#include "main-func.h"
#include "parse-util.h"
#include "string-util.h"

int parse_standard_options(int argc, char *argv[], const char *help_text) {
        static const struct option options[] = {
                { "help",    no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'V' },
                {}
        };
        int c;

        assert(help_text);

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 'h':
                        printf("%s%s"
                               "  -h --help     Show this help\n"
                               "     --version  Show the version\n",
                               program_invocation_short_name, help_text);
                        return 0;
                case 'V':
                        puts(PROJECT_VERSION " (" BUILD_COMMIT ")");
                        return 0;
                default:
                        return log_error_errno(EINVAL, "Unknown option, see --help.");
                }

        return 1;
}

int parse_no_arguments(int argc, char *argv[], const char *help_text) {
        int r;

        r = parse_standard_options(argc, argv, help_text);
        if (r <= 0)
                return r;
        if (optind < argc)
                return log_error_errno(EINVAL, "This program takes no arguments.");

        return 1;
}

int parse_timeout_option(const char *s, unsigned *ret) {
        unsigned seconds;

        if (parse_unsigned(s, &seconds) < 0 || seconds > OPTION_TIMEOUT_MAX)
                return log_error_errno(EINVAL, "--timeout= takes a number of seconds up to %u.", OPTION_TIMEOUT_MAX);

        *ret = seconds;
        return 0;
}

const char *argument_value(const char *argument) {
        const char *name = startswith(argument, "env:");

        return name ? getenv(name) ?: "" : argument;
}

void record_failure(void) {
        const char *path = getenv("SCALEWAY_FAILURE_FILE"), *line = log_last_error();
        _cleanup_close_ int fd = -EBADF;

        if (!path || !line)
                return;

        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return;

        (void) !write_all(fd, line, strlen(line));
        (void) !write_all(fd, "\n", 1);
}
