/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "http-answer.h"
#include "string-util.h"
#include "test.h"

#define BODY_MAX 20U

typedef struct Case {
        const char *text;
        int result; /* of what is fed, then of the end if that was 0 */
        unsigned status;
        const char *body, *retry_after;
} Case;

#define OK "HTTP/1.1 200 OK\r\n"

static const Case cases[] = {
        { OK "\r\n",                                                          1, 200, "" },
        { OK "\r\nuntil the end",                                             1, 200, "until the end" },
        { "HTTP/1.0 200\r\n\r\n",                                             1, 200, "" },
        { "HTTP/1.1 429 \n\nx",                                               1, 429, "x" },
        { OK "Content-Length: 3\r\n\r\nabcHTTP/1.1 500\r\n\r\n",                  1, 200, "abc" },
        { OK "content-length:\t20 \r\n\r\n01234567890123456789",              1, 200, "01234567890123456789" },
        { OK "Content-Length: 0\r\n\r\nx",                                    1, 200, "" },
        { OK "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",               1, 200, "abc" },
        { "HTTP/1.1 204 x\r\nContent-Length: 99\r\n\r\n",                     1, 204, "" },
        { "HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n",             1, 304, "" },
        { "HTTP/1.1 100 x\r\nRetry-After: 9\r\nContent-Length: 9\r\n\r\nHTTP/1.1 503 x\r\n\r\n", 1, 503, "", "" },
        { "HTTP/1.1 503 x\r\nRetry-After:  120\r\nDate: x\r\n\r\n",             1, 503, "", "120" },
        { "HTTP/1.1 503 x\r\nRetry-After-Not: 1\r\nXRetry-After: 1\r\n\r\n",    1, 503, "", "" },
        { "HTTP/1.1 503 x\r\nRetry-After: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n\r\n", 1, 503, "", "" },
        { OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;e=\"x\"\r\nde\r\n0\r\nA: b\r\n\r\n", 1, 200, "abcde" },
        { OK "Transfer-Encoding: CHUNKED\r\nContent-Length: 1\r\n\r\n00A\r\n0123456789\r\n0\r\n\r\n", 1, 200, "0123456789" },
        { "",                                                                 -ECONNRESET },
        { "HTT",                                                              -ECONNRESET },
        { OK,                                                                 -ECONNRESET },
        { OK "Content-Length: 3\r\n\r\nab",                                   -ECONNRESET },
        { OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",                  -ECONNRESET },
        { OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",             -ECONNRESET },
        { "HTTP/1.1 100 x\r\n\r\n",                                           -ECONNRESET },
        { OK "Content-Length: 21\r\n\r\n",                                    -EFBIG },
        { OK "Content-Length: 18446744073709551615\r\n\r\n",                  -EFBIG },
        { OK "\r\n012345678901234567890",                                     -EFBIG },
        { OK "Transfer-Encoding: chunked\r\n\r\n15\r\n",                        -EFBIG },
        { OK "Transfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n5\r\n", -EFBIG },
        { OK "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",         -EFBIG },
        { OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",                 -EPROTO },
        { OK "Transfer-Encoding: chunked\r\n\r\n-1\r\n",                        -EPROTO },
        { OK "Transfer-Encoding: chunked\r\n\r\n\r\n",                          -EPROTO },
        { OK "Transfer-Encoding: chunked\r\n\r\n3x\r\n",                        -EPROTO },
        { OK "Transfer-Encoding: gzip, chunked\r\n\r\n",                      -EPROTO },
        { OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", -EPROTO },
        { OK "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",               -EPROTO },
        { OK "Content-Length: -1\r\n\r\n",                                    -EPROTO },
        { OK "Content-Length: 0x3\r\n\r\n",                                   -EPROTO },
        { OK "Content-Length: 99999999999999999999\r\n\r\n",                  -EPROTO },
        { OK "Content-Length:\r\n\r\n",                                       -EPROTO },
        { "HTTP/1.1 101 Switching\r\n\r\n",                                   -EPROTO },
        { "HTTP/2 200\r\n\r\n",                                               -EPROTO },
        { "HTTP/1.2 200\r\n\r\n",                                             -EPROTO },
        { "HTTP/1.1 99\r\n\r\n",                                              -EPROTO },
        { "HTTP/1.1 099 x\r\n\r\n",                                           -EPROTO },
        { "HTTP/1.1 2000\r\n\r\n",                                            -EPROTO },
        { "HTTP/1.1  200\r\n\r\n",                                            -EPROTO },
        { "SSH-2.0",                                                          -EPROTO },
        { " HTTP/1.1 200\r\n\r\n",                                            -EPROTO },
};

static int feed(HttpAnswer *a, const char *data, size_t n, size_t step) {
        for (size_t i = 0; i < n; i += step) {
                int r = http_answer_feed(a, data + i, MIN(step, n - i));

                if (r != 0)
                        return r;
        }

        return http_answer_end(a);
}

/* Whatever the pieces in which it comes. */
static void test_cases(void) {
        static const size_t steps[] = { 1, 2, 7, 100000 };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                for (size_t k = 0; k < ELEMENTSOF(steps); k++) {
                        HttpAnswer a = { .max_size = BODY_MAX };
                        int r = feed(&a, cases[i].text, strlen(cases[i].text), steps[k]);

                        if (r != cases[i].result)
                                fprintf(stderr, "case %zu, by %zu: %i\n", i, steps[k], r);
                        ASSERT_EQ(r, cases[i].result);
                        if (r > 0) {
                                ASSERT_EQ(a.status, cases[i].status);
                                ASSERT_EQ(a.size, strlen(cases[i].body));
                                ASSERT_TRUE(streq(a.body ?: "", cases[i].body));
                                ASSERT_TRUE(streq(a.retry_after, cases[i].retry_after ?: ""));
                        }
                        http_answer_done(&a);
                }
}

/* What the server may send beside the body is bounded, in a line or in many. */
static void test_endless(void) {
        static const char *const pieces[] = { "X-Field: value\r\n", "xxxxxxxxxxxxxxxx" };

        for (size_t i = 0; i < ELEMENTSOF(pieces); i++) {
                HttpAnswer a = { .max_size = BODY_MAX };
                size_t n = 0;
                int r;

                ASSERT_EQ(http_answer_feed(&a, OK, strlen(OK)), 0);
                while ((r = http_answer_feed(&a, pieces[i], strlen(pieces[i]))) == 0)
                        n++;
                ASSERT_ERROR(r, EPROTO);
                ASSERT_TRUE(n < 5000);
                http_answer_done(&a);
        }
}

static void test_nul(void) {
        HttpAnswer a = { .max_size = BODY_MAX };

        ASSERT_ERROR(http_answer_feed(&a, OK "A: \0\r\n", strlen(OK) + 6), EPROTO);
        http_answer_done(&a);
        a.max_size = BODY_MAX;
        ASSERT_EQ(http_answer_feed(&a, OK "Content-Length: 2\r\n\r\n\0\0", strlen(OK) + 23), 1);
        ASSERT_EQ(a.size, 2);
        http_answer_done(&a);
}

int main(void) {
        test_cases();
        test_endless();
        test_nul();
        return 0;
}
