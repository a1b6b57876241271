/* SPDX-License-Identifier: MIT */
/* What of http-util.h has to do with texts only, whatever client sends the requests. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http-util.h"
#include "parse-util.h"
#include "string-util.h"

void http_response_done(HttpResponse *r) {
        assert(r);

        free(r->body);
        free(r->peer);
        *r = (HttpResponse) {};
}

const char *http_strerror(int error) {
        static const struct {
                int error;
                const char *text;
        } texts[] = {
                { ECONNREFUSED,    "connection refused"                            },
                { ENETUNREACH,     "network unreachable"                           },
                { ENETDOWN,        "network down"                                  },
                { EHOSTUNREACH,    "host unreachable"                              },
                { EADDRNOTAVAIL,   "no address to send from"                       },
                { ETIMEDOUT,       "time-out"                                      },
                { ECONNRESET,      "connection ended before the answer"            },
                { ENXIO,           "host name does not resolve"                    },
                { EKEYREJECTED,    "certificate is not accepted"                   },
                { EFBIG,           "answer too large"                              },
                { EPROTO,          "answer is not HTTP"                            },
                { EADDRINUSE,      "no free source port"                           },
                { EACCES,          "permission denied"                             },
                { EPROTONOSUPPORT, "URL is neither http nor https, or libcurl has no TLS" },
                { EINVAL,          "malformed URL"                                 },
                { ENETRESET,       "network changed"                               },
                { ENOMEM,          "out of memory"                                 },
        };

        error = error < 0 ? -error : error;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (texts[i].error == error)
                        return texts[i].text;

        return "input/output error";
}

const char *http_status_string(unsigned status) {
        static const struct {
                unsigned status;
                const char *text;
        } texts[] = {
                { 400, "bad request"           },
                { 401, "unauthorized"          },
                { 403, "forbidden"             },
                { 404, "not found"             },
                { 429, "too many requests"     },
                { 500, "internal server error" },
                { 502, "bad gateway"           },
                { 503, "service unavailable"   },
                { 504, "gateway timeout"       },
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (texts[i].status == status)
                        return texts[i].text;

        switch (status / 100) {
        case 2:
                return "success";
        case 3:
                return "redirect";
        case 4:
                return "refused";
        case 5:
                return "server error";
        default:
                return "unknown status";
        }
}

/* Splits host into what goes into the URL, of *n bytes, and whether brackets are to be added. Returns 0 or -EINVAL. */
static int check_host(const char *host, size_t *n, bool *brackets, const char **port) {
        unsigned char address[sizeof(struct in6_addr)];
        char literal[INET6_ADDRSTRLEN];
        const char *p = host[0] == '[' ? host + 1 : host;

        *n = strspn(p, "0123456789abcdefABCDEF:.");
        *brackets = false;
        *port = NULL;

        if (host[0] == '[' || (p[*n] == '\0' && strchr(p, ':') != strrchr(p, ':'))) {
                if (*n == 0 || *n >= sizeof(literal))
                        return -EINVAL;
                *(char *) mempcpy(literal, p, *n) = '\0';
                if (inet_pton(AF_INET6, literal, address) != 1)
                        return -EINVAL;

                *brackets = host[0] != '[';
                if (host[0] == '[') {
                        if (p[*n] != ']')
                                return -EINVAL;
                        *n += 2;
                }
        } else
                *n = strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._");

        /* RFC 1035, section 2.3.4: a name is at most 255 bytes. */
        if (*n == 0 || *n > 255)
                return -EINVAL;
        if (host[*n] == ':')
                *port = host + *n + 1;
        else if (host[*n] != '\0')
                return -EINVAL;

        return 0;
}

int http_url(const char *host, uint16_t port, const char *path, char **ret) {
        _cleanup_free_ char *suffix = NULL;
        const char *own_port;
        bool brackets;
        size_t n;
        int r;

        assert(host);
        assert(path);
        assert(ret);

        r = check_host(host, &n, &brackets, &own_port);
        if (r < 0)
                return r;
        if (own_port && parse_port(own_port, &port) < 0)
                return -EINVAL;

        if (port > 0) {
                r = asprintf_to(&suffix, ":%u", (unsigned) port);
                if (r < 0)
                        return r;
        }

        return asprintf_to(ret, "http://%s%.*s%s%s%s", brackets ? "[" : "", (int) n, host, brackets ? "]" : "",
                           suffix ?: "", path);
}

char *http_escape(const char *s) {
        static const char digits[] = "0123456789ABCDEF";
        char *escaped, *p;

        assert(s);

        escaped = p = new(char, strlen(s) * 3 + 1);
        if (!escaped)
                return NULL;

        for (; *s; s++) {
                unsigned char c = (unsigned char) *s;

                if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c))
                        *p++ = (char) c;
                else {
                        *p++ = '%';
                        *p++ = digits[c >> 4];
                        *p++ = digits[c & 15];
                }
        }
        *p = '\0';

        return escaped;
}

/* A date of RFC 9110, section 5.6.7: the form that is sent today, and the two that were. Returns -1 if it is none. */
static time_t parse_http_date(const char *s) {
        static const char *const formats[] = { "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y" };

        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                struct tm tm = {};
                const char *end = strptime(s, formats[i], &tm);

                if (end && *end == '\0')
                        return timegm(&tm);
        }

        return -1;
}

usec_t http_parse_retry_after(const char *value, const char *date) {
        time_t then, now;
        uint64_t seconds;
        int r;

        assert(value);

        r = parse_uint64(value, &seconds);
        if (r == -ERANGE)
                return HTTP_RETRY_AFTER_MAX;
        if (r < 0) {
                then = parse_http_date(value);
                now = isempty(date) ? time(NULL) : parse_http_date(date);
                if (then < 0 || now < 0 || then <= now)
                        return 0;
                seconds = (uint64_t) (then - now);
        }

        return MIN(seconds, HTTP_RETRY_AFTER_MAX / USEC_PER_SEC) * USEC_PER_SEC;
}

bool http_may_retry(int error, unsigned status) {
        if (error < 0)
                return error != -EINVAL && error != -EPROTONOSUPPORT && error != -EKEYREJECTED && error != -EACCES && error != -ENOMEM;

        return status == 408 || status == 425 || status == 429 || status / 100 == 5;
}
