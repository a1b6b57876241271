/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"

/* What scaleway-nbd(8) does without asking a server, in the initrd as in the booted system. arguments end with NULL, as
 * many as verbs.c's callers have checked. They print the answer and log what went wrong; they return 0, a negative
 * errno, or a positive exit status. */
int verb_check(char *arguments[]);  /* N */
int verb_detach(char *arguments[]); /* N or "all", and before it perhaps "--force" */
int verb_list(char *arguments[]);
int verb_resize(char *arguments[]); /* N */
int verb_supervise_again(char *arguments[]); /* N; in the place of a supervisor that has ended */
int verb_status(char *arguments[]); /* nothing or "--json" */

/* nbd_index_parse() with a message. */
_must_check_ int verb_parse_index(const char *s, unsigned *ret);
