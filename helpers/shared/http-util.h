/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"
#include "time-util.h"

/* A small layer above libcurl: http and https only, no proxy, no redirects, no signals, and for every request a limit
 * on its time (connecting, standing still, in total) and on what it may keep in memory. One connection for one request,
 * and an answer is at its end when its Content-Length is, whether or not the server closes. */

typedef struct HttpRequest {
        const char *method;       /* NULL is GET */
        const char *url;          /* see http_url() */
        const char *content_type; /* of the body; NULL if there is none */
        const char *body;
        size_t body_size;
        size_t max_size;        /* an answer with a longer body is -EFBIG */
        usec_t connect_timeout; /* 0 is HTTP_CONNECT_TIMEOUT */
        usec_t timeout;         /* 0 is HTTP_TIMEOUT */
        uint16_t local_port;    /* first of a range of source ports, the first free one of which is taken; 0 is any */
        uint16_t local_port_last;
} HttpRequest;

typedef struct HttpResponse {
        unsigned status;
        char *body; /* NUL-terminated, never NULL */
        size_t size;
        char *peer;         /* numeric address that answered; NULL if unknown */
        usec_t retry_after; /* pause the server asks for, at most HTTP_RETRY_AFTER_MAX; 0 if it asks for none */
        size_t index;       /* which of the requests was answered */
} HttpResponse;

void http_response_done(HttpResponse *r);

/* To be called once, before the first request. Opens what the TLS library wants to read. Returns 0 or -EIO. */
_must_check_ int http_init(void);

/* Returns 0 and fills *ret if the server gave a complete answer, whatever its status. Else one of
 * -ECONNREFUSED, -ENETUNREACH, -EHOSTUNREACH, -ENETDOWN, -EADDRNOTAVAIL … what connect(2) said
 * -ETIMEDOUT    any of the time limits, and an answer that drips
 * -ECONNRESET   the connection ended before the answer did
 * -ENXIO        the host's name does not resolve
 * -EKEYREJECTED the server's certificate is not accepted
 * -EFBIG        the body is larger than max_size
 * -EPROTO       what came is not HTTP
 * -EADDRINUSE   every port of the range is taken; -EACCES if it may not be bound
 * -EPROTONOSUPPORT, -EINVAL   the URL is not http or https, or none at all
 * -EIO, -ENOMEM */
_must_check_ int http_perform(const HttpRequest *request, HttpResponse *ret);

/* The same for up to HTTP_RACE_MAX requests at once. Each starts head_start after the one before it, or at once when
 * all before it have failed. The first answer of status 2xx wins and ends the others; without one, the most telling
 * outcome is returned: an answer before an error, an error of the connection before an unreachable network. If wake_fd
 * >= 0 becomes readable while no request has a connection yet, they are given up and -ENETRESET is returned: the
 * network has changed and the same request may take another way now. The descriptor is not read. */
_must_check_ int http_race(const HttpRequest *requests, size_t n, usec_t head_start, int wake_fd, HttpResponse *ret);

/* A few words for an error of the above: "connection refused". Never NULL, constant. */
const char *http_strerror(int error);

/* A few words for a status: "too many requests". Never NULL, constant. */
const char *http_status_string(unsigned status);

/* Builds "http://HOST[:PORT]PATH". host is a name or IPv4 address, which may have a :port, or an IPv6 address with or
 * without brackets, with brackets also with a :port. port 0 is the default and yields to one in host. path begins with
 * a slash and is taken as it is. *ret is to be freed. Returns 0, -EINVAL (host is none of these), -ENOMEM. */
_must_check_ int http_url(const char *host, uint16_t port, const char *path, char **ret);

/* A copy of s with everything but unreserved characters percent-encoded (RFC 3986, section 2.3), to be freed; NULL if
 * memory is short. */
_must_check_ char *http_escape(const char *s);

/* The pause that a Retry-After field asks for (RFC 9110, section 10.2.3): seconds, or a date, which is measured against
 * the Date field of the same answer if there is one, because our clock may not be set yet. date may be NULL. Returns at
 * most HTTP_RETRY_AFTER_MAX, and 0 for what is neither, or a date that has passed. */
usec_t http_parse_retry_after(const char *value, const char *date);

/* Whether a later try may succeed: an error of the network or a 408, 425, 429 or 5xx. */
bool http_may_retry(int error, unsigned status);
