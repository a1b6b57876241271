/* SPDX-License-Identifier: MIT */
#pragma once

#include <jansson.h>

#include "bounds.h"
#include "macro.h"
#include "metadata.h"

/* What metadata.c and metadata-flatten.c share, and nobody else. */
struct Metadata {
        json_t *root; /* an object */
        const char **tags;
        size_t n_tags;
};

