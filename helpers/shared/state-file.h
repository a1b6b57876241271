/* SPDX-License-Identifier: MIT */
#pragma once

#include "time-util.h"

/* The last state that the control plane took, and the lock by which states go out one at a time. The descriptors are
 * opened once: a signal may outlive switch-root, after which a path would lead elsewhere. */
typedef struct StateFile {
        int dir_fd;
        int lock_fd;
} StateFile;

/* Opens /run/scaleway, which is created if need be, and the lock in it. Returns 0 or a negative errno, and then neither
 * descriptor is open: the state can be sent all the same, but not in order with others. */
_must_check_ int state_file_open(StateFile *s);
void state_file_done(StateFile *s);

/* Takes the lock, which ends with the process. Waits for the one who has it up to the deadline (of now_usec()); uses
 * SIGALRM. Returns 0, -ETIMEDOUT or a negative errno. */
_must_check_ int state_file_lock(StateFile *s, usec_t deadline);

/* Returns 1 if the state, or one that comes after it in a boot (kernel-started, booted, failed: REASON), was taken before, else 0.
 */
int state_file_taken(const StateFile *s, const char *state);

/* Remembers that the state was taken. Returns 0 or a negative errno. */
_must_check_ int state_file_record(const StateFile *s, const char *state);
