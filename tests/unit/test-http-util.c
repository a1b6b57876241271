/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "http-util.h"
#include "retry.h"
#include "string-util.h"
#include "test.h"

static void test_url(void) {
        static const struct {
                const char *host;
                uint16_t port;
                const char *url; /* NULL: -EINVAL */
        } cases[] = {
                { "169.254.42.42",      0,    "http://169.254.42.42/p"        },
                { "169.254.42.42",      80,   "http://169.254.42.42:80/p"     },
                { "127.0.0.1:8080",     0,    "http://127.0.0.1:8080/p"       },
                { "fd00:42::42",        0,    "http://[fd00:42::42]/p"        },
                { "fd00:42::42",        8080, "http://[fd00:42::42]:8080/p"   },
                { "[fd00:42::42]",      0,    "http://[fd00:42::42]/p"        },
                { "[::1]:81",           0,    "http://[::1]:81/p"             },
                { "::1",                0,    "http://[::1]/p"                },
                { "metadata.example",   0,    "http://metadata.example/p"     },
                { "metadata:99",        1,    "http://metadata:99/p"          },
                { "::ffff:127.0.0.1",   0,    "http://[::ffff:127.0.0.1]/p"   },
                { "",                   0,    NULL                            },
                { "a/b",                0,    NULL                            },
                { "user@host",          0,    NULL                            },
                { "host:",              0,    NULL                            },
                { "host:0",             0,    NULL                            },
                { "host:99999",         0,    NULL                            },
                { "[fd00:42::42",       0,    NULL                            },
                { "[169.254.42.42]",    0,    NULL                            },
                { "fd00:::42",          0,    NULL                            },
                { "[]",                 0,    NULL                            },
                { "[::1]x",             0,    NULL                            },
                { "h\nst",              0,    NULL                            },
                { "fe80::1%eth0",       0,    NULL                            },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *url = NULL;

                ASSERT_EQ(http_url(cases[i].host, cases[i].port, "/p", &url), cases[i].url ? 0 : -EINVAL);
                ASSERT_STREQ(url, cases[i].url);
        }
}

static void test_escape(void) {
        _cleanup_free_ char *a = http_escape("cloud-init_1.~Z"), *b = http_escape("../a?b#c d\xc3\xa9%");

        ASSERT_STREQ(a, "cloud-init_1.~Z");
        ASSERT_STREQ(b, "..%2Fa%3Fb%23c%20d%C3%A9%25");
}

static void test_retry_after(void) {
        static const char date[] = "Tue, 15 Nov 1994 08:12:31 GMT";
        static const struct {
                const char *value, *date;
                unsigned seconds;
        } cases[] = {
                { "0",                             NULL,  0  },
                { "3",                             NULL,  3  },
                { "61",                            NULL,  60 },
                { "99999999999999999999999",       NULL,  60 },
                { "-1",                            NULL,  0  },
                { "1.5",                           NULL,  0  },
                { "",                              NULL,  0  },
                { "soon",                          NULL,  0  },
                { "Tue, 15 Nov 1994 08:12:41 GMT", date,  10 },
                { "Tue, 15 Nov 1994 09:12:41 GMT", date,  60 },
                { "Tue, 15 Nov 1994 08:12:01 GMT", date,  0  },
                { "Tue, 15 Nov 1994 08:12:41 GMT", NULL,  0  },
                { "Tue, 15 Nov 1994 08:12:41 GMT", "bad", 0  },
                { "Fri, 31 Dec 2088 08:12:41 GMT", "",    60 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                ASSERT_EQ(http_parse_retry_after(cases[i].value, cases[i].date), cases[i].seconds * USEC_PER_SEC);
}

static void test_classes(void) {
        static const unsigned again[] = { 408, 425, 429, 500, 502, 503, 504, 599 },
                              final[] = { 200, 204, 301, 400, 403, 404 };

        for (size_t i = 0; i < ELEMENTSOF(again); i++)
                ASSERT_TRUE(http_may_retry(0, again[i]));
        for (size_t i = 0; i < ELEMENTSOF(final); i++)
                ASSERT_FALSE(http_may_retry(0, final[i]));
        ASSERT_TRUE(http_may_retry(-ECONNREFUSED, 0));
        ASSERT_TRUE(http_may_retry(-ETIMEDOUT, 0));
        ASSERT_FALSE(http_may_retry(-EINVAL, 0));
        ASSERT_FALSE(http_may_retry(-ENOMEM, 0));
}

/* A server in a child process: one connection, one canned answer. */
typedef struct Server {
        pid_t pid;
        char *url;
} Server;

static int listen_on_loopback(uint16_t *ret_port) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof(address);
        int fd;

        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ASSERT_TRUE(fd >= 0);
        ASSERT_OK(bind(fd, (struct sockaddr *) &address, sizeof(address)));
        ASSERT_OK(listen(fd, 16));
        ASSERT_OK(getsockname(fd, (struct sockaddr *) &address, &n));
        *ret_port = ntohs(address.sin_port);
        return fd;
}

/* Waits before it answers, and then keeps the connection open until it is killed. */
static Server serve(const char *answer, size_t size, usec_t delay) {
        Server s = {};
        uint16_t port;
        int fd;

        fd = listen_on_loopback(&port);
        ASSERT_OK(http_url("127.0.0.1", port, "/", &s.url));
        s.pid = fork();
        ASSERT_TRUE(s.pid >= 0);
        if (s.pid == 0) {
                char request[4096];
                int c = accept(fd, NULL, NULL);

                if (read(c, request, sizeof(request)) < 0)
                        _exit(1);
                sleep_usec(delay);
                (void) !write_all(c, answer, size);
                (void) pause();
                _exit(0);
        }

        (void) close(fd);
        return s;
}

static void server_done(Server *s) {
        (void) kill(s->pid, SIGKILL);
        (void) waitpid(s->pid, NULL, 0);
        free(s->url);
}

static void test_answers(void) {
        static const struct {
                const char *answer;
                int r;
                unsigned status;
                const char *body;
                unsigned retry_after;
        } cases[] = {
                { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0, 200, "hello", 0 },
                { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 0, 200, "hello", 0 },
                { "HTTP/1.1 204 No Content\r\n\r\n", 0, 204, "", 0 },
                { "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 0, 302, "", 0 },
                { "HTTP/1.1 429 Slow\r\nretry-after:  7 \r\nContent-Length: 1\r\n\r\nx", 0, 429, "x", 7 },
                { "HTTP/1.1 503 Busy\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\n"
                  "Retry-After: Tue, 15 Nov 1994 08:12:36 GMT\r\nContent-Length: 0\r\n\r\n", 0, 503, "", 5 },
                { "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, 200, "", 0 },
                { "HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n", -EFBIG, 0, NULL, 0 },
                { "HTTP/1.1 200 OK\r\n\r\n"
                  "0123456789012345678901234567890123456789012345678901234567890123456789", -EFBIG, 0, NULL, 0 },
                { "SSH-2.0-OpenSSH_9.2\r\n", -EPROTO, 0, NULL, 0 },
                { "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", -ETIMEDOUT, 0, NULL, 0 },
                { "", -ETIMEDOUT, 0, NULL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(server_done) Server s = serve(cases[i].answer, strlen(cases[i].answer), 0);
                _cleanup_(http_response_done) HttpResponse response = {};
                usec_t begin = now_usec();
                HttpRequest request;
                int r;

                request = (HttpRequest) { .url = s.url, .max_size = 64, .timeout = 500 * USEC_PER_MSEC };
                r = http_perform(&request, &response);
                if (r != cases[i].r || response.status != cases[i].status)
                        fprintf(stderr, "case %zu: %i, status %u\n", i, r, response.status);
                ASSERT_EQ(r, cases[i].r);
                ASSERT_EQ(response.status, cases[i].status);
                ASSERT_STREQ(response.body, cases[i].body);
                ASSERT_EQ(response.retry_after, cases[i].retry_after * USEC_PER_SEC);
                ASSERT_TRUE(now_usec() - begin < 2 * USEC_PER_SEC);
                if (r >= 0)
                        ASSERT_STREQ(response.peer, "127.0.0.1");
        }
}

static void test_endless_headers(void) {
        static const char line[] = "X-Filler: 0123456789012345678901234567890123456789012345678901234567890\r\n";
        _cleanup_free_ char *answer = malloc(4000 * sizeof(line));
        _cleanup_(http_response_done) HttpResponse response = {};
        char *end = answer;

        ASSERT_TRUE(answer);
        end = stpcpy(end, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 3000; i++)
                end = stpcpy(end, line);

        _cleanup_(server_done) Server s = serve(answer, strlen(answer), 0);
        ASSERT_ERROR(http_perform(&(HttpRequest) { .url = s.url, .timeout = 2 * USEC_PER_SEC }, &response), EPROTO);
}

static void test_no_answer(void) {
        _cleanup_(http_response_done) HttpResponse response = {};
        _cleanup_free_ char *url = NULL;
        uint16_t port;

        (void) close(listen_on_loopback(&port));
        ASSERT_OK(http_url("127.0.0.1", port, "/", &url));
        ASSERT_ERROR(http_perform(&(HttpRequest) { .url = url }, &response), ECONNREFUSED);
        ASSERT_ERROR(http_perform(&(HttpRequest) { .url = "file:///etc/passwd" }, &response), EPROTONOSUPPORT);
        ASSERT_ERROR(http_perform(&(HttpRequest) { .url = "ftp://127.0.0.1/" }, &response), EPROTONOSUPPORT);
        ASSERT_ERROR(http_perform(&(HttpRequest) { .url = "http://" }, &response), EINVAL);
}

static void test_local_port(void) {
        static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        _cleanup_(server_done) Server s = serve(answer, strlen(answer), 0);
        _cleanup_(http_response_done) HttpResponse response = {};
        _cleanup_close_ int fd = -EBADF;
        HttpRequest request;
        uint16_t taken;

        /* The one port of the range is in use. */
        fd = listen_on_loopback(&taken);
        request = (HttpRequest) { .url = s.url, .local_port = taken, .local_port_last = taken };
        ASSERT_ERROR(http_perform(&request, &response), EADDRINUSE);
        /* A longer range has a free one, unless it ends. */
        if (taken < 65000) {
                request.local_port_last = (uint16_t) (taken + 50);
                ASSERT_OK(http_perform(&request, &response));
        }
}

static void test_race(void) {
        static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
                          bad[] = "HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\nbad";
        _cleanup_free_ char *refused = NULL;
        usec_t begin, took;
        uint16_t port;

        (void) close(listen_on_loopback(&port));
        ASSERT_OK(http_url("127.0.0.1", port, "/", &refused));

        /* The first is silent: the second starts after the head start and wins. */
        {
                _cleanup_(server_done) Server a = serve("", 0, 0), b = serve(good, strlen(good), 0);
                _cleanup_(http_response_done) HttpResponse response = {};
                HttpRequest q[] = { { .url = a.url, .max_size = 64 }, { .url = b.url, .max_size = 64 } };

                begin = now_usec();
                ASSERT_OK(http_race(q, 2, HTTP_HEAD_START, -EBADF, &response));
                took = now_usec() - begin;
                ASSERT_EQ(response.index, 1);
                ASSERT_TRUE(took >= HTTP_HEAD_START && took < USEC_PER_SEC);
        }

        /* The first fails: the second starts at once. */
        {
                _cleanup_(server_done) Server b = serve(good, strlen(good), 0);
                _cleanup_(http_response_done) HttpResponse response = {};
                HttpRequest q[] = { { .url = refused }, { .url = b.url, .max_size = 64 } };

                begin = now_usec();
                ASSERT_OK(http_race(q, 2, 5 * USEC_PER_SEC, -EBADF, &response));
                ASSERT_TRUE(now_usec() - begin < USEC_PER_SEC);
                ASSERT_STREQ(response.body, "good");
        }

        /* A late 200 wins over an early 503, and a 503 tells more than a refusal. */
        {
                _cleanup_(server_done) Server a = serve(bad, strlen(bad), 0),
                                              b = serve(good, strlen(good), 300 * USEC_PER_MSEC),
                                              c = serve(bad, strlen(bad), 0);
                _cleanup_(http_response_done) HttpResponse first = {}, second = {};
                HttpRequest q[] = { { .url = a.url, .max_size = 64 }, { .url = b.url, .max_size = 64 } };
                HttpRequest p[] = { { .url = refused }, { .url = c.url, .max_size = 64 } };

                ASSERT_OK(http_race(q, 2, 0, -EBADF, &first));
                ASSERT_EQ(first.status, 200);
                ASSERT_OK(http_race(p, 2, 0, -EBADF, &second));
                ASSERT_EQ(second.status, 503);
        }
}

/* Waits until there is no further try. Of the pauses that were not cut by the deadline, the i-th is 0.2 s * 2^i, moved by at
 * most a quarter; so each is longer than the one before, whatever the jitter. Returns their number. */
static unsigned check_pauses(Retry *retry, usec_t timeout) {
        usec_t begin = now_usec(), nominal = 200 * USEC_PER_MSEC;
        unsigned whole = 0, cut = 0;

        for (;;) {
                usec_t start = now_usec(), took;

                if (!retry_wait(retry, 0)) {
                        ASSERT_TRUE(now_usec() - start < 100 * USEC_PER_MSEC);
                        break;
                }
                took = now_usec() - start;
                if (retry->last) {
                        cut++;
                        ASSERT_TRUE(took >= 50 * USEC_PER_MSEC);
                        continue;
                }

                /* This machine may be slow, so there is some room, but only to the one side. */
                ASSERT_TRUE(took >= nominal * 3 / 4);
                ASSERT_TRUE(took <= nominal * 5 / 4 + 500 * USEC_PER_MSEC);
                nominal *= 2;
                whole++;
        }

        ASSERT_TRUE(cut <= 1);
        ASSERT_TRUE(now_usec() - begin < timeout);
        return whole;
}

static void test_retry_pauses(void) {
        _cleanup_(retry_done) Retry retry = { .fd = -EBADF };
        _cleanup_close_ int other = -EBADF;
        usec_t begin, took;
        unsigned n;
        int pair[2];

        /* Not the host's own network, whose changes would end a pause: 0.2 + 0.4 + 0.8, perhaps 1.6, and what is left. */
        retry_init(&retry, 4 * USEC_PER_SEC);
        retry_done(&retry);
        n = check_pauses(&retry, 4 * USEC_PER_SEC);
        ASSERT_TRUE(n >= 3 && n <= 4);

        /* The same while it is listened for changes, of which there are none. */
        retry_init(&retry, 1500 * USEC_PER_MSEC);
        retry_done(&retry);
        ASSERT_OK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
        retry.fd = pair[0];
        other = pair[1];
        n = check_pauses(&retry, 1500 * USEC_PER_MSEC);
        ASSERT_TRUE(n >= 1 && n <= 2);

        /* A change ends a pause, though tries stay apart, and then the pauses begin anew. */
        retry_done(&retry);
        other = safe_close(other);
        retry_init(&retry, 5 * USEC_PER_SEC);
        retry_done(&retry);
        ASSERT_OK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
        retry.fd = pair[0];
        other = pair[1];
        for (n = 0; n < 2; n++)
                ASSERT_TRUE(retry_wait(&retry, 0));
        ASSERT_OK(write_all(other, "x", 1));
        begin = now_usec();
        ASSERT_TRUE(retry_wait(&retry, 0)); /* 0.8 s without it */
        took = now_usec() - begin;
        ASSERT_TRUE(took >= 40 * USEC_PER_MSEC && took < 500 * USEC_PER_MSEC);
        begin = now_usec();
        ASSERT_TRUE(retry_wait(&retry, 0));
        took = now_usec() - begin;
        ASSERT_TRUE(took >= 150 * USEC_PER_MSEC && took < 1000 * USEC_PER_MSEC);
}

static void test_retry_deadline(void) {
        _cleanup_(retry_done) Retry retry = { .fd = -EBADF };
        usec_t begin, took;
        unsigned n;

        /* More than there is time for: one last try before the end. */
        begin = now_usec();
        retry_init(&retry, 400 * USEC_PER_MSEC);
        ASSERT_TRUE(retry_wait(&retry, 60 * USEC_PER_SEC));
        took = now_usec() - begin;
        ASSERT_TRUE(took >= 150 * USEC_PER_MSEC && took < 400 * USEC_PER_MSEC);
        ASSERT_TRUE(retry_limit(&retry, 5 * USEC_PER_SEC) <= 250 * USEC_PER_MSEC);
        ASSERT_FALSE(retry_wait(&retry, 0));

        /* A pause that was kept once is not cut the next time: it is kept again, or there is no further try. */
        retry_done(&retry);
        retry_init(&retry, 700 * USEC_PER_MSEC);
        for (n = 0; ; n++) {
                begin = now_usec();
                if (!retry_wait(&retry, 250 * USEC_PER_MSEC))
                        break;
                ASSERT_TRUE(now_usec() - begin >= 250 * USEC_PER_MSEC);
        }
        ASSERT_TRUE(n >= 1 && n <= 2);
}

int main(void) {
        ASSERT_OK(http_init());
        test_url();
        test_escape();
        test_retry_after();
        test_classes();
        test_answers();
        test_endless_headers();
        test_no_answer();
        test_local_port();
        test_race();
        test_retry_pauses();
        test_retry_deadline();
        return EXIT_SUCCESS;
}
