/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "alloc-util.h"
#include "bounds.h"
#include "decompress.h"

struct Decompress {
        const Decoder *decoder;
        Ring *from, *to;
        Reason *reason;
        pthread_t thread;
        const unsigned char *in; /* what is left of the buffer that is held */
        size_t n_in;
        uint64_t n_idle; /* read since something was written */
        bool holding, finish;
};

static int explain(Decompress *d, int error) {
        switch (error) {
        case -ENOMEM:
                return reason_oom(d->reason);
        case -EFBIG:
                return reason_set(d->reason, error,
                                  "Decompressing (%s) would take more memory than is allowed here: "
                                  "compress with a smaller dictionary",
                                  d->decoder->name);
        default:
                return reason_set(d->reason, error, "The archive is damaged: its %s data make no sense",
                                  d->decoder->name);
        }
}

/* Makes sure that there is input, if any is to come. */
static int refill(Decompress *d) {
        const void *data;
        int r;

        if (d->n_in > 0 || d->finish)
                return 0;
        if (d->holding)
                ring_release(d->from);
        d->holding = false;

        r = ring_take_full(d->from, &data, &d->n_in);
        if (r < 0)
                return r;
        if (r == 0) {
                d->finish = true;
                return 0;
        }
        d->in = data;
        d->holding = true;
        return 0;
}

/* Fills one buffer. Returns 1 at the end of the data, 0 if the buffer is full. Both rings get whole buffers: each
 * hand-over may cost a change of the thread. */
static int fill(Decompress *d, void *state, unsigned char *out, size_t *ret_n) {
        size_t n = 0;
        int r;

        while (n < RING_BUFFER_SIZE) {
                size_t written, before;

                r = refill(d);
                if (r < 0)
                        return r;

                before = d->n_in;
                r = d->decoder->decode(state, &d->in, &d->n_in, out + n, RING_BUFFER_SIZE - n, &written, d->finish);
                if (r < 0)
                        return explain(d, r);
                n += written;
                *ret_n = n;
                d->n_idle = written > 0 ? 0 : d->n_idle + (before - d->n_in);
                if (d->n_idle > DECODER_IDLE_MAX)
                        return reason_set(d->reason, EBADMSG, "The archive is damaged: its %s data go on and on, and nothing comes of them",
                                          d->decoder->name);

                if (!d->finish || written > 0 || d->n_in != before)
                        continue;
                if (r > 0)
                        return 1;
                return reason_set(d->reason, EBADMSG, "The archive is cut off: its %s data end too early",
                                  d->decoder->name);
        }

        return 0;
}

static int run(Decompress *d) {
        void *state = d->decoder->open();
        int r;

        if (!state)
                return reason_oom(d->reason);

        do {
                size_t n = 0;
                void *out;

                r = ring_take_empty(d->to, &out);
                if (r < 0)
                        break;
                r = fill(d, state, out, &n);
                if (r >= 0 && n > 0)
                        ring_put(d->to, n);
        } while (r == 0);

        d->decoder->close(state);
        return r;
}

static void *thread(void *userdata) {
        Decompress *d = userdata;
        int r;

        r = run(d);
        ring_close(d->to, /* complete= */ r >= 0);
        if (r < 0)
                ring_abort(d->from);
        return NULL;
}

int decompress_start(const Decoder *decoder, Ring *from, Ring *to, Reason *reason, Decompress **ret) {
        Decompress *d = new(Decompress, 1);
        int r;

        if (!d)
                return -ENOMEM;
        *d = (Decompress) { .decoder = decoder, .from = from, .to = to, .reason = reason };

        r = pthread_create(&d->thread, NULL, thread, d);
        if (r != 0) {
                free(d);
                return -r;
        }

        *ret = d;
        return 0;
}

Decompress *decompress_join(Decompress *d) {
        if (!d)
                return NULL;

        (void) pthread_join(d->thread, NULL);
        return mfree(d);
}
