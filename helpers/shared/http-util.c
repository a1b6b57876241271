/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "bounds.h"
#include "http-util.h"
#include "parse-util.h"
#include "string-util.h"

typedef struct Transfer {
        const HttpRequest *request;
        CURL *easy;
        struct curl_slist *headers;
        bool done;
        int error; /* valid once done */
        unsigned status;
        char *body;
        size_t n, allocated, n_headers;
        bool too_large, headers_too_large, no_memory;
        char retry_after[64], date[64];
} Transfer;

static void transfer_done(Transfer *t, CURLM *multi) {
        if (t->easy) {
                (void) curl_multi_remove_handle(multi, t->easy);
                curl_easy_cleanup(t->easy);
        }
        curl_slist_free_all(t->headers);
        free(t->body);
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata) {
        Transfer *t = userdata;

        /* size is always 1, see CURLOPT_WRITEFUNCTION(3). */
        n *= size;
        if (n > t->request->max_size - t->n) {
                t->too_large = true;
                return 0;
        }

        if (t->n + n + 1 > t->allocated) {
                size_t allocated = MAX(t->allocated * 2, t->n + n + 1);
                char *bigger = realloc(t->body, allocated);

                if (!bigger) {
                        t->no_memory = true;
                        return 0;
                }
                t->body = bigger;
                t->allocated = allocated;
        }

        memcpy(t->body + t->n, data, n);
        t->n += n;
        t->body[t->n] = '\0';
        return n;
}

/* If the line, of n bytes, is the named field, copies its value without the blanks around it. One that does not fit is
 * passed over: no useful value of the fields that are asked for is that long. */
static void copy_field(const char *line, size_t n, const char *name, char *value, size_t value_size) {
        size_t n_name = strlen(name);

        if (n <= n_name || line[n_name] != ':' || strncasecmp(line, name, n_name) != 0)
                return;

        line += n_name + 1;
        n -= n_name + 1;
        while (n > 0 && strchr(" \t\r\n", line[n - 1]))
                n--;
        while (n > 0 && strchr(" \t", *line)) {
                line++;
                n--;
        }
        if (n == 0 || n >= value_size || memchr(line, '\0', n))
                return;

        memcpy(value, line, n);
        value[n] = '\0';
}

static size_t on_header(char *data, size_t size, size_t n, void *userdata) {
        Transfer *t = userdata;

        n *= size;
        if (n > HTTP_HEADERS_MAX - t->n_headers) {
                t->headers_too_large = true;
                return 0;
        }
        t->n_headers += n;

        /* A new status line: what came before was an interim answer (100, 103). */
        if (n > 5 && memcmp(data, "HTTP/", 5) == 0)
                t->retry_after[0] = t->date[0] = '\0';
        copy_field(data, n, "Retry-After", t->retry_after, sizeof(t->retry_after));
        copy_field(data, n, "Date", t->date, sizeof(t->date));

        return n;
}

static long milliseconds(usec_t usec, usec_t fallback) {
        /* 0 would mean no limit to libcurl. */
        return (long) MAX((usec > 0 ? usec : fallback) / USEC_PER_MSEC, (usec_t) 1);
}

static int set_body(Transfer *t) {
        const HttpRequest *q = t->request;
        _cleanup_free_ char *field = NULL;
        int r;

        if (q->method && curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, q->method) != CURLE_OK)
                return -ENOMEM;
        if (!q->body)
                return 0;

        r = asprintf_to(&field, "Content-Type: %s", q->content_type ?: "application/octet-stream");
        if (r < 0)
                return r;
        t->headers = curl_slist_append(NULL, field);
        if (!t->headers)
                return -ENOMEM;

        if (curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) q->body_size) != CURLE_OK ||
            curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, q->body) != CURLE_OK ||
            curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) != CURLE_OK)
                return -ENOMEM;

        return 0;
}

static int set_limits(Transfer *t) {
        const HttpRequest *q = t->request;
        CURL *c = t->easy;

        if (curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(q->connect_timeout, HTTP_CONNECT_TIMEOUT)) ||
            curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, milliseconds(q->timeout, HTTP_TIMEOUT)) ||
            curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, HTTP_SLOW_BYTES_PER_SECOND) ||
            curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, HTTP_SLOW_SECONDS) ||
            curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) q->max_size))
                return -EIO;
        if (q->local_port > 0 &&
            (curl_easy_setopt(c, CURLOPT_LOCALPORT, (long) q->local_port) ||
             curl_easy_setopt(c, CURLOPT_LOCALPORTRANGE, (long) q->local_port_last - q->local_port + 1)))
                return -EIO;

        return 0;
}

/* The libcurl of the lean image is built without TLS, and refuses a list with a protocol that it does not know. Where it has TLS, it
 * checks certificate and name by itself, but leaves the version to the settings of the TLS library. */
static bool set_protocols(CURL *c) {
        CURLcode r = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");

        if (r == CURLE_UNSUPPORTED_PROTOCOL)
                return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK;

        return r == CURLE_OK && curl_easy_setopt(c, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
}

static int transfer_start(Transfer *t, CURLM *multi) {
        int r;

        t->easy = curl_easy_init();
        if (!t->easy)
                return -ENOMEM;

        if (curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t) ||
            curl_easy_setopt(t->easy, CURLOPT_URL, t->request->url) ||
            curl_easy_setopt(t->easy, CURLOPT_DEFAULT_PROTOCOL, "http") ||
            !set_protocols(t->easy) ||
            curl_easy_setopt(t->easy, CURLOPT_PROXY, "") ||
            curl_easy_setopt(t->easy, CURLOPT_NOPROXY, "*") ||
            curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 0L) ||
            curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L) ||
            curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1) ||
            curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L) ||
            curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "scaleway-initrd/" PROJECT_VERSION) ||
            curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body) ||
            curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t) ||
            curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header) ||
            curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t))
                return -EIO;

        r = set_limits(t);
        if (r < 0)
                return r;
        r = set_body(t);
        if (r < 0)
                return r;

        return curl_multi_add_handle(multi, t->easy) == CURLM_OK ? 0 : -EIO;
}

static bool transfer_connected(const Transfer *t) {
        curl_off_t connected = 0;

        return t->easy && curl_easy_getinfo(t->easy, CURLINFO_CONNECT_TIME_T, &connected) == CURLE_OK && connected > 0;
}

static int transfer_error(const Transfer *t, CURLcode code) {
        long os_error = 0;

        (void) curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os_error);

        switch (code) {
        case CURLE_OK:
                return 0;
        case CURLE_COULDNT_CONNECT:
                return os_error > 0 ? -(int) os_error : -ECONNREFUSED;
        case CURLE_INTERFACE_FAILED: /* bind(2) of the source port */
                return os_error > 0 ? -(int) os_error : -EADDRINUSE;
        case CURLE_OPERATION_TIMEDOUT:
                return -ETIMEDOUT;
        case CURLE_COULDNT_RESOLVE_HOST:
                return -ENXIO;
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_PARTIAL_FILE:
                return -ECONNRESET;
        case CURLE_PEER_FAILED_VERIFICATION:
                return -EKEYREJECTED;
        case CURLE_FILESIZE_EXCEEDED:
                return -EFBIG;
        case CURLE_WRITE_ERROR:
                return t->too_large ? -EFBIG : t->no_memory ? -ENOMEM : -EPROTO;
        case CURLE_UNSUPPORTED_PROTOCOL: /* of the URL; or of the answer, if it began with no status line */
                return transfer_connected(t) ? -EPROTO : -EPROTONOSUPPORT;
        case CURLE_URL_MALFORMAT:
                return -EINVAL;
        case CURLE_OUT_OF_MEMORY:
                return -ENOMEM;
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_BAD_CONTENT_ENCODING:
                return -EPROTO;
        default:
                return t->headers_too_large ? -EPROTO : -EIO;
        }
}

static void transfer_finish(Transfer *t, CURLcode code) {
        long status = 0;

        t->done = true;
        t->error = transfer_error(t, code);
        (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        t->status = t->error >= 0 && status > 0 ? (unsigned) status : 0;
        if (t->error >= 0 && t->status == 0)
                t->error = -EPROTO;
}

static bool is_unreachable(int error) {
        return error == -ENETUNREACH || error == -EHOSTUNREACH || error == -ENETDOWN || error == -EADDRNOTAVAIL;
}

/* How much an outcome tells, for the choice among several failures. */
static unsigned transfer_rank(const Transfer *t) {
        if (!t->done)
                return 0;
        if (t->status / 100 == 2)
                return 4;
        if (t->status > 0 || t->error == -EFBIG || t->error == -EPROTO)
                return 3;

        return is_unreachable(t->error) ? 1 : 2;
}

static int respond(Transfer *t, size_t index, HttpResponse *ret) {
        _cleanup_free_ char *peer = NULL;
        const char *address = NULL;
        int r;

        if (t->error < 0)
                return t->error;

        (void) curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &address);
        r = strdup_to(&peer, empty_to_null(address));
        if (r < 0)
                return r;
        if (!t->body) {
                t->body = strdup("");
                if (!t->body)
                        return -ENOMEM;
        }

        *ret = (HttpResponse) {
                .status = t->status,
                .body = TAKE_PTR(t->body),
                .size = t->n,
                .peer = TAKE_PTR(peer),
                .retry_after = http_parse_retry_after(t->retry_after, t->date),
                .index = index,
        };
        return 0;
}

typedef struct Race {
        CURLM *multi;
        Transfer transfers[HTTP_RACE_MAX];
        size_t n, n_started;
        usec_t head_start, next_start, begin;
        int wake_fd;
} Race;

static void race_done(Race *race) {
        for (size_t i = 0; i < race->n_started; i++)
                transfer_done(race->transfers + i, race->multi);
        if (race->multi)
                (void) curl_multi_cleanup(race->multi);
}

static size_t race_n_running(const Race *race) {
        size_t n = 0;

        for (size_t i = 0; i < race->n_started; i++)
                n += !race->transfers[i].done;
        return n;
}

static int race_start_next(Race *race) {
        usec_t now = now_usec();
        int r;

        while (race->n_started < race->n && (now >= race->next_start || race_n_running(race) == 0)) {
                r = transfer_start(race->transfers + race->n_started++, race->multi);
                if (r < 0)
                        return r;
                race->next_start = now + race->head_start;
        }

        return 0;
}

/* Returns true if one has won. */
static bool race_collect(Race *race) {
        CURLMsg *message;
        int queued;

        while ((message = curl_multi_info_read(race->multi, &queued))) {
                Transfer *t = NULL;

                if (message->msg != CURLMSG_DONE ||
                    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t) != CURLE_OK || !t)
                        continue;
                transfer_finish(t, message->data.result);
                if (transfer_rank(t) == 4)
                        return true;
        }

        return false;
}

/* Waits for anything to do. Returns 1 if the wake descriptor says that the requests are better begun anew, else 0 or an
 * error. */
static int race_wait(Race *race) {
        struct curl_waitfd wake = { .fd = race->wake_fd, .events = CURL_WAIT_POLLIN };
        usec_t now = now_usec(), until = now + USEC_PER_SEC;
        bool watch = race->wake_fd >= 0;

        for (size_t i = 0; i < race->n_started; i++)
                if (transfer_connected(race->transfers + i))
                        watch = false;

        if (race->n_started < race->n)
                until = MIN(until, race->next_start);
        if (watch && now < race->begin + HTTP_WAKE_AFTER) {
                until = MIN(until, race->begin + HTTP_WAKE_AFTER);
                watch = false;
        }

        if (curl_multi_poll(race->multi, watch ? &wake : NULL, watch ? 1 : 0,
                            until > now ? (int) ((until - now) / USEC_PER_MSEC) + 1 : 0, NULL) != CURLM_OK)
                return -EIO;

        return watch && (wake.revents & CURL_WAIT_POLLIN);
}

static int race_run(Race *race, HttpResponse *ret) {
        size_t best = 0;
        int r;

        for (;;) {
                int running;

                r = race_start_next(race);
                if (r < 0)
                        return r;
                if (curl_multi_perform(race->multi, &running) != CURLM_OK)
                        return -EIO;
                if (race_collect(race))
                        break;
                if (race_n_running(race) == 0) {
                        if (race->n_started == race->n)
                                break;
                        continue;
                }

                r = race_wait(race);
                if (r < 0)
                        return r;
                if (r > 0)
                        return -ENETRESET;
        }

        for (size_t i = 1; i < race->n_started; i++)
                if (transfer_rank(race->transfers + i) > transfer_rank(race->transfers + best))
                        best = i;

        return respond(race->transfers + best, best, ret);
}

int http_race(const HttpRequest *requests, size_t n, usec_t head_start, int wake_fd, HttpResponse *ret) {
        _cleanup_(race_done) Race race = { .n = n, .head_start = head_start, .wake_fd = wake_fd };

        assert(requests);
        assert(n > 0 && n <= HTTP_RACE_MAX);
        assert(ret);

        race.multi = curl_multi_init();
        if (!race.multi)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                race.transfers[i].request = requests + i;
        race.begin = race.next_start = now_usec();

        return race_run(&race, ret);
}

int http_perform(const HttpRequest *request, HttpResponse *ret) {
        return http_race(request, 1, 0, -EBADF, ret);
}

int http_init(void) {
        /* libcurl waits for its resolver thread at the end, whatever the time-out of the transfer, and the C library's own
         * limit is 5 s, twice, for each server and search domain. What the environment says goes first, resolv.conf(5). */
        if (setenv("RES_OPTIONS", "timeout:2 attempts:1", /* overwrite= */ 0) < 0)
                return -EIO;

        return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -EIO;
}
