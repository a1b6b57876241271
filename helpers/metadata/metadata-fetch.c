/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "http-util.h"
#include "log.h"
#include "metadata-fetch.h"
#include "metadata-flatten.h"
#include "metadata.h"
#include "parse-util.h"
#include "retry.h"
#include "string-util.h"

#define CONF_PATH "/conf?format=json"

/* What came of one try, where it did not end in a document. */
typedef struct Outcome {
        enum {
                OUTCOME_ERROR,   /* no answer: error */
                OUTCOME_STATUS,  /* an answer of another status than 200 */
                OUTCOME_USELESS, /* 200, but not a document: error of metadata_parse() */
                OUTCOME_TEXT,    /* 200, from $METADATA_URL, neither JSON nor text form */
        } kind;
        int error;
        unsigned status;
} Outcome;

typedef struct Source {
        char *urls[2];
        size_t n;
        bool foreign; /* $METADATA_URL: the answer may be in text form and is not the platform's own */
} Source;

static void source_done(Source *s) {
        for (size_t i = 0; i < s->n; i++)
                free(s->urls[i]);
}

void fetched_done(Fetched *f) {
        assert(f);

        free(f->json);
        free(f->text);
        free(f->address);
        *f = (Fetched) {};
}

static int source_add(Source *s, const char *host, uint16_t port) {
        int r;

        r = http_url(host, port, CONF_PATH, s->urls + s->n);
        if (r < 0)
                return r;
        s->n++;
        return 0;
}

/* -EINVAL if $METADATA_IP or $METADATA_PORT is malformed. */
static int source_init(Source *s) {
        const char *url = empty_to_null(secure_getenv("METADATA_URL")),
                   *ip = empty_to_null(secure_getenv("METADATA_IP")),
                   *port_string = empty_to_null(secure_getenv("METADATA_PORT"));
        uint16_t port = 0;
        int r;

        if (url) {
                r = strdup_to(s->urls, url);
                if (r < 0)
                        return r;
                s->n = 1;
                s->foreign = true;
                return 0;
        }

        if (port_string && parse_port(port_string, &port) < 0)
                return -EINVAL;
        if (ip)
                return source_add(s, ip, port);

        r = source_add(s, METADATA_IPV4, port);
        if (r < 0)
                return r;
        return source_add(s, METADATA_IPV6, port);
}

/* The text form as the old tool kept it: whatever newlines it ended in, it ends in one. */
static int take_text(HttpResponse *response, Fetched *f, Outcome *outcome) {
        size_t n = response->size;
        char *text;

        while (n > 0 && response->body[n - 1] == '\n')
                n--;
        text = malloc(n + 2);
        if (!text)
                return -ENOMEM;
        *(char *) mempcpy(text, response->body, n) = '\n';
        text[n + 1] = '\0';

        if (memchr(text, '\0', n) || !metadata_text_is_valid(text)) {
                free(text);
                *outcome = (Outcome) { .kind = OUTCOME_TEXT };
                return -EBADMSG;
        }

        f->text = text;
        return 0;
}

/* Takes the document out of the answer. Returns 0, -ENOMEM, or -EBADMSG and then *outcome says why. */
static int take(HttpResponse *response, bool foreign, Fetched *f, Outcome *outcome) {
        _cleanup_(metadata_freep) Metadata *m = NULL;
        int r;

        if (response->status != 200) {
                *outcome = (Outcome) { .kind = OUTCOME_STATUS, .status = response->status };
                return -EBADMSG;
        }
        if (foreign && response->body[strspn(response->body, " \t\r\n")] != '{')
                return take_text(response, f, outcome);

        r = metadata_parse(response->body, response->size, &m);
        if (r >= 0)
                r = metadata_flatten(m, &f->text);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                *outcome = (Outcome) { .kind = OUTCOME_USELESS, .error = r };
                return -EBADMSG;
        }

        f->json = TAKE_PTR(response->body);
        f->json_size = response->size;
        if (!foreign)
                f->address = TAKE_PTR(response->peer);
        return 0;
}

static bool is_useless(const Outcome *o) {
        switch (o->kind) {
        case OUTCOME_ERROR:
                return o->error == -EFBIG || o->error == -EPROTO;
        case OUTCOME_STATUS:
                return !http_may_retry(0, o->status);
        default:
                return true;
        }
}

/* One try. Returns 0, -ENOMEM, or -EBADMSG and then *outcome says why, and *pause how long the server wants to be left
 * alone. */
static int try_once(const Source *s, const Retry *retry, Fetched *f, Outcome *outcome, usec_t *pause) {
        _cleanup_(http_response_done) HttpResponse response = {};
        HttpRequest requests[ELEMENTSOF(s->urls)];
        int r;

        for (size_t i = 0; i < s->n; i++)
                requests[i] = (HttpRequest) {
                        .url = s->urls[i],
                        .max_size = METADATA_SIZE_MAX,
                        .connect_timeout = retry_limit(retry, HTTP_CONNECT_TIMEOUT),
                        .timeout = retry_limit(retry, HTTP_TIMEOUT),
                };

        *pause = 0;
        r = http_race(requests, s->n, HTTP_HEAD_START, retry->fd, &response);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                *outcome = (Outcome) { .kind = OUTCOME_ERROR, .error = r };
                return -EBADMSG;
        }

        *pause = response.retry_after;
        return take(&response, s->foreign, f, outcome);
}

static int describe_status(unsigned status, char **ret) {
        if (status / 100 == 3)
                return asprintf_to(ret,
                                   "Metadata service answers with a redirect (HTTP status %u), which is not followed",
                                   status);

        return asprintf_to(ret, "Metadata service answers with HTTP status %u (%s)", status,
                           http_status_string(status));
}

static int describe(const Outcome *o, usec_t timeout, char **ret) {
        if (o->kind == OUTCOME_STATUS)
                return describe_status(o->status, ret);
        if (o->kind == OUTCOME_TEXT)
                return asprintf_to(ret, "METADATA_URL answers neither a JSON object nor lines of KEY=value");

        switch (o->error) {
        case -EFBIG:
                return asprintf_to(ret, "Metadata service answers with a document that is too large (limit %u KiB)",
                                   METADATA_SIZE_MAX / 1024);
        case -ELOOP:
                return asprintf_to(ret, "Metadata service answers with a document that is nested too deep (limit %u)",
                                   METADATA_DEPTH_MAX);
        case -EPROTO:
                return asprintf_to(ret, "Metadata service does not speak HTTP");
        case -EKEYREJECTED:
                return asprintf_to(ret, "The certificate of METADATA_URL is not accepted");
        case -EPROTONOSUPPORT:
                return asprintf_to(ret, "METADATA_URL is neither http nor https");
        }
        if (o->kind == OUTCOME_USELESS)
                return asprintf_to(ret, "Metadata service answers with something that is not a JSON object");
        if (o->error == -EINVAL)
                return asprintf_to(ret, "METADATA_URL, METADATA_IP or METADATA_PORT is malformed");

        return asprintf_to(ret, "Metadata service did not answer within %llu s (last: %s)",
                           (unsigned long long) (timeout / USEC_PER_SEC), http_strerror(o->error));
}

static void log_try(const Outcome *outcome, usec_t timeout) {
        _cleanup_free_ char *reason = NULL;

        if (log_debug_enabled() && describe(outcome, timeout, &reason) >= 0)
                log_debug("A try failed: %s.", reason);
}

static int try_until(const Source *source, usec_t timeout, Fetched *f, Outcome *outcome) {
        _cleanup_(retry_done) Retry retry = { .fd = -EBADF };
        unsigned n_useless = 0;
        usec_t pause;
        int r;

        retry_init(&retry, timeout);
        do {
                r = try_once(source, &retry, f, outcome, &pause);
                if (r != -EBADMSG)
                        return r;

                log_try(outcome, timeout);
                if (outcome->kind == OUTCOME_ERROR && !http_may_retry(outcome->error, 0))
                        break;
                if (is_useless(outcome) && n_useless++ >= METADATA_USELESS_RETRIES)
                        break;
        } while (retry_wait(&retry, pause));

        return -EBADMSG;
}

int metadata_fetch(usec_t timeout, Fetched *ret, char **ret_reason) {
        _cleanup_(source_done) Source source = {};
        Outcome outcome = { .kind = OUTCOME_ERROR, .error = -EINVAL };
        int r, k;

        assert(ret);
        assert(ret_reason);

        *ret_reason = NULL;
        r = source_init(&source);
        if (r >= 0)
                r = try_until(&source, timeout, ret, &outcome);
        if (r >= 0 || r == -ENOMEM)
                return r;

        k = describe(&outcome, timeout, ret_reason);
        return k < 0 ? k : r;
}
