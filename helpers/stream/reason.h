/* SPDX-License-Identifier: MIT */
#pragma once

#include <errno.h>
#include <pthread.h>

#include "macro.h"

/* Why it failed, in one line that the program logs once, at its end. Several threads work on one archive and one
 * failure makes the others fail, too: the first reason is kept. */
typedef struct Reason {
        pthread_mutex_t lock;
        int error; /* negative errno, 0: no reason yet */
        char *text;
} Reason;

#define REASON_INIT ((Reason) { .lock = PTHREAD_MUTEX_INITIALIZER })

void reason_done(Reason *reason);

/* Keeps the reason, a phrase without a final stop, if it is the first. Returns -abs(error), which must not be 0. Safe
 * from any thread. */
_printf_(3, 4) int reason_set(Reason *reason, int error, const char *format, ...);

/* "Out of memory". Returns -ENOMEM. */
int reason_oom(Reason *reason);

/* 0 or the negative errno that is kept. Safe from any thread. */
int reason_error(Reason *reason);
