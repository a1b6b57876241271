/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"

/* The text form of the metadata: writing it is metadata_flatten() in metadata.h, reading it is here. It is a sequence
 * of entries KEY=value, each ended by a newline. A value is bare, or quoted for a shell: '…', with ' inside written as
 * '"'"'. A quoted value may contain newlines. */

typedef struct MetadataEntry {
        const char *text; /* begins at the key; not NUL-terminated */
        size_t n_key;     /* bytes before the first '=' of the line; n_line if there is none */
        size_t n_line;    /* bytes of the first line, without the newline: what grep(1) sees */
        size_t n;    /* bytes of the entry, without the newline that ends it; > n_line if the value holds newlines */
        bool quoted; /* the whole value is one well-formed quoted string */
} MetadataEntry;

/* Takes the next entry off *p, which is moved behind it. Returns false at the end of the text. A line that is not an
 * entry is handed out as well, with n_key == n_line. */
bool metadata_text_next(const char **p, MetadataEntry *ret);

/* The value of the entry as a person means it. A quoted value is unquoted. Of any other, one quote character (' or ")
 * is taken off either end, as the old tool did. *ret is to be freed. Returns 0 or -ENOMEM. */
_must_check_ int metadata_entry_value(const MetadataEntry *e, char **ret);

/* True if text has at least one entry and nothing but entries whose keys are made of [A-Za-z0-9_]. */
bool metadata_text_is_valid(const char *text);
