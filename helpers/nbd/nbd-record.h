/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* RUN_NBD_DIR/N.json: what the kernel does not know about an attached volume. Whoever has to connect it again, in the
 * initrd or at shutdown, reads it there. */
typedef struct NbdRecord {
        char *uri;
        char *identifier;    /* NULL: none */
        uint64_t size;       /* bytes, as given to the kernel */
        uint32_t block_size; /* bytes, as given to the kernel */
        uint16_t flags;      /* NBD_FLAG_*, as given to the kernel */
        bool oldstyle;
} NbdRecord;

/* All return 0 or a negative errno. Writing adds the time, in seconds of the wall clock, which may be wrong this
 * early. */
_must_check_ int nbd_record_write(unsigned index, const NbdRecord *r);
/* -ENOENT if there is none, -EBADMSG if it is not one of ours. *ret is to be ended by nbd_record_done(). */
_must_check_ int nbd_record_read(unsigned index, NbdRecord *ret);
/* No record is no error. */
_must_check_ int nbd_record_remove(unsigned index);
void nbd_record_done(NbdRecord *r);
