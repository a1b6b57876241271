/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "export-uri.h"
#include "nbd-record.h"
#include "time-util.h"

typedef struct AttachOptions {
        unsigned index;
        const char *uri_text;
        const ExportUri *uri;   /* uri_text, parsed; scheme EXPORT_URI_NBD */
        const char *identifier; /* NULL: none */
        usec_t timeout;         /* for all tries together */
        uint64_t dead_timeout;  /* seconds that I/O waits for a new connection when this one is dead */
        bool read_only;         /* even if the server would take writes */
        bool is_root;           /* for a supervisor: without it the machine cannot go on */
} AttachOptions;

/* An attached volume, for who looks after it. */
typedef struct Attached {
        int fd; /* the socket that the kernel has as well; -EBADF if it was another one who attached the volume */
        NbdRecord record;
} Attached;

/* Both log what they did or why they did not, and return 0 or a negative errno. */

/* Tries until the volume is attached, the time is over or it is clear that it will not work. A volume that is attached
 * already is success; another one in its place is -EBUSY. */
_must_check_ int attach_volume(const AttachOptions *o);
/* The same; *ret is written on success and to be ended by attached_done(). */
_must_check_ int attach_volume_keep(const AttachOptions *o, Attached *ret);
void attached_done(Attached *a);
