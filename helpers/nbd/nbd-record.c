/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <time.h>
#include <unistd.h>

#include "fileio.h"
#include "nbd-record.h"
#include "paths.h"
#include "string-util.h"

#define RECORD_MAX (64U << 10)

static int record_path(unsigned index, char **ret) {
        _cleanup_free_ char *directory = NULL;
        int r;

        r = run_path(RUN_NBD_DIR, &directory);
        if (r < 0)
                return r;

        return asprintf_to(ret, "%s/%u.json", directory, index);
}

static int format_record(const NbdRecord *r, char **ret) {
        json_t *o;

        /* "s?" writes null for NULL. Device numbers and sizes fit: nbd-handshake.h has no size above 2^63 - 1. */
        o = json_pack("{s:s, s:s?, s:I, s:i, s:i, s:b, s:I}", "uri", r->uri, "identifier", r->identifier, "size",
                      (json_int_t) r->size, "block_size", (int) r->block_size, "flags", (int) r->flags, "oldstyle",
                      (int) r->oldstyle, "time", (json_int_t) time(NULL));
        if (!o)
                return -EINVAL;

        *ret = json_dumps(o, JSON_INDENT(2));
        json_decref(o);
        return *ret ? 0 : -ENOMEM;
}

int nbd_record_write(unsigned index, const NbdRecord *r) {
        _cleanup_free_ char *directory = NULL, *path = NULL, *text = NULL, *file = NULL;
        int k;

        assert(r);

        k = format_record(r, &text);
        if (k < 0)
                return k;
        k = asprintf_to(&file, "%s\n", text);
        if (k < 0)
                return k;

        k = run_path(RUN_NBD_DIR, &directory);
        if (k < 0)
                return k;
        k = mkdir_p(directory);
        if (k < 0)
                return k;
        k = record_path(index, &path);
        if (k < 0)
                return k;

        return write_file_atomic(path, file, strlen(file), 0644);
}

int nbd_record_read(unsigned index, NbdRecord *ret) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        int k, block_size, flags, oldstyle;
        json_t *o, *identifier;
        const char *uri;
        json_int_t size;
        size_t n;

        assert(ret);

        k = record_path(index, &path);
        if (k < 0)
                return k;
        k = read_file(path, RECORD_MAX, &text, &n);
        if (k < 0)
                return k;

        o = json_loadb(text, n, 0, NULL);
        if (!o)
                return -EBADMSG;

        if (json_unpack(o, "{s:s, s:o, s:I, s:i, s:i, s:b}", "uri", &uri, "identifier", &identifier, "size", &size,
                        "block_size", &block_size, "flags", &flags, "oldstyle", &oldstyle) < 0) {
                json_decref(o);
                return -EBADMSG;
        }

        *ret = (NbdRecord) {
                .uri = strdup(uri),
                .size = (uint64_t) size,
                .block_size = (uint32_t) block_size,
                .flags = (uint16_t) flags,
                .oldstyle = oldstyle,
        };
        k = strdup_to(&ret->identifier, json_string_value(identifier));
        json_decref(o);
        if (!ret->uri || k < 0) {
                nbd_record_done(ret);
                return -ENOMEM;
        }

        return 0;
}

int nbd_record_remove(unsigned index) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = record_path(index, &path);
        if (r < 0)
                return r;

        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

void nbd_record_done(NbdRecord *r) {
        if (!r)
                return;

        r->uri = mfree(r->uri);
        r->identifier = mfree(r->identifier);
}
