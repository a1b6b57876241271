/* SPDX-License-Identifier: MIT */
#include <bzlib.h>
#include <errno.h>
#include <limits.h>
#include <lz4frame.h>
#include <lzma.h>
#include <sched.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "alloc-util.h"
#include "bounds.h"
#include "decoder.h"

/* Of a frame that is not decompressed, and the four bytes of its length behind it. */
#define SKIPPABLE_MAGIC 0x184d2a50U
#define SKIPPABLE_HEADER_SIZE 8U

/* Libraries count in other types than size_t. */
static unsigned clamp(size_t n) {
        return (unsigned) MIN(n, (size_t) INT_MAX);
}

static uint32_t read_le32(const unsigned char *p) {
        return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

typedef struct Gzip {
        z_stream stream;
        bool ended, in_padding;
} Gzip;

static void *gzip_new(void) {
        Gzip *g = new0(Gzip, 1);

        /* 16: a gzip header and trailer, nothing else; the checksum is compared. */
        if (g && inflateInit2(&g->stream, 16 + MAX_WBITS) != Z_OK)
                g = mfree(g);
        return g;
}

static void gzip_free(void *state) {
        Gzip *g = state;

        (void) inflateEnd(&g->stream);
        free(g);
}

/* Between the last member and the end zeros may stand, to fill a record of a tape: gzip(1) says nothing of them either. After one
 * zero there is nothing else. */
static int gzip_skip_padding(Gzip *g, const unsigned char **in, size_t *n_in) {
        while (*n_in > 0 && **in == 0) {
                g->in_padding = true;
                (*in)++;
                (*n_in)--;
        }

        return g->in_padding && *n_in > 0 ? -EBADMSG : 0;
}

static int gzip_decode(void *state, const unsigned char **in, size_t *n_in, unsigned char *out, size_t n_out,
                       size_t *ret_written, bool finish) {
        Gzip *g = state;
        int r;

        *ret_written = 0;
        if (g->ended) {
                r = gzip_skip_padding(g, in, n_in);
                if (r < 0)
                        return r;
                if (*n_in == 0)
                        return 1;
                if (inflateReset(&g->stream) != Z_OK)
                        return -EBADMSG;
                g->ended = false;
        }

        g->stream.next_in = (unsigned char *) *in;
        g->stream.avail_in = clamp(*n_in);
        g->stream.next_out = out;
        g->stream.avail_out = clamp(n_out);
        r = inflate(&g->stream, Z_NO_FLUSH);
        *n_in -= (size_t) (g->stream.next_in - *in);
        *in = g->stream.next_in;
        *ret_written = (size_t) (g->stream.next_out - out);

        g->ended = r == Z_STREAM_END;
        if (r == Z_MEM_ERROR)
                return -ENOMEM;
        return g->ended ? 1 : r == Z_OK || r == Z_BUF_ERROR ? 0 : -EBADMSG;
}

typedef struct Bzip2 {
        bz_stream stream;
        bool running;
} Bzip2;

static void *bzip2_new(void) {
        return new0(Bzip2, 1);
}

static void bzip2_free(void *state) {
        Bzip2 *b = state;

        if (b->running)
                (void) BZ2_bzDecompressEnd(&b->stream);
        free(b);
}

static int bzip2_decode(void *state, const unsigned char **in, size_t *n_in, unsigned char *out, size_t n_out,
                        size_t *ret_written, bool finish) {
        Bzip2 *b = state;
        int r;

        *ret_written = 0;
        if (!b->running) {
                if (*n_in == 0)
                        return 1;
                b->stream = (bz_stream) {};
                if (BZ2_bzDecompressInit(&b->stream, /* verbosity= */ 0, /* small= */ 0) != BZ_OK)
                        return -ENOMEM;
                b->running = true;
        }

        b->stream.next_in = (char *) *in;
        b->stream.avail_in = clamp(*n_in);
        b->stream.next_out = (char *) out;
        b->stream.avail_out = clamp(n_out);
        r = BZ2_bzDecompress(&b->stream);
        *n_in -= (size_t) ((const unsigned char *) b->stream.next_in - *in);
        *in = (const unsigned char *) b->stream.next_in;
        *ret_written = (size_t) ((unsigned char *) b->stream.next_out - out);

        if (r == BZ_STREAM_END) {
                (void) BZ2_bzDecompressEnd(&b->stream);
                b->running = false;
                return 1;
        }
        return r == BZ_OK ? 0 : r == BZ_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

/* What this process may run on. */
static unsigned n_processors(void) {
        cpu_set_t set;

        return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (unsigned) CPU_COUNT(&set);
}

/* Blocks of a file that "xz -T" or pixz wrote are decoded at the same time; a file of one block takes one thread. One
 * more than there are processors: they end one after the other, and a thread whose block is not the first waits for
 * those before it. */
static void *xz_new(void) {
        lzma_mt options = {
                .flags = LZMA_CONCATENATED,
                .threads = MIN(n_processors() + 1, 8U),
                .memlimit_threading = DECODER_MEMORY_MAX,
                .memlimit_stop = DECODER_MEMORY_MAX,
        };
        lzma_stream *s = new(lzma_stream, 1);

        if (!s)
                return NULL;
        *s = (lzma_stream) LZMA_STREAM_INIT;
        if (lzma_stream_decoder_mt(s, &options) != LZMA_OK)
                s = mfree(s);
        return s;
}

static void xz_free(void *state) {
        lzma_end(state);
        free(state);
}

static int xz_decode(void *state, const unsigned char **in, size_t *n_in, unsigned char *out, size_t n_out,
                     size_t *ret_written, bool finish) {
        lzma_stream *s = state;
        lzma_ret r;

        s->next_in = *in;
        s->avail_in = *n_in;
        s->next_out = out;
        s->avail_out = n_out;
        r = lzma_code(s, finish ? LZMA_FINISH : LZMA_RUN);
        *in = s->next_in;
        *n_in = s->avail_in;
        *ret_written = (size_t) (s->next_out - out);

        switch (r) {
        case LZMA_OK:
        case LZMA_BUF_ERROR:
                return 0;
        case LZMA_STREAM_END:
                return 1;
        case LZMA_MEM_ERROR:
                return -ENOMEM;
        case LZMA_MEMLIMIT_ERROR:
                return -EFBIG;
        default:
                return -EBADMSG;
        }
}

typedef struct Zstd {
        ZSTD_DStream *stream;
        bool ended;
} Zstd;

static void *zstd_new(void) {
        Zstd *z = new0(Zstd, 1);

        if (!z)
                return NULL;
        z->stream = ZSTD_createDStream();
        if (!z->stream || ZSTD_isError(ZSTD_DCtx_setParameter(z->stream, ZSTD_d_windowLogMax, DECODER_ZSTD_WINDOW_LOG_MAX))) {
                (void) ZSTD_freeDStream(z->stream);
                return mfree(z);
        }
        return z;
}

static void zstd_free(void *state) {
        Zstd *z = state;

        (void) ZSTD_freeDStream(z->stream);
        free(z);
}

static int zstd_decode(void *state, const unsigned char **in, size_t *n_in, unsigned char *out, size_t n_out,
                       size_t *ret_written, bool finish) {
        Zstd *z = state;
        ZSTD_inBuffer input = { .src = *in, .size = *n_in };
        ZSTD_outBuffer output = { .dst = out, .size = n_out };
        size_t r;

        /* Without input it would begin a new frame, and take the end for a cut. */
        *ret_written = 0;
        if (z->ended && *n_in == 0)
                return 1;

        r = ZSTD_decompressStream(z->stream, &output, &input);
        *in += input.pos;
        *n_in -= input.pos;
        *ret_written = output.pos;

        if (ZSTD_isError(r))
                switch (ZSTD_getErrorCode(r)) {
                case ZSTD_error_memory_allocation:
                        return -ENOMEM;
                case ZSTD_error_frameParameter_windowTooLarge:
                        return -EFBIG;
                default:
                        return -EBADMSG;
                }

        z->ended = r == 0;
        return z->ended;
}

typedef struct Lz4 {
        LZ4F_dctx *context;
        bool ended;
} Lz4;

static void *lz4_new(void) {
        Lz4 *l = new0(Lz4, 1);

        if (l && LZ4F_isError(LZ4F_createDecompressionContext(&l->context, LZ4F_VERSION)))
                l = mfree(l);
        return l;
}

static void lz4_free(void *state) {
        Lz4 *l = state;

        (void) LZ4F_freeDecompressionContext(l->context);
        free(l);
}

static int lz4_decode(void *state, const unsigned char **in, size_t *n_in, unsigned char *out, size_t n_out,
                      size_t *ret_written, bool finish) {
        Lz4 *l = state;
        size_t n_taken = *n_in, r;

        *ret_written = 0;
        if (l->ended && *n_in == 0)
                return 1;

        *ret_written = n_out;
        r = LZ4F_decompress(l->context, out, ret_written, *in, &n_taken, NULL);
        if (LZ4F_isError(r)) {
                *ret_written = 0;
                return -EBADMSG;
        }
        *in += n_taken;
        *n_in -= n_taken;

        l->ended = r == 0;
        return l->ended;
}

static const Decoder decoders[] = {
        { "gzip",  { 0x1f, 0x8b, 0x08 },               3, false, gzip_new,  gzip_free,  gzip_decode  },
        { "xz",    { 0xfd, '7', 'z', 'X', 'Z', 0x00 }, 6, false, xz_new,    xz_free,    xz_decode    },
        { "zstd",  { 0x28, 0xb5, 0x2f, 0xfd },         4, true,  zstd_new,  zstd_free,  zstd_decode  },
        { "bzip2", { 'B', 'Z', 'h' },                  3, false, bzip2_new, bzip2_free, bzip2_decode },
        { "lz4",   { 0x04, 0x22, 0x4d, 0x18 },         4, true,  lz4_new,   lz4_free,   lz4_decode   },
};

/* zstd and lz4 know frames that say something to other programs: pzstd begins with one. Returns how long the one is that the data
 * begin with, or 0 if there is none, or if it does not end within them: it may claim 4 GB, and what comes behind it is not seen. */
static size_t skippable_size(const unsigned char *p, size_t n) {
        uint64_t size;

        if (n < SKIPPABLE_HEADER_SIZE || (read_le32(p) & ~0xfU) != SKIPPABLE_MAGIC)
                return 0;

        size = SKIPPABLE_HEADER_SIZE + (uint64_t) read_le32(p + 4);
        return size <= n ? (size_t) size : 0;
}

const Decoder *decoder_find(const void *data, size_t n) {
        const unsigned char *p = data;
        bool skipped = false;
        size_t k;

        for (; (k = skippable_size(p, n)) > 0; p += k, n -= k)
                skipped = true;

        for (size_t i = 0; i < ELEMENTSOF(decoders); i++)
                if (n >= decoders[i].n_magic && memcmp(p, decoders[i].magic, decoders[i].n_magic) == 0 &&
                    (decoders[i].skips_frames || !skipped))
                        return decoders + i;

        return NULL;
}
