/* SPDX-License-Identifier: MIT */
#pragma once

#include <string.h>

#include "alloc-util.h"
#include "macro.h"

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

/* Both may be NULL; NULL equals only NULL. */
static inline bool streq_ptr(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

static inline bool isempty(const char *s) {
        return !s || s[0] == '\0';
}

static inline const char *empty_to_null(const char *s) {
        return isempty(s) ? NULL : s;
}

/* Returns what follows the prefix in s, or NULL if s does not begin with it. */
static inline _pure_ const char *startswith(const char *s, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/* Returns the place in s where the suffix begins, or NULL if s does not end with it. */
static inline _pure_ const char *endswith(const char *s, const char *suffix) {
        size_t n = strlen(s), k = strlen(suffix);

        return n >= k && streq(s + n - k, suffix) ? s + n - k : NULL;
}

/* asprintf() that returns 0 or -ENOMEM and touches *ret only on success. */
_must_check_ _printf_(2, 3) int asprintf_to(char **ret, const char *format, ...);

/* Returns a copy of s (to be freed) with every occurrence of what replaced by with, or NULL if memory is short. what must not
 * be empty. */
_must_check_ char *string_replace(const char *s, const char *what, const char *with);

/* Returns a copy of s, at most max bytes of it, that is safe to print on a console: control characters and bytes that are not
 * part of valid UTF-8 become '?'. A cut string ends in "...". NULL if memory is short. */
_must_check_ char *printable(const char *s, size_t max);

/* True if s is valid UTF-8 (RFC 3629). */
bool utf8_is_valid(const char *s, size_t n);

/* True if there is a character in s, which is valid UTF-8, that is none to be seen: a newline, an escape, … */
bool has_control_characters(const char *s);
