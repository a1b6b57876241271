/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* A bounded queue of buffers between two threads, one that fills them and one that empties them in order. Nothing is
 * copied: each side works in the buffer itself. It is small enough to stay in the processor's cache. */
typedef struct Ring Ring;

#define RING_BUFFERS 8U
#define RING_BUFFER_SIZE ((size_t) 256 << 10)

/* NULL if memory is short. */
Ring *ring_new(void);
/* Neither side may use it any more. */
Ring *ring_free(Ring *ring);
DEFINE_TRIVIAL_CLEANUP_FUNC(Ring *, ring_free)

/* Filling side. Waits for an empty buffer, *ret of RING_BUFFER_SIZE bytes; ring_put() hands n bytes of it over, n > 0.
 * -EPIPE after ring_abort(). */
_must_check_ int ring_take_empty(Ring *ring, void **ret);
void ring_put(Ring *ring, size_t n);
/* Nothing follows. complete: this is the end of the data; else the filling side has failed, and said why elsewhere. */
void ring_close(Ring *ring, bool complete);

/* Emptying side. Waits for the next buffer, ret of *ret_size bytes, which is its own until ring_release(). Returns 1,
 * or 0 at the end of the data, or -EPIPE if the filling side has failed. */
_must_check_ int ring_take_full(Ring *ring, const void **ret, size_t *ret_size);
void ring_release(Ring *ring);
/* Takes nothing more: the filling side gets -EPIPE. */
void ring_abort(Ring *ring);
