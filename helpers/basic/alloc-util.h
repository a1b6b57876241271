/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "macro.h"

/* free() that returns NULL, to write p = mfree(p). */
#define mfree(memory)             \
        ({                        \
                free(memory);     \
                (__typeof__(memory)) NULL; \
        })

#define new(t, n) ((t *) reallocarray(NULL, (n), sizeof(t)))
#define new0(t, n) ((t *) calloc((n), sizeof(t)))

static inline void freep(void *p) {
        free(*(void **) p);
}

#define _cleanup_free_ _cleanup_(freep)

/* Replaces *p by s (which is handed over) and frees what *p held. */
static inline void free_and_replace_str(char **p, char *s) {
        free(*p);
        *p = s;
}

/* Like strdup(), but NULL stays NULL and is not an error. Returns 0 or -ENOMEM. */
_must_check_ int strdup_to(char **ret, const char *s);
