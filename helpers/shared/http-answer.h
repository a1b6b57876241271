/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"

/* One HTTP/1 answer, read as it comes, for a client without libcurl. The server is not trusted: the bytes that are no part of the body
 * are bounded, a body is refused as soon as its length is known to be more than max_size, and whatever follows the answer is not
 * looked at. Fields that are not needed are passed over. */

typedef struct HttpAnswer {
        size_t max_size; /* of the body; set by the caller, the rest is zero before the first byte */
        unsigned status; /* of the last head that was complete */
        char retry_after[HTTP_FIELD_MAX], date[HTTP_FIELD_MAX]; /* "" if there is no such field, or none of this length */
        char *body; /* size bytes and a NUL; NULL while there are none */
        size_t size;

        int state;
        char line[1024]; /* of the head or between chunks; only the beginning of one that is longer */
        size_t n_line;   /* bytes of it so far, be they kept or not */
        size_t n_outside;
        size_t allocated;
        uint64_t left; /* of the body, or of the chunk */
        bool has_length, chunked;
} HttpAnswer;

/* Takes the next bytes. Returns 1 if the answer is complete, 0 if more is to come, -EPROTO (it is not HTTP/1), -EFBIG or
 * -ENOMEM. */
_must_check_ int http_answer_feed(HttpAnswer *a, const char *data, size_t n);

/* The server has closed the connection. Returns 1 if the answer was to end that way, else -ECONNRESET. */
_must_check_ int http_answer_end(HttpAnswer *a);

void http_answer_done(HttpAnswer *a);
