/* SPDX-License-Identifier: MIT */
#pragma once

#include "time-util.h"

/* Says on standard error how far the download is. On a terminal one line is drawn again now and then; into a log go
 * whole lines, and few: a serial console at 9600 baud shows ten lines a second and nothing else meanwhile. */
typedef struct Progress {
        usec_t interval; /* 0: says nothing */
        bool terminal;
        bool drawn; /* the terminal's line is to be ended */
        usec_t next, last;
        uint64_t last_bytes;
        double rate; /* bytes a second, the recent past counts more; 0: not known yet */
} Progress;

/* interval: between two lines; USEC_INFINITY: the usual one for where standard error goes. */
void progress_init(Progress *p, usec_t interval);
/* bytes of total, which is UINT64_MAX if it is not known. Cheap; called as often as one likes. */
void progress_update(Progress *p, uint64_t bytes, uint64_t total);
/* Before another line is logged. */
void progress_end_line(Progress *p);

/* "210.5 MB of 629.1 MB (33 %), 54.2 MB/s, 8 s left" into *ret, to be freed. Returns 0 or -ENOMEM. */
_must_check_ int progress_format(uint64_t bytes, uint64_t total, double rate, char **ret);
