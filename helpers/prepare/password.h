/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

#define PASSWORD_LENGTH 16U

/* Writes a random password, with its NUL, which is the caller's to wipe. Waits at most 10 seconds for the kernel to have random
 * numbers. Returns 0 or a negative errno. */
_must_check_ int password_make(char ret[static PASSWORD_LENGTH + 1]);

/* The prefix of crypt(5) for a method of login.defs(5), NULL if it is not known, or one that is worth nothing today. */
const char *password_prefix(const char *method);

/* Hashes it by libcrypt, with a random salt; prefix as above. *ret is to be freed. Returns 0 or a negative errno. */
_must_check_ int password_hash(const char *password, const char *prefix, char **ret);
