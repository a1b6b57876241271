/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Compares two versions as UAPI.10 (Version Format Specification) says: numbers by value, '~' before the end of the
 * string, which is before '-', '^', '.' and what follows. Returns < 0 if a is older, > 0 if it is newer, 0 if neither
 * is. */
_pure_ int version_compare(const char *a, const char *b);
