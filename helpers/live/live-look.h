/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "time-util.h"

typedef enum LiveContent {
        LIVE_EMPTY,      /* nothing, as far as live_is_empty() looks */
        LIVE_UNFINISHED, /* an installation that was interrupted, at whatever moment */
        LIVE_INSTALLED,  /* something in which scaleway-root finds a root */
        LIVE_FOREIGN,    /* anything else, also what cannot be told with certainty */
} LiveContent;

typedef struct LiveLook {
        LiveContent content;
        uint64_t size;  /* of the device, bytes */
        bool read_only; /* the device takes no writes */
        char *words;    /* to end a sentence "/dev/nbd0 holds …"; printable */
} LiveLook;

/* Frees the contents, not l itself. */
void live_look_done(LiveLook *l);

/* Looks at a block device without writing to it, until deadline. Returns 0 and *ret, to be given to live_look_done(), or a negative errno. */
_must_check_ int live_look(const char *path, usec_t deadline, LiveLook *ret);
