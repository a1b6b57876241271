/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "log.h"
#include "parse-util.h"
#include "program-options.h"
#include "string-util.h"

#define OPTIONS_MAX 16U /* of one program */

/* What getopt_long() returns; the options of the table count from there on. */
enum {
        CHOICE_HELP = 'h',
        CHOICE_VERSION = 0x100,
        CHOICE_FIRST,
};

int take_flag(const char *name, const char *value, void *target) {
        bool *b = target;

        (void) name;
        (void) value;
        *b = true;
        return 0;
}

int take_boolean(const char *name, const char *value, void *target) {
        if (parse_boolean(value, target) < 0)
                return log_error_errno(EINVAL, "--%s= takes yes or no.", name);

        return 0;
}

int take_string(const char *name, const char *value, void *target) {
        const char **s = target;

        (void) name;
        *s = value;
        return 0;
}

int take_string_or_null(const char *name, const char *value, void *target) {
        return take_string(name, empty_to_null(value), target);
}

const char *argument_value(const char *argument) {
        const char *name = argument ? startswith(argument, "env:") : NULL;

        return name ? getenv(name) ?: "" : argument;
}

int take_secret(const char *name, const char *value, void *target) {
        return take_string(name, argument_value(value), target);
}

int take_secret_or_null(const char *name, const char *value, void *target) {
        return take_string_or_null(name, argument_value(value), target);
}

int take_seconds(const char *name, const char *value, void *target) {
        unsigned seconds, *u = target;

        if (parse_unsigned(value, &seconds) < 0 || seconds > OPTION_TIMEOUT_MAX)
                return log_error_errno(EINVAL, "--%s= takes a number of seconds up to %u.", name, OPTION_TIMEOUT_MAX);

        *u = seconds;
        return 0;
}

static int label(const ProgramOption *o, char *buffer, size_t size) {
        return snprintf(buffer, size, "     --%s%s%s", o->name, o->metavar ? "=" : "", o->metavar ?: "");
}

static void print_option(const ProgramOption *o, int width) {
        char buffer[80];

        (void) label(o, buffer, sizeof(buffer));
        printf("%-*s", width, buffer);
        for (const char *line = o->help;;) {
                size_t length = strcspn(line, "\n");

                printf("  %.*s", (int) length, line);
                if (line[length] == '\0')
                        break;
                printf("\n%*s", width, "");
                line += length + 1;
        }
        if (o->parse == take_seconds && *(unsigned *) o->target > 0)
                printf(" (default: %u)", *(unsigned *) o->target);
        putchar('\n');
}

static void help(const char *usage, const ProgramOption options[], size_t n_options) {
        static const ProgramOption standard[] = {
                { .name = "version", .help = "Show the version" },
        };
        int width = label(standard, NULL, 0);

        for (size_t i = 0; i < n_options; i++) {
                int w = label(options + i, NULL, 0);

                if (w > width)
                        width = w;
        }

        fputs(usage, stdout);
        fputs("\n\n", stdout);
        for (size_t i = 0; i < n_options; i++)
                print_option(options + i, width);
        printf("%-*s  Show this help\n", width, "  -h --help");
        print_option(standard, width);
}

int program_options_parse(int argc, char *argv[], const char *usage, const ProgramOption options[], size_t n_options) {
        struct option known[OPTIONS_MAX + 3] = {
                { "help",    no_argument, NULL, CHOICE_HELP    },
                { "version", no_argument, NULL, CHOICE_VERSION },
        };
        int c, r;

        assert(usage);
        assert(n_options <= OPTIONS_MAX);

        for (size_t i = 0; i < n_options; i++)
                known[i + 2] = (struct option){ options[i].name, options[i].metavar ? required_argument : no_argument, NULL,
                                                CHOICE_FIRST + (int) i };

        while ((c = getopt_long(argc, argv, "h", known, NULL)) >= 0) {
                const ProgramOption *o;

                if (c == CHOICE_HELP) {
                        help(usage, options, n_options);
                        return 0;
                }
                if (c == CHOICE_VERSION) {
                        puts(PROJECT_VERSION " (" BUILD_COMMIT ")");
                        return 0;
                }
                if (c < CHOICE_FIRST)
                        /* getopt_long() has said which. */
                        return log_error_errno(EINVAL, "Wrong option, see --help.");
                o = options + (c - CHOICE_FIRST);
                r = o->parse(o->name, optarg, o->target);
                if (r < 0)
                        return r;
        }

        return 1;
}

int program_options_none(int argc, char *argv[], const char *usage) {
        int r;

        r = program_options_parse(argc, argv, usage, NULL, 0);
        if (r <= 0)
                return r;
        if (optind < argc)
                return log_error_errno(EINVAL, "This program takes no arguments.");

        return 1;
}
