/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"
#include "time-util.h"

/* RUN_NBD_DIR/N.control, by which a volume's supervisor is asked for something: a stream socket of mode 0600, on which
 * one line is sent and one is answered, "ok TEXT" or "error TEXT". */

#define NBD_CONTROL_ROOT "root" /* the root needs the volume */

/* Sends the word and returns 1 for "ok", 0 for "error", with what follows in *ret_text (to be freed; ret_text may be
 * NULL). -ENOENT if nobody supervises the volume, -ETIMEDOUT, -EBADMSG, or another negative errno. */
_must_check_ int nbd_control_ask(unsigned index, const char *word, usec_t timeout, char **ret_text);
