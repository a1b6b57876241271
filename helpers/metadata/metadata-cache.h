/* SPDX-License-Identifier: MIT */
#pragma once

#include "metadata-fetch.h"

/* Replaces the files below /run by what was fetched, each atomically: the JSON document and the address that answered
 * (unless the document came from elsewhere as text), the text form, and the link by which older images know that.
 * Returns 0 or a negative errno; *ret_path, to be freed, then names the file (NULL if memory was short). */
_must_check_ int metadata_cache_write(const Fetched *f, char **ret_path);

/* Reads the text form, to be freed. Returns 1, 0 if there is no cache, or a negative errno. */
_must_check_ int metadata_cache_read(char **ret);
