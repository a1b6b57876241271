/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdio.h>

#include "bounds.h"
#include "macro.h"

/* Writes ">>> Label: value" and a newline. The value is made printable(). A NULL or empty value writes nothing.
 * Returns 0 or -ENOMEM; a write error stays in f, see console_flush(). */
_must_check_ int console_value(FILE *f, const char *label, const char *value);

/* Returns 0, or the negative errno of what kept a line from being written. */
_must_check_ int console_flush(FILE *f);
