/* SPDX-License-Identifier: MIT */
/* rows: C6 */
/* The input is what a server sends. It must be the same in whatever pieces it comes. */
#include "fuzz.h"
#include "http-answer.h"
#include "string-util.h"

#define ANSWER_MAX 4096U

static int feed(HttpAnswer *a, const char *data, size_t size, size_t step) {
        a->max_size = ANSWER_MAX;
        for (size_t i = 0; i < size; i += step) {
                int r = http_answer_feed(a, data + i, MIN(step, size - i));

                if (r != 0)
                        return r;
        }

        return http_answer_end(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        HttpAnswer whole = {}, pieces = {};
        int r;

        r = feed(&whole, (const char *) data, size, MAX(size, (size_t) 1));
        require(feed(&pieces, (const char *) data, size, size % 3 + 1) == r);
        if (r > 0) {
                require(whole.status >= 200 && whole.status <= 999 && whole.size <= ANSWER_MAX);
                require(whole.status == pieces.status && whole.size == pieces.size && streq(whole.retry_after, pieces.retry_after));
                require(whole.size == 0 || (memcmp(whole.body, pieces.body, whole.size) == 0 && whole.body[whole.size] == '\0'));
        }

        http_answer_done(&whole);
        http_answer_done(&pieces);
        return 0;
}
