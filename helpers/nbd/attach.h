/* SPDX-License-Identifier: MIT */
#pragma once

#include "export-uri.h"
#include "time-util.h"

typedef struct AttachOptions {
        unsigned index;
        const char *uri_text;
        const ExportUri *uri;   /* uri_text, parsed; scheme EXPORT_URI_NBD */
        const char *identifier; /* NULL: none */
        usec_t timeout;         /* for all tries together */
        uint64_t dead_timeout;  /* seconds that I/O waits for a new connection when this one is dead */
        bool read_only;         /* even if the server would take writes */
} AttachOptions;

/* Both log what they did or why they did not, and return 0 or a negative errno. */

/* Tries until the volume is attached, the time is over or it is clear that it will not work. A volume that is attached
 * already is success; another one in its place is -EBUSY. */
_must_check_ int attach_volume(const AttachOptions *o);

/* A device that is free is success. */
_must_check_ int detach_volume(unsigned index);
