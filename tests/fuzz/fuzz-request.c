/* SPDX-License-Identifier: MIT */
/* rows: C3 C6 */
/* The input is what the servers of an image send: the answer to the first request, and those to the requests that a redirect leads to,
 * with a byte 0xff between them. If it begins with 'r', which then is no part of them, a download is resumed. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "loopback-server.h"
#include "request.h"
#include "string-util.h"

#define OFFSET 5U
#define TOTAL 10U
#define VALIDATOR "\"v\""
#define SEPARATOR 0xff
/* More than any sample is worth. */
#define TICKS_MAX 1000U

typedef struct Seen {
        bool resumed, begun;
        unsigned n_ticks;
} Seen;

static void check_head(const ResponseHead *head) {
        size_t n = strnlen(head->validator, sizeof(head->validator));

        /* It is sent back as it is. */
        require(n < sizeof(head->validator));
        for (size_t i = 0; i < n; i++)
                require((unsigned char) head->validator[i] >= 0x20 && head->validator[i] != 0x7f);
        require(head->retry_after <= 300 * USEC_PER_SEC);
}

static int on_head(void *userdata, const ResponseHead *head) {
        Seen *seen = userdata;

        require(!seen->begun);
        seen->begun = true;
        check_head(head);
        /* What continues is what was there. */
        if (seen->resumed)
                require((head->total == TOTAL || head->total == UINT64_MAX) && (isempty(head->validator) || streq(head->validator, VALIDATOR)));
        return 0;
}

static int on_data(void *userdata, const void *data, size_t n) {
        Seen *seen = userdata;

        require(seen->begun);
        return 0;
}

static int on_tick(void *userdata) {
        Seen *seen = userdata;

        return ++seen->n_ticks > TICKS_MAX ? -ECANCELED : 0;
}

static size_t split(const uint8_t *data, size_t size, LoopbackAnswer *ret) {
        size_t n = 0;

        while (n < LOOPBACK_ANSWERS_MAX) {
                const uint8_t *end = size > 0 ? memchr(data, SEPARATOR, size) : NULL;
                size_t k = end ? (size_t) (end - data) : size;

                ret[n++] = (LoopbackAnswer) { data, k };
                if (!end)
                        break;
                data += k + 1;
                size -= k + 1;
        }

        return n;
}

static void check_reason(RequestOutcome outcome, const char *reason) {
        require((outcome == REQUEST_DONE || outcome == REQUEST_STOPPED) == !reason);
        for (const char *p = reason; p && *p; p++)
                require((unsigned char) *p >= 0x20 && *p != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static char *url = NULL;
        LoopbackAnswer answers[LOOPBACK_ANSWERS_MAX];
        _cleanup_free_ char *reason = NULL;
        RequestOutcome outcome;
        ResponseHead head;
        Seen seen = {};
        Request q;

        if (!url)
                require(asprintf_to(&url, "http://127.0.0.1:%u/archive", (unsigned) loopback_server_start()) >= 0);

        seen.resumed = size > 0 && data[0] == 'r';
        q = (Request) {
                .url = url,
                .stall = USEC_PER_SEC,
                .offset = seen.resumed ? OFFSET : 0,
                .validator = seen.resumed ? VALIDATOR : NULL,
                .total = seen.resumed ? TOTAL : UINT64_MAX,
                .on_head = on_head,
                .on_data = on_data,
                .on_tick = on_tick,
                .userdata = &seen,
        };

        loopback_server_set(answers, split(data + seen.resumed, size - seen.resumed, answers));
        outcome = request_run(&q, &head, &reason);
        loopback_server_set(NULL, 0);

        check_head(&head);
        check_reason(outcome, reason);
        return 0;
}
