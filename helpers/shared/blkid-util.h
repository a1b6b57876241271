/* SPDX-License-Identifier: MIT */
#pragma once

#include <blkid/blkid.h>

#include "macro.h"

#define BLKID_NOTHING 1    /* nothing that is known */
#define BLKID_AMBIVALENT 2 /* signatures of several file systems at once */

/* blkid_do_safeprobe() with its answers told apart: 0 if something was found, one of the above, or a negative errno. */
_must_check_ int blkid_look(blkid_probe probe);

/* For _cleanup_(). */
void blkid_probe_freep(blkid_probe *p);
