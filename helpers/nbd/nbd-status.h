/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"

/* What sysfs tells about one device. In a test $SCALEWAY_SYS takes the place of /sys. */
typedef struct NbdStatus {
        uint64_t pid;  /* of the process that connected the device, which has long ended; 0 if it is free */
        uint64_t size; /* bytes */
        char *backend; /* the identifier given to the kernel, NULL if none */
} NbdStatus;

/* "3", "nbd3" or "/dev/nbd3". Returns 0, -EINVAL or -ERANGE. */
_must_check_ int nbd_index_parse(const char *s, unsigned *ret);

/* A device that does not exist is free: with nbds_max=0 the kernel makes it on demand. Returns 0 or a negative errno;
 * *ret is to be ended by nbd_status_done(). */
_must_check_ int nbd_status_read(unsigned index, NbdStatus *ret);
void nbd_status_done(NbdStatus *s);

/* The kernel's own answer to "is it connected?" is true for any device that is open, so this is the test to use. */
static inline bool nbd_status_attached(const NbdStatus *s) {
        return s->pid > 0 && s->size > 0;
}

/* Sets after how long a request that was under way on a dead connection is sent again on a new one. A kernel without
 * that attribute is no error. Returns 0 or a negative errno. */
_must_check_ int nbd_set_io_timeout(unsigned index, unsigned msec);

/* Waits until the kernel shows the device as attached and its node exists. Returns 0, -ETIMEDOUT or another negative
 * errno. */
_must_check_ int nbd_wait_ready(unsigned index);

/* Waits, after a disconnect, until the last program has closed the device: only then it can be connected again, and
 * sysfs shows it as attached for as long. Returns 0, -EBUSY after two seconds, or another negative errno. */
_must_check_ int nbd_wait_free(unsigned index);
