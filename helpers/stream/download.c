/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "download.h"
#include "log.h"
#include "retry.h"
#include "space.h"
#include "string-util.h"

/* So much more has to come before the time for tries begins anew. */
#define PROGRESS_BYTES ((uint64_t) 64 << 10)

typedef struct Session {
        const Download *download;
        Reason *reason;
        Retry retry;
        uint64_t bytes, total;
        uint64_t bytes_at_failure;
        char validator[sizeof(((ResponseHead *) NULL)->validator)];
        unsigned n_tries, n_restarts;
} Session;

static int on_head(void *userdata, const ResponseHead *head) {
        Session *s = userdata;

        if (s->bytes > 0)
                return 0;

        s->total = head->total;
        memcpy(s->validator, head->validator, sizeof(s->validator));
        return s->download->on_begin(s->download->userdata, s->total);
}

static int on_data(void *userdata, const void *data, size_t n) {
        Session *s = userdata;
        int r;

        r = s->download->on_data(s->download->userdata, data, n);
        if (r < 0)
                return r;
        s->bytes += n;
        return 0;
}

static int on_tick(void *userdata) {
        Session *s = userdata;

        return s->download->on_tick(s->download->userdata, s->bytes, s->total);
}

static int give_up(Session *s, const char *why, const char *reason) {
        return reason_set(s->reason, EIO, "Download failed%s: %s", why, reason);
}

static int restart(Session *s, const char *reason) {
        if (++s->n_restarts > DOWNLOAD_RESTARTS_MAX)
                return give_up(s, ", it had to begin again too often", reason);
        if (s->download->on_restart(s->download->userdata) < 0)
                return -ECANCELED;

        s->bytes = s->bytes_at_failure = 0;
        s->total = UINT64_MAX;
        s->validator[0] = '\0';
        return 0;
}

/* Says what goes wrong and what is done now. */
static void tell(Session *s, bool resumes, const char *reason) {
        _cleanup_free_ char *size = format_size(s->bytes);

        if (s->download->on_message)
                s->download->on_message(s->download->userdata);
        if (s->bytes == 0)
                log_warning("Download failed: %s; trying again.", reason);
        else
                log_warning("Download interrupted after %s: %s; %s.", size ?: "?", reason,
                            resumes ? "resuming there" : "beginning again");
}

/* After an outcome that may get better. Returns 0 to try again. */
static int prepare_retry(Session *s, RequestOutcome outcome, usec_t retry_after, const char *reason) {
        bool resumes = outcome == REQUEST_RETRY && s->bytes > 0 && s->validator[0];
        int r;

        if (++s->n_tries >= DOWNLOAD_TRIES_MAX)
                return give_up(s, ", too many connections were lost", reason);
        if (s->bytes >= s->bytes_at_failure + PROGRESS_BYTES) {
                retry_done(&s->retry);
                retry_init(&s->retry, s->download->timeout);
        }
        s->bytes_at_failure = s->bytes;

        tell(s, resumes, reason);
        if (s->bytes > 0 && !resumes) {
                r = restart(s, reason);
                if (r < 0)
                        return r;
        }
        if (!retry_wait(&s->retry, retry_after))
                return give_up(s, ", no time is left for another try", reason);

        return 0;
}

static int try_once(Session *s) {
        const Download *d = s->download;
        Request request = {
                .url = d->url,
                .ca = d->ca,
                .stall = d->stall,
                .offset = s->bytes,
                .validator = s->validator,
                .total = s->total,
                .on_head = on_head,
                .on_data = on_data,
                .on_tick = on_tick,
                .userdata = s,
        };
        _cleanup_free_ char *reason = NULL;
        RequestOutcome outcome;
        ResponseHead head;

        outcome = request_run(&request, &head, &reason);
        if (outcome == REQUEST_DONE)
                return 1;
        if (outcome == REQUEST_STOPPED)
                return -ECANCELED;
        if (!reason)
                return reason_oom(s->reason);
        if (outcome == REQUEST_FAILED)
                return give_up(s, "", reason);

        return prepare_retry(s, outcome, head.retry_after, reason);
}

int download_run(const Download *download, Reason *reason, uint64_t *ret_bytes) {
        Session s = { .download = download, .reason = reason, .total = UINT64_MAX };
        int r;

        assert(download);
        assert(reason);

        retry_init(&s.retry, download->timeout);
        do
                r = try_once(&s);
        while (r == 0);
        retry_done(&s.retry);

        if (ret_bytes)
                *ret_bytes = s.bytes;
        return MIN(r, 0);
}

static int look_on_begin(void *userdata, uint64_t total) {
        bool *begun = userdata;

        *begun = true;
        return -ECANCELED;
}

static int look_on_data(void *userdata, const void *data, size_t n) {
        return -ECANCELED;
}

static int look_on_restart(void *userdata) {
        return 0;
}

static int look_on_tick(void *userdata, uint64_t bytes, uint64_t total) {
        return 0;
}

int download_look(const char *url, const char *ca, usec_t stall, usec_t timeout, Reason *reason) {
        bool begun = false;
        int r;

        r = download_run(
                        &(Download) {
                                .url = url,
                                .ca = ca,
                                .stall = stall,
                                .timeout = timeout,
                                .on_begin = look_on_begin,
                                .on_data = look_on_data,
                                .on_restart = look_on_restart,
                                .on_tick = look_on_tick,
                                .userdata = &begun,
                        },
                        reason, NULL);
        return begun ? 0 : r;
}

typedef struct Small {
        char *data;
        size_t n, max;
        bool too_large;
} Small;

static int small_on_begin(void *userdata, uint64_t total) {
        return 0;
}

static int small_on_data(void *userdata, const void *data, size_t n) {
        Small *s = userdata;

        if (n > s->max - s->n) {
                s->too_large = true;
                return -EFBIG;
        }
        memcpy(s->data + s->n, data, n);
        s->n += n;
        return 0;
}

static int small_on_restart(void *userdata) {
        Small *s = userdata;

        s->n = 0;
        return 0;
}

static int small_on_tick(void *userdata, uint64_t bytes, uint64_t total) {
        return 0;
}

int download_small(const char *url, const char *ca, usec_t stall, usec_t timeout, size_t max, Reason *reason,
                   void **ret, size_t *ret_size) {
        Small small = { .data = malloc(max), .max = max };
        Download download = {
                .url = url,
                .ca = ca,
                .stall = stall,
                .timeout = timeout,
                .on_begin = small_on_begin,
                .on_data = small_on_data,
                .on_restart = small_on_restart,
                .on_tick = small_on_tick,
                .userdata = &small,
        };
        int r;

        if (!small.data)
                return reason_oom(reason);

        r = download_run(&download, reason, NULL);
        if (r >= 0) {
                *ret = small.data;
                *ret_size = small.n;
                return 0;
        }

        free(small.data);
        if (small.too_large)
                return reason_set(reason, EFBIG, "The signature is larger than %zu bytes", max);
        return r;
}
