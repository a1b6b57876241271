/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* n bytes, at most 256, of getrandom(2), which is not waited for, for what nobody may guess. Returns 0 or a negative
 * errno, -EAGAIN if the kernel has nothing yet. */
_must_check_ int random_bytes(void *p, size_t n);

/* A number for what need not be a secret (a pause, a port, a name, a nonce): of getrandom(2) where that has one, else
 * made of the time and the number of this process. Never waits, never fails. */
uint64_t random_number(void);
