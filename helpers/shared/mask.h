/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* What is shown on a serial console is stored and read by others. These take secrets out before something is shown. */

/* True if the n bytes of key name a secret: they contain "passw", "passphrase", "secret", "token" or "credential",
 * or end in "key" or "pass", whatever the case. "keymap" and "iommu.passthrough" are none. */
bool key_is_secret(const char *key, size_t n);

/* word is KEY=VALUE, a tag or a URL. *ret (to be freed) is a copy in which "***" stands for the value of a key that
 * is secret (unless it is one character, a switch), and for the user part and the query of URLs (a signed URL is a
 * password). Returns 0 or -ENOMEM. */
_must_check_ int mask_word(const char *word, char **ret);

/* The same for each word of a kernel command line, where double quotes keep blanks together. A newline at the end
 * is left out. Returns 0 or -ENOMEM. */
_must_check_ int mask_command_line(const char *line, char **ret);

/* Leaves the first and the last character and writes an 'x' for each between them: "8xxxx8". Of one or two
 * characters nothing is left. Returns 0 or -ENOMEM. */
_must_check_ int mask_middle(const char *s, char **ret);
