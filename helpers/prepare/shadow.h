/* SPDX-License-Identifier: MIT */
#pragma once

#include <time.h>

#include "macro.h"

/* Texts of shadow(5) and login.defs(5), NUL-terminated. */

/* True if root may get a password without being asked for: it has none, or "*", which no image means as an answer. "!" is one, a
 * password that was locked, and stays. Returns 1, 0 if it has one, -ENOENT if root has no line. */
_must_check_ int shadow_root_is_open(const char *text);

/* Gives root's first line the hash, and the day of the change (days since 1970; < 0: none, so that it never expires). Every other
 * byte stays as it is. Returns 0 and *ret (to be freed), -ENOENT if root has no line, -EINVAL if it is none of shadow(5),
 * -ENOMEM. */
_must_check_ int shadow_set_root(const char *text, const char *hash, long day, char **ret);

/* The day of a change that is made now, as passwd(1) writes it; -1 if the clock is older than the program, whose date is
 * YYYY-MM-DD, of UTC. That happens before anybody has set it, and 0 would want a new password at once, a day of years ago where passwords
 * expire. */
long shadow_day(time_t now, const char *build_date);

/* What ENCRYPT_METHOD is in the text of /etc/login.defs; the last one counts. Returns 1 and *ret (to be freed), 0, -ENOMEM. */
_must_check_ int login_defs_method(const char *text, char **ret);
