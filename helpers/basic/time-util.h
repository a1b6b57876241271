/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* All times are microseconds of CLOCK_BOOTTIME, which the clock step of the boot does not move. */
typedef uint64_t usec_t;

#define USEC_INFINITY ((usec_t) UINT64_MAX)
#define USEC_PER_MSEC ((usec_t) 1000)
#define USEC_PER_SEC ((usec_t) 1000000)

usec_t now_usec(void);
/* Sleeps this long, whatever signals come in between. For pauses between tries, never to wait for an event. */
void sleep_usec(usec_t usec);
