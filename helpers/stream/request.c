/* SPDX-License-Identifier: MIT */
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "bounds.h"
#include "mask.h"
#include "parse-util.h"
#include "request.h"
#include "string-util.h"

#define BUFFER_SIZE (256L << 10)

typedef struct Exchange {
        const Request *request;
        CURL *curl;
        ResponseHead head;
        uint64_t range_start, range_total; /* of Content-Range; UINT64_MAX: not told */
        char etag[256], last_modified[64], content_range[128];
        size_t n_headers, n_error_body;
        bool begun; /* on_head() has been called */
        bool stopped, changed, stalled, not_http;
        usec_t window;   /* when the count of bytes began */
        size_t n_window; /* bytes since */
} Exchange;

int url_check(const char *url, bool *ret_secure) {
        bool secure = strncasecmp(url, "https://", 8) == 0;

        if (!secure && strncasecmp(url, "http://", 7) != 0)
                return -EPROTONOSUPPORT;
        if (url[secure ? 8 : 7] == '\0')
                return -EPROTONOSUPPORT;

        *ret_secure = secure;
        return 0;
}

/* If the line is the named field, copies its value without the blanks around it. One that does not fit is passed
 * over. */
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
        if (n == 0 || n >= value_size)
                return;
        /* It is sent back. */
        for (size_t i = 0; i < n; i++)
                if ((unsigned char) line[i] < 0x20 || line[i] == 0x7f)
                        return;

        memcpy(value, line, n);
        value[n] = '\0';
}

static size_t on_header(char *data, size_t size, size_t n, void *userdata) {
        Exchange *x = userdata;

        n *= size;
        if (n > HTTP_HEADERS_MAX - x->n_headers) {
                x->not_http = true;
                return 0;
        }
        x->n_headers += n;

        /* A new status line: what came before was an interim answer (100, 103). */
        if (n > 5 && memcmp(data, "HTTP/", 5) == 0)
                x->etag[0] = x->last_modified[0] = x->content_range[0] = '\0';
        copy_field(data, n, "ETag", x->etag, sizeof(x->etag));
        copy_field(data, n, "Last-Modified", x->last_modified, sizeof(x->last_modified));
        copy_field(data, n, "Content-Range", x->content_range, sizeof(x->content_range));
        return n;
}

/* "bytes 1000-1999/2000", RFC 9110, section 14.4; the total may be '*'. Returns false if it is not of that form. */
static bool parse_content_range(const char *s, uint64_t *ret_start, uint64_t *ret_total) {
        _cleanup_free_ char *start = NULL;
        const char *p = startswith(s, "bytes "), *slash;

        if (!p || !(slash = strchr(p, '/')))
                return false;
        start = strndup(p, strspn(p, "0123456789"));
        if (!start || parse_uint64(start, ret_start) < 0)
                return false;
        if (streq(slash + 1, "*")) {
                *ret_total = UINT64_MAX;
                return true;
        }

        return parse_uint64(slash + 1, ret_total) >= 0;
}

static long status_of(Exchange *x) {
        long status = 0;

        (void) curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
        return status;
}

/* A strong ETag, else the date: RFC 9110, section 13.1.5, allows nothing else in If-Range. */
static void choose_validator(Exchange *x) {
        const char *validator = x->etag[0] == '"' ? x->etag : x->last_modified;

        (void) memccpy(x->head.validator, validator, '\0', sizeof(x->head.validator));
}

/* What comes must continue what was there, and nothing else: start is where the server says that it begins. */
static bool continues(Exchange *x, uint64_t start) {
        const Request *q = x->request;

        if (start != q->offset)
                return false;
        if (q->offset == 0)
                return true;
        if (q->total != UINT64_MAX && x->head.total != UINT64_MAX && x->head.total != q->total)
                return false;

        /* A server may have looked at Range, but not at If-Range. */
        return !x->head.validator[0] || streq(x->head.validator, q->validator);
}

/* The head of the answer is complete. Returns false to end the transfer. */
static bool begin(Exchange *x) {
        const Request *q = x->request;
        uint64_t start = 0, total = UINT64_MAX;
        curl_off_t length = -1;

        x->begun = true;
        choose_validator(x);
        (void) curl_easy_getinfo(x->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);

        if (status_of(x) == 206) {
                if (!parse_content_range(x->content_range, &start, &total))
                        start = UINT64_MAX;
        } else if (length >= 0)
                total = (uint64_t) length;
        x->head.total = total;

        if (!continues(x, start)) {
                x->changed = true;
                return false;
        }
        if (q->on_head && q->on_head(q->userdata, &x->head) < 0) {
                x->stopped = true;
                return false;
        }

        return true;
}

static bool is_content(long status) {
        return status == 200 || status == 206;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata) {
        Exchange *x = userdata;
        const Request *q = x->request;
        usec_t before;

        n *= size;
        if (!is_content(status_of(x))) {
                x->n_error_body += n;
                return x->n_error_body > DOWNLOAD_ERROR_BODY_MAX ? 0 : n;
        }
        if (!x->begun && !begin(x))
                return 0;
        before = now_usec();
        if (q->on_data(q->userdata, data, n) < 0) {
                x->stopped = true;
                return 0;
        }

        x->n_window += n;
        if (x->n_window >= DOWNLOAD_STALL_BYTES_PER_SECOND * (q->stall / USEC_PER_SEC)) {
                x->n_window = 0;
                x->window = now_usec();
        } else
                /* It is not the server's fault that on_data() had to wait. */
                x->window += now_usec() - before;
        return n;
}

static int on_progress(void *userdata, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now) {
        Exchange *x = userdata;
        const Request *q = x->request;

        if (q->on_tick && q->on_tick(q->userdata) < 0) {
                x->stopped = true;
                return 1;
        }
        if (now_usec() > x->window + q->stall) {
                x->stalled = true;
                return 1;
        }
        return 0;
}

/* What libcurl does by itself, but for the version, which it leaves to the settings of the TLS library, and an initrd has none. */
static bool set_security(CURL *c) {
        return curl_easy_setopt(c, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
}

static bool set_options(Exchange *x, const char *url, bool secure) {
        const Request *q = x->request;
        CURL *c = x->curl;

        return curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, secure ? "https" : "http") == CURLE_OK &&
               (!secure || set_security(c)) &&
               curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_NOPROXY, "*") == CURLE_OK &&
               /* Where they lead is looked at first. */
               curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_BUFFERSIZE, BUFFER_SIZE) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, DOWNLOAD_CONNECT_TIMEOUT_MS) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_USERAGENT, "scaleway-initrd/" PROJECT_VERSION) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_WRITEDATA, x) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_HEADERDATA, x) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
               curl_easy_setopt(c, CURLOPT_XFERINFODATA, x) == CURLE_OK &&
               (!q->ca || (curl_easy_setopt(c, CURLOPT_CAINFO, q->ca) == CURLE_OK &&
                           curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK));
}

static int set_range(Exchange *x, struct curl_slist **headers) {
        const Request *q = x->request;
        _cleanup_free_ char *range = NULL, *if_range = NULL;
        struct curl_slist *bigger;

        if (q->offset == 0)
                return 0;
        if (asprintf_to(&range, "Range: bytes=%" PRIu64 "-", q->offset) < 0 ||
            asprintf_to(&if_range, "If-Range: %s", q->validator) < 0)
                return -ENOMEM;

        /* Not CURLOPT_RANGE: with it libcurl makes an error of an answer that is no range. */
        *headers = curl_slist_append(NULL, range);
        bigger = *headers ? curl_slist_append(*headers, if_range) : NULL;
        if (!bigger || curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, *headers) != CURLE_OK)
                return -ENOMEM;
        return 0;
}

/* Sets the reason, which stays NULL if memory is short, and returns the outcome. */
_printf_(3, 4) static RequestOutcome because(RequestOutcome outcome, char **ret_reason, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        if (vasprintf(ret_reason, format, ap) < 0)
                *ret_reason = NULL;
        va_end(ap);
        return outcome;
}

/* Host and path of the URL for a message, without its secrets. Empty if memory is short. */
static char *shown_url(const char *url) {
        _cleanup_free_ char *masked = NULL;

        return mask_word(url, &masked) < 0 ? NULL : printable(masked, 200);
}

static RequestOutcome explain_status(Exchange *x, long status, const char *shown, char **ret_reason) {
        bool later = status / 100 == 5 || status == 408 || status == 425 || status == 429;
        curl_off_t seconds = 0;

        /* 412 and 416: what was asked for is not there. */
        if (x->request->offset > 0 && (status == 412 || status == 416))
                return because(REQUEST_RESTART, ret_reason, "the server does not resume (HTTP status %ld)", status);

        if (later && curl_easy_getinfo(x->curl, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
                x->head.retry_after = MIN((usec_t) seconds * USEC_PER_SEC, DOWNLOAD_RETRY_AFTER_MAX);
        return because(later ? REQUEST_RETRY : REQUEST_FAILED, ret_reason,
                       "the server answers with HTTP status %ld for '%s'", status, shown);
}

static bool is_passing(CURLcode code) {
        switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_PARTIAL_FILE:
        case CURLE_SSL_CONNECT_ERROR:
                return true;
        default:
                return false;
        }
}

static RequestOutcome explain_error(Exchange *x, CURLcode code, const char *text, const char *shown,
                                    char **ret_reason) {
        _cleanup_free_ char *detail = printable(*text ? text : curl_easy_strerror(code), 200);
        RequestOutcome outcome = is_passing(code) ? REQUEST_RETRY : REQUEST_FAILED;

        switch (code) {
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
                return because(outcome, ret_reason,
                               "the certificate of '%s' is not accepted (%s); see --ca=, and check the clock", shown,
                               detail ?: "");
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_WEIRD_SERVER_REPLY:
                return because(outcome, ret_reason, "the server of '%s' does not speak HTTP", shown);
        case CURLE_URL_MALFORMAT:
                return because(outcome, ret_reason, "'%s' is no valid URL", shown);
        case CURLE_PARTIAL_FILE:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_GOT_NOTHING:
                return because(outcome, ret_reason, "connection lost (%s)", detail ?: "");
        default:
                return because(outcome, ret_reason, "no answer from '%s' (%s)", shown, detail ?: "");
        }
}

/* begin() has found that it is not what was asked for. */
static RequestOutcome explain_change(Exchange *x, long status, char **ret_reason) {
        if (x->request->offset == 0)
                return because(REQUEST_FAILED, ret_reason, "the server sends a part that was not asked for");

        return because(REQUEST_RESTART, ret_reason, "%s",
                       status == 206 ? "what the server has is not the same any more" : "the server does not resume");
}

static RequestOutcome conclude(Exchange *x, CURLcode code, const char *text, const char *shown, char **ret_reason) {
        long status = status_of(x);

        if (x->stopped)
                return REQUEST_STOPPED;
        if (x->changed)
                return explain_change(x, status, ret_reason);
        if (x->stalled)
                return because(REQUEST_RETRY, ret_reason, "nothing came from '%s' for %u s", shown,
                               (unsigned) (x->request->stall / USEC_PER_SEC));
        if (x->not_http)
                return because(REQUEST_FAILED, ret_reason, "the answer of '%s' has too many header fields", shown);
        if (status > 0 && !is_content(status))
                return explain_status(x, status, shown, ret_reason);
        if (code != CURLE_OK)
                return explain_error(x, code, text, shown, ret_reason);

        /* Nothing has come, and that is all. */
        if (!x->begun && !begin(x))
                return x->stopped ? REQUEST_STOPPED : explain_change(x, status, ret_reason);
        return REQUEST_DONE;
}

/* One request. *ret_location (to be freed) is where a redirect leads, else NULL. */
static RequestOutcome exchange(const Request *q, const char *url, bool secure, ResponseHead *ret, char **ret_location,
                               char **ret_reason) {
        Exchange x = { .request = q, .curl = curl_easy_init(), .window = now_usec() };
        _cleanup_free_ char *shown = shown_url(url);
        struct curl_slist *headers = NULL;
        RequestOutcome outcome = REQUEST_FAILED;
        char text[CURL_ERROR_SIZE] = "";

        x.head.total = UINT64_MAX;
        if (x.curl && shown && set_options(&x, url, secure) && set_range(&x, &headers) >= 0) {
                const char *location = NULL;
                CURLcode code;

                (void) curl_easy_setopt(x.curl, CURLOPT_ERRORBUFFER, text);
                code = curl_easy_perform(x.curl);
                if (code == CURLE_OK)
                        (void) curl_easy_getinfo(x.curl, CURLINFO_REDIRECT_URL, &location);
                if (!location)
                        outcome = conclude(&x, code, text, shown, ret_reason);
                else if (strdup_to(ret_location, location) >= 0)
                        outcome = REQUEST_DONE;
        }

        *ret = x.head;
        if (x.curl)
                curl_easy_cleanup(x.curl);
        curl_slist_free_all(headers);
        return outcome;
}

/* Where to go on: only http and https, and never from https to http. */
static RequestOutcome check_redirect(const char *url, bool was_secure, bool *ret_secure, char **ret_reason) {
        _cleanup_free_ char *shown = shown_url(url);

        if (!shown)
                return REQUEST_FAILED;
        if (url_check(url, ret_secure) < 0)
                return because(REQUEST_FAILED, ret_reason, "redirected to '%s', which is neither http nor https",
                               shown);
        if (was_secure && !*ret_secure)
                return because(REQUEST_FAILED, ret_reason, "redirected from https to '%s', which is not", shown);

        return REQUEST_DONE;
}

RequestOutcome request_run(const Request *request, ResponseHead *ret, char **ret_reason) {
        _cleanup_free_ char *url = NULL;
        RequestOutcome outcome;
        bool secure;

        assert(request);
        assert(ret);
        assert(ret_reason);

        *ret_reason = NULL;
        if (url_check(request->url, &secure) < 0)
                return because(REQUEST_FAILED, ret_reason, "the URL is neither http nor https");
        if (strdup_to(&url, request->url) < 0)
                return REQUEST_FAILED;

        for (unsigned i = 0; i <= REDIRECTS_MAX; i++) {
                char *location = NULL;

                outcome = exchange(request, url, secure, ret, &location, ret_reason);
                if (!location)
                        return outcome;
                free_and_replace_str(&url, location);
                outcome = check_redirect(url, secure, &secure, ret_reason);
                if (outcome != REQUEST_DONE)
                        return outcome;
        }

        return because(REQUEST_FAILED, ret_reason, "redirected more than %u times", REDIRECTS_MAX);
}
