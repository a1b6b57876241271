/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"

/* Splits n bytes of a command line into words at blanks, as systemd does it: quotes, double or single, may begin and
 * end anywhere in a word and are taken away, a backslash is a byte like any other, and a quote that is not closed
 * takes the rest of the line. A NUL counts as a blank. The words are any other bytes, not necessarily UTF-8. *ret is
 * an array that ends in NULL, to be freed by words_free(). Returns 0, -E2BIG (longer than PROC_CMDLINE_MAX) or
 * -ENOMEM. */
_must_check_ int proc_cmdline_split(const char *text, size_t n, char ***ret);

/* The words of /proc/cmdline, or in a test of $SCALEWAY_PROC_CMDLINE, which is the text itself. Also returns the
 * negative errno of open(2) or read(2). */
_must_check_ int proc_cmdline_words(char ***ret);

/* Returns what follows "KEY=" in the word, "" if the word is KEY alone, NULL if it is about something else. */
const char *word_value(const char *word, const char *key);

void words_free(char **words);

static inline void words_freep(char ***words) {
        words_free(*words);
}
