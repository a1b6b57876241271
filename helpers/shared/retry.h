/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "time-util.h"

/* Tries of a request to the platform, up to a deadline: pauses that grow from 0.2 to 5 s, each moved by up to a quarter
 * at random so that the servers of a rack that was switched on do not ask in step. A pause ends at once when the
 * network changes, so a request that waits for DHCP goes out as soon as there is an address; nothing is polled. */
typedef struct Retry {
        usec_t deadline;
        usec_t pause; /* the next one */
        usec_t resumed; /* when the try now under way began */
        bool last;
        bool asked; /* the server has named a pause, and got it */
        int fd; /* rtnetlink: readable when an address or route came or went; may be < 0 */
} Retry;

/* Begins the first try. */
void retry_init(Retry *r, usec_t timeout);
void retry_done(Retry *r);

/* Microseconds up to the deadline. */
usec_t retry_left(const Retry *r);

/* What the next request may take at most: limit, or what is left, but not so little that it could not succeed. */
usec_t retry_limit(const Retry *r, usec_t limit);

/* Pauses after a try that failed. at_least is what the server asked for (Retry-After), 0 if it did not; then the
 * network is not looked at. A pause that would go beyond the deadline is cut so that one last try fits, unless the
 * server has asked for it more than once. Returns false if there is no further try. */
_must_check_ bool retry_wait(Retry *r, usec_t at_least);
