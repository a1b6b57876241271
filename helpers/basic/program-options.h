/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "macro.h"

/* The options of a program, as getopt_long(3) knows them: one table says what they are called, what --help tells of them, and where
 * their values go. --help and --version are every program's and stand in no table. */
typedef struct ProgramOption {
        const char *name;    /* without the dashes */
        const char *metavar; /* what --help calls its value; NULL: it takes none */
        /* Called for each time the option is given, in the order of the command line. value: NULL for one that takes none; else it lives as
         * long as argv. Returns 0, or a negative errno after a message. */
        int (*parse)(const char *name, const char *value, void *target);
        void *target;
        const char *help; /* for --help; what goes on after a '\n' is indented below */
} ProgramOption;

/* For ProgramOption.parse; each says what target is. */
int take_flag(const char *name, const char *value, void *target);           /* bool *: becomes true */
int take_boolean(const char *name, const char *value, void *target);        /* bool * */
int take_string(const char *name, const char *value, void *target);         /* const char ** */
int take_string_or_null(const char *name, const char *value, void *target); /* const char **; empty: NULL */
int take_secret(const char *name, const char *value, void *target);         /* const char **, as argument_value() has it */
int take_secret_or_null(const char *name, const char *value, void *target); /* likewise; empty: NULL */
int take_seconds(const char *name, const char *value, void *target);        /* unsigned *, up to a day; --help tells the one that is there before */

/* What an argument stands for: "env:NAME" for the value of that variable, "" if there is none; anything else, NULL too, for itself.
 * Arguments are in the journal with each line that a program writes (_CMDLINE=), and so on the disk of the host; variables are not. Not to be
 * freed. */
const char *argument_value(const char *argument);

/* Takes the options off argv. usage: what --help says before them, with the command lines first, without a newline at the end.
 * Returns 1 with optind (getopt(3)) at the first argument; 0 if --help or --version was asked for, and printed; -EINVAL, or what a parse
 * function returned, after a message. */
_must_check_ int
program_options_parse(int argc, char *argv[], const char *usage, const ProgramOption options[], size_t n_options);

/* The same, of a program that has neither options nor arguments. */
_must_check_ int program_options_none(int argc, char *argv[], const char *usage);
