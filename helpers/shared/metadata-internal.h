/* SPDX-License-Identifier: MIT */
#pragma once

#include <jansson.h>

#include "macro.h"
#include "metadata.h"

/* What metadata.c and metadata-flatten.c share, and nobody else. */
struct Metadata {
        json_t *root; /* an object */
        const char **tags;
        size_t n_tags;
};

/* A value costs jansson up to 300 bytes and the text form at least one line, a byte of JSON can be half a value: this,
 * not the size of the document, is what bounds memory. The largest real document has some 400. */
#define METADATA_VALUES_MAX 65536U
