/* SPDX-License-Identifier: MIT */
/* rows: C2 C6 */
/* The input is what a server sends, whatever it was asked; and the value of a field, a host, and a URL. Built twice, for libcurl and for
 * the client of the static program. */
#include <string.h>

#include "fuzz.h"
#include "http-util.h"
#include "loopback-server.h"
#include "string-util.h"

#define ANSWER_MAX 4096U

static void check_texts(const char *raw) {
        _cleanup_free_ char *built = NULL, *escaped = NULL;

        require(http_parse_retry_after(raw, NULL) <= HTTP_RETRY_AFTER_MAX);
        require(http_parse_retry_after("Tue, 15 Nov 1994 08:12:31 GMT", raw) <= HTTP_RETRY_AFTER_MAX);
        if (http_url(raw, 0, "/", &built) >= 0)
                require(startswith(built, "http://") && strpbrk(built, " \r\n@") == NULL);
        escaped = http_escape(raw);
        require(escaped && strpbrk(escaped, "/?# \r\n") == NULL);
}

static void check_answer(const char *url) {
        _cleanup_(http_response_done) HttpResponse response = {};
        int r;

        r = http_perform(&(HttpRequest) { .url = url, .max_size = ANSWER_MAX, .timeout = USEC_PER_SEC, .connect_timeout = USEC_PER_SEC },
                         &response);
        if (r >= 0)
                require(response.status > 0 && response.size <= ANSWER_MAX && response.body[response.size] == '\0' &&
                        response.retry_after <= HTTP_RETRY_AFTER_MAX);
        else
                require(!isempty(http_strerror(r)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static char *url = NULL;
        _cleanup_free_ char *raw = fuzz_text(data, size);

        if (!url) {
                uint16_t port = loopback_server_start();

                require(http_init() >= 0 && http_url("127.0.0.1", port, "/", &url) >= 0);
        }

        check_texts(raw);
        loopback_server_set(&(LoopbackAnswer) { data, size }, 1);
        check_answer(url);
        /* A name would be looked up. */
        if (startswith(raw, "http://[") || startswith(raw, "http://127."))
                check_answer(raw);
        loopback_server_set(NULL, 0);

        return 0;
}
