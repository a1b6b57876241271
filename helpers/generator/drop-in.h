/* SPDX-License-Identifier: MIT */
#pragma once

#include "options.h"
#include "unit-file.h"

/* Adds what the option table has for the unit: a line that says where the value comes from, and Environment=. Values
 * that are the default are left to the unit. Returns how many were added, or -ENOMEM. */
_must_check_ int drop_in_add_options(UnitFile *u, const Options *o, const char *unit);

/* Adds "[Service]", a comment that says where the option's value comes from, and variable=value. Returns 0 or
 * -ENOMEM. */
_must_check_ int drop_in_add_value(UnitFile *u, const Options *o, OptionId id, const char *variable, const char *value);

/* Adds variable=OPTIONS of the mount: ro, or rw, or if neither is on the command line the word otherwise, which may be empty;
 * then rootflags=, so that they may say otherwise. A line for each says where it comes from. Returns 0 or -ENOMEM. */
_must_check_ int drop_in_add_mount_options(UnitFile *u, const Options *o, const char *variable, const char *otherwise);

/* Writes what the option table has for the unit into UNIT.d/name below dir_fd, and nothing if all is default.
 * Returns 0 or a negative errno. */
_must_check_ int drop_in_write_options(const Options *o, const char *unit, int dir_fd, const char *name);

/* Writes the log level for all of our units that INITRD_VERBOSE and INITRD_DEBUG ask for. */
_must_check_ int drop_in_write_log_level(const Options *o, int dir_fd, const char *name);

/* One warning for each bad value that is this phase's to tell: in the first those of options that it acts on itself. */
void warn_about_problems(const Options *o, bool early);
