/* SPDX-License-Identifier: MIT */
#pragma once

#include <time.h>

#include "macro.h"

/* Each returns 0 and writes *ret, or -EINVAL (not such a thing) or -ERANGE (does not fit), without touching *ret. */

/* 1 yes y true t on / 0 no n false f off, whatever the case: the forms of systemd's parse_boolean(). */
_must_check_ int parse_boolean(const char *s, bool *ret);
/* Decimal digits only: no sign, no blanks, no other base. */
_must_check_ int parse_uint64(const char *s, uint64_t *ret);
_must_check_ int parse_unsigned(const char *s, unsigned *ret);
/* 1 to 65535. */
_must_check_ int parse_port(const char *s, uint16_t *ret);
/* YYYY-MM-DD: the moment at which that day begins in UTC, in seconds since 1970. */
_must_check_ int parse_date(const char *s, time_t *ret);
