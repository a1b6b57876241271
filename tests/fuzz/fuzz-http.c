/* SPDX-License-Identifier: MIT */
/* The input is what a server sends, whatever it was asked; and the value of a field, and a host. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd-util.h"
#include "fuzz.h"
#include "http-util.h"
#include "string-util.h"

#define ANSWER_MAX 4096U

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const uint8_t *answer;
static size_t answer_size;

static void require(bool condition) {
        if (!condition)
                abort();
}

static void *serve(void *userdata) {
        int listener = *(int *) userdata;

        for (;;) {
                _cleanup_close_ int c = accept(listener, NULL, NULL);
                char request[4096];

                /* Closing with unread bytes would make a reset of what is sent. */
                if (c < 0 || read(c, request, sizeof(request)) <= 0)
                        continue;

                pthread_mutex_lock(&lock);
                for (size_t n = 0; n < answer_size;) {
                        ssize_t k = send(c, answer + n, answer_size - n, MSG_NOSIGNAL);

                        if (k <= 0)
                                break;
                        n += (size_t) k;
                }
                pthread_mutex_unlock(&lock);
                (void) shutdown(c, SHUT_WR);
        }

        return NULL;
}

static char *start_server(void) {
        static int listener;
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof(address);
        char *url = NULL;
        pthread_t thread;

        listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        require(listener >= 0 && bind(listener, (struct sockaddr *) &address, n) >= 0 && listen(listener, 16) >= 0 &&
                getsockname(listener, (struct sockaddr *) &address, &n) >= 0);
        require(http_init() >= 0 && http_url("127.0.0.1", ntohs(address.sin_port), "/", &url) >= 0);
        require(pthread_create(&thread, NULL, serve, &listener) == 0);
        (void) pthread_detach(thread);

        return url;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static char *url = NULL;
        _cleanup_(http_response_done) HttpResponse response = {};
        _cleanup_free_ char *raw = NULL, *built = NULL, *escaped = NULL;
        int r;

        if (!url)
                url = start_server();

        raw = strndup((const char *) data, size);
        require(raw);
        require(http_parse_retry_after(raw, NULL) <= HTTP_RETRY_AFTER_MAX);
        require(http_parse_retry_after("Tue, 15 Nov 1994 08:12:31 GMT", raw) <= HTTP_RETRY_AFTER_MAX);
        if (http_url(raw, 0, "/", &built) >= 0)
                require(startswith(built, "http://") && strpbrk(built, " \r\n@") == NULL);
        escaped = http_escape(raw);
        require(escaped && strpbrk(escaped, "/?# \r\n") == NULL);

        pthread_mutex_lock(&lock);
        answer = data;
        answer_size = size;
        pthread_mutex_unlock(&lock);
        r = http_perform(&(HttpRequest) { .url = url, .max_size = ANSWER_MAX, .timeout = USEC_PER_SEC }, &response);
        if (r >= 0)
                require(response.status > 0 && response.size <= ANSWER_MAX &&
                        response.retry_after <= HTTP_RETRY_AFTER_MAX);

        /* The server may still be sending what nobody reads any more. */
        pthread_mutex_lock(&lock);
        answer_size = 0;
        pthread_mutex_unlock(&lock);
        return 0;
}
