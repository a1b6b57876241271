/* SPDX-License-Identifier: MIT */
#pragma once

#include "time-util.h"

/* What a fetch brought. */
typedef struct Fetched {
        char *json; /* as it came; NULL if the answer was in text form */
        size_t json_size;
        char *text;    /* the text form, ended by one newline */
        char *address; /* numeric, of the metadata service; NULL if the document came from $METADATA_URL */
} Fetched;

void fetched_done(Fetched *f);

/* Fetches the document from $METADATA_URL, else from the metadata service, which is $METADATA_IP or the IPv4 and the
 * IPv6 address of the platform, raced. Tries again until the timeout. Returns 0 or a negative errno, and then in
 * *ret_reason, to be freed, a sentence without its full stop that says what was wrong (NULL if memory was short). */
_must_check_ int metadata_fetch(usec_t timeout, Fetched *ret, char **ret_reason);
