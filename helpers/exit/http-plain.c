/* SPDX-License-Identifier: MIT */
/* http-util.h without libcurl, for the static program: plain HTTP to a numeric address, one request at a time, no redirects. The same
 * limits, and the same errors for the same things. A name is -ENXIO: to look it up takes libraries that are not there any more. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bounds.h"
#include "fd-util.h"
#include "http-answer.h"
#include "http-util.h"
#include "parse-util.h"
#include "poll-util.h"
#include "string-util.h"

typedef union Address {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
} Address;

typedef struct Exchange {
        const HttpRequest *request;
        Address peer;
        char *host; /* for the Host field: as in the URL */
        const char *path;
        usec_t begin, deadline;
        int wake_fd;
} Exchange;

static void exchange_done(Exchange *x) {
        free(x->host);
}

static socklen_t address_size(const Address *a) {
        return a->any.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in);
}

static void set_port(Address *a, uint16_t port) {
        if (a->any.sa_family == AF_INET6)
                a->in6.sin6_port = htons(port);
        else
                a->in.sin_port = htons(port);
}

/* "ADDRESS[:PORT]" or "[ADDRESS][:PORT]". */
static int parse_authority(char *s, Address *ret) {
        char *address = s, *end;
        uint16_t port = 80;

        *ret = (Address) {};
        if (*s == '[') {
                address = s + 1;
                end = strchr(s, ']');
                if (!end)
                        return -EINVAL;
                *end++ = '\0';
        } else
                end = s + strcspn(s, ":");
        if (*end == ':') {
                if (parse_port(end + 1, &port) < 0)
                        return -EINVAL;
                *end = '\0';
        } else if (*end != '\0')
                return -EINVAL;

        ret->any.sa_family = *s == '[' ? AF_INET6 : AF_INET;
        if (inet_pton(ret->any.sa_family, address, *s == '[' ? (void *) &ret->in6.sin6_addr : (void *) &ret->in.sin_addr) != 1)
                return *s == '[' ? -EINVAL : -ENXIO;
        set_port(ret, port);
        return 0;
}

static int parse_url(Exchange *x, const char *url) {
        const char *host = startswith(url, "http://");
        _cleanup_free_ char *copy = NULL;

        if (!host)
                return strstr(url, "://") ? -EPROTONOSUPPORT : -EINVAL;
        x->path = host + strcspn(host, "/");
        if (x->path[0] == '\0')
                return -EINVAL;
        for (const char *p = host; *p; p++)
                if ((unsigned char) *p <= 0x20 || *p == 0x7f)
                        return -EINVAL;

        x->host = strndup(host, (size_t) (x->path - host));
        copy = x->host ? strdup(x->host) : NULL;
        if (!copy)
                return -ENOMEM;
        return parse_authority(copy, &x->peer);
}

/* The first port of the range that is free; one that was used a moment ago is not. */
static int bind_port(const Exchange *x, int fd) {
        Address own = { .any.sa_family = x->peer.any.sa_family };

        for (uint32_t port = x->request->local_port; port <= x->request->local_port_last; port++) {
                set_port(&own, (uint16_t) port);
                if (bind(fd, &own.any, address_size(&own)) >= 0)
                        return 0;
                if (errno != EADDRINUSE)
                        return -errno;
        }

        return -EADDRINUSE;
}

/* Waits until fd is as wanted. While there is no connection, a change of the network ends that. */
static int wait_for(const Exchange *x, int fd, short events, usec_t until, bool watch) {
        struct pollfd fds[2] = { { .fd = fd, .events = events }, { .fd = x->wake_fd, .events = POLLIN } };
        usec_t young = x->begin + HTTP_WAKE_AFTER;
        int r;

        watch = watch && x->wake_fd >= 0;
        if (watch && now_usec() < young) {
                r = poll_until(fds, 1, MIN(until, young));
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        r = poll_until(fds, watch ? 2 : 1, until);
        if (r < 0)
                return r;
        if (r == 0)
                return -ETIMEDOUT;

        return fds[0].revents ? 0 : -ENETRESET;
}

static int open_connection(const Exchange *x) {
        usec_t until = MIN(x->deadline, x->begin + (x->request->connect_timeout ?: HTTP_CONNECT_TIMEOUT));
        _cleanup_close_ int fd = -EBADF;
        socklen_t n = sizeof(int);
        int r, error = 0;

        fd = socket(x->peer.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (x->request->local_port > 0) {
                r = bind_port(x, fd);
                if (r < 0)
                        return r;
        }
        if (connect(fd, &x->peer.any, address_size(&x->peer)) < 0) {
                if (errno != EINPROGRESS)
                        return -errno;
                r = wait_for(x, fd, POLLOUT, until, /* watch= */ true);
                if (r < 0)
                        return r;
                if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
                        return -errno;
                if (error != 0)
                        return -error;
        }

        return TAKE_FD(fd);
}

/* The whole request in one piece, as all there is to send is small. */
static int build_request(const Exchange *x, char **ret, size_t *ret_size) {
        const HttpRequest *q = x->request;
        _cleanup_free_ char *fields = NULL, *head = NULL;
        char *all;
        size_t n;
        int r;

        if (q->body) {
                r = asprintf_to(&fields, "Content-Type: %s\r\nContent-Length: %zu\r\n", q->content_type ?: "application/octet-stream",
                                q->body_size);
                if (r < 0)
                        return r;
        }
        r = asprintf_to(&head,
                        "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: scaleway-initrd/" PROJECT_VERSION "\r\nAccept: */*\r\n"
                        "Connection: close\r\n%s\r\n",
                        q->method ?: "GET", x->path, x->host, fields ?: "");
        if (r < 0)
                return r;

        n = strlen(head);
        all = malloc(n + q->body_size);
        if (!all)
                return -ENOMEM;
        memcpy(all, head, n);
        if (q->body_size > 0)
                memcpy(all + n, q->body, q->body_size);
        *ret = all;
        *ret_size = n + q->body_size;
        return 0;
}

/* A server that answers before it has read all, and closes, is heard all the same. */
static int send_request(const Exchange *x, int fd) {
        _cleanup_free_ char *data = NULL;
        size_t size, n = 0;
        int r;

        r = build_request(x, &data, &size);
        if (r < 0)
                return r;

        while (n < size) {
                ssize_t k = send(fd, data + n, size - n, MSG_NOSIGNAL);

                if (k >= 0) {
                        n += (size_t) k;
                        continue;
                }
                if (errno == EPIPE || errno == ECONNRESET)
                        return 0;
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return -errno;
                r = wait_for(x, fd, POLLOUT, x->deadline, /* watch= */ false);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int receive_answer(const Exchange *x, int fd, HttpAnswer *a) {
        for (;;) {
                char buffer[4096];
                ssize_t k;
                int r;

                r = wait_for(x, fd, POLLIN, MIN(x->deadline, now_usec() + HTTP_STILL_TIMEOUT), /* watch= */ false);
                if (r < 0)
                        return r;
                k = recv(fd, buffer, sizeof(buffer), 0);
                if (k < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                if (k < 0)
                        return errno == ETIMEDOUT ? -ETIMEDOUT : -ECONNRESET;

                r = k == 0 ? http_answer_end(a) : http_answer_feed(a, buffer, (size_t) k);
                if (r != 0)
                        return r;
        }
}

static int respond(const Exchange *x, HttpAnswer *a, HttpResponse *ret) {
        char *body = a->body ?: strdup(""), *peer = strdup(x->host);

        a->body = NULL;
        if (!body || !peer) {
                free(body);
                free(peer);
                return -ENOMEM;
        }

        *ret = (HttpResponse) {
                .status = a->status,
                .body = body,
                .size = a->size,
                .peer = peer,
                .retry_after = a->retry_after[0] ? http_parse_retry_after(a->retry_after, a->date) : 0,
        };
        return 0;
}

int http_race(const HttpRequest *requests, size_t n, usec_t head_start, int wake_fd, HttpResponse *ret) {
        _cleanup_(exchange_done) Exchange x = { .request = requests, .wake_fd = wake_fd };
        _cleanup_(http_answer_done) HttpAnswer a = {};
        _cleanup_close_ int fd = -EBADF;
        int r;

        assert(requests);
        assert(n == 1);
        assert(ret);

        a.max_size = requests->max_size;
        x.begin = now_usec();
        x.deadline = x.begin + (requests->timeout ?: HTTP_TIMEOUT);
        r = parse_url(&x, requests->url);
        if (r < 0)
                return r;
        fd = open_connection(&x);
        if (fd < 0)
                return fd;
        r = send_request(&x, fd);
        if (r < 0)
                return r;
        r = receive_answer(&x, fd, &a);
        if (r < 0)
                return r;

        return respond(&x, &a, ret);
}

int http_perform(const HttpRequest *request, HttpResponse *ret) {
        return http_race(request, 1, 0, -EBADF, ret);
}

int http_init(void) {
        return 0;
}
