/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* The value of KEY= in a file of shell assignments such as /etc/scw-release or os-release(5), with one pair of quotes taken
 * off; the last assignment counts, as for a shell. Nothing is expanded. text is NUL-terminated. Returns 1 and *ret (to be
 * freed), 0 if the key is not there or its value is empty, -ENOMEM. */
_must_check_ int release_value(const char *text, const char *key, char **ret);
