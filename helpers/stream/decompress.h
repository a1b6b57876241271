/* SPDX-License-Identifier: MIT */
#pragma once

#include "decoder.h"
#include "reason.h"
#include "ring.h"

/* Decompresses what is in one ring into another one, in a thread of its own, so that it goes on while the network and
 * the disk are waited for. */
typedef struct Decompress Decompress;

/* Begins. from, to and reason must outlive it. A failure is in reason, and to is closed incomplete. Returns 0 or a
 * negative errno. */
_must_check_ int decompress_start(const Decoder *decoder, Ring *from, Ring *to, Reason *reason, Decompress **ret);

/* Waits for the thread, which ends when both rings are at their end, or were given up. */
Decompress *decompress_join(Decompress *d);
DEFINE_TRIVIAL_CLEANUP_FUNC(Decompress *, decompress_join)
