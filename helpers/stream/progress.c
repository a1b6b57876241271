/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "log.h"
#include "progress.h"
#include "space.h"
#include "string-util.h"

#define INTERVAL_TERMINAL (2 * USEC_PER_SEC)
#define INTERVAL_LOG (10 * USEC_PER_SEC)

void progress_init(Progress *p, usec_t interval) {
        usec_t now = now_usec();
        bool terminal = isatty(STDERR_FILENO);

        if (interval == USEC_INFINITY)
                interval = terminal ? INTERVAL_TERMINAL : INTERVAL_LOG;
        *p = (Progress) { .interval = interval, .terminal = terminal, .next = now + interval, .last = now };
}

/* "3 min 20 s" */
static int format_left(double seconds, char **ret) {
        unsigned s = (unsigned) MIN(seconds + 0.5, 359999.0);

        if (s >= 3600)
                return asprintf_to(ret, "%u h %u min", s / 3600, s / 60 % 60);
        if (s >= 60)
                return asprintf_to(ret, "%u min %u s", s / 60, s % 60);
        return asprintf_to(ret, "%u s", s);
}

int progress_format(uint64_t bytes, uint64_t total, double rate, char **ret) {
        _cleanup_free_ char *done = format_size(bytes), *all = NULL, *speed = format_size((uint64_t) rate),
                            *left = NULL;
        bool known = total != UINT64_MAX && total > 0 && bytes <= total;

        if (!done || !speed)
                return -ENOMEM;
        if (!known)
                return asprintf_to(ret, "%s, %s/s", done, speed);

        all = format_size(total);
        if (!all || (rate >= 1 && format_left((double) (total - bytes) / rate, &left) < 0))
                return -ENOMEM;
        return asprintf_to(ret, "%s of %s (%u %%), %s/s%s%s%s", done, all,
                           (unsigned) ((double) bytes / (double) total * 100), speed, left ? ", " : "", left ?: "",
                           left ? " left" : "");
}

static void update_rate(Progress *p, usec_t now, uint64_t bytes) {
        double rate;

        /* Less than before: it has begun again. */
        if (bytes < p->last_bytes)
                p->last_bytes = 0;
        rate = (double) (bytes - p->last_bytes) * (double) USEC_PER_SEC / (double) MAX(now - p->last, (usec_t) 1);
        p->rate = p->rate > 0 ? (p->rate + rate) / 2 : rate;
        p->last = now;
        p->last_bytes = bytes;
}

void progress_update(Progress *p, uint64_t bytes, uint64_t total) {
        _cleanup_free_ char *text = NULL;
        usec_t now;

        if (p->interval == 0)
                return;
        now = now_usec();
        if (now < p->next)
                return;

        p->next = now + p->interval;
        update_rate(p, now, bytes);
        if (progress_format(bytes, total, p->rate, &text) < 0)
                return;

        if (!p->terminal) {
                log_info("%s", text);
                return;
        }
        /* \33[K: the rest of a longer line before it. */
        (void) fprintf(stderr, "\r%s\33[K", text);
        (void) fflush(stderr);
        p->drawn = true;
}

void progress_end_line(Progress *p) {
        if (p->drawn)
                (void) fputs("\r\33[K", stderr);
        p->drawn = false;
}
