/* SPDX-License-Identifier: MIT */
/* rows: C6 */
/* The input is the record of a volume, which the way back and the supervisor read again, and the last state. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fileio.h"
#include "fuzz.h"
#include "nbd-record.h"
#include "scratch.h"
#include "state-file.h"
#include "string-util.h"

static void put(const char *directory, const char *name, const void *data, size_t size) {
        _cleanup_free_ char *path = NULL;

        require(asprintf_to(&path, "%s/%s", directory, name) >= 0);
        /* Not write_file_atomic(), which waits for the disk. */
        FILE *f = fopen(path, "we");
        require(f && fwrite(data, 1, size, f) == size && fclose(f) == 0);
}

static void check_path(const NetworkPath *p) {
        require(memchr(p->name, '\0', sizeof(p->name)) && (p->family == AF_INET || p->family == AF_INET6));
        require(p->prefix_length <= (p->family == AF_INET ? 32 : 128));
}

/* What is read is written again as the same. */
static void check_record(void) {
        _cleanup_(nbd_record_done) NbdRecord r = {}, again = {};

        if (nbd_record_read(0, &r) < 0)
                return;

        require(r.uri && r.link >= 0 && r.link < _NBD_LINK_MAX && memchr(r.reason, '\0', sizeof(r.reason)));
        require(r.size <= INT64_MAX);
        if (r.has_path)
                check_path(&r.path);
        (void) nbd_record_is_supervised(&r);
        if (nbd_record_write(1, &r) < 0)
                return;
        require(nbd_record_read(1, &again) >= 0);
        require(streq(r.uri, again.uri) && streq_ptr(r.identifier, again.identifier) && r.size == again.size && r.flags == again.flags &&
                r.block_size == again.block_size && r.link == again.link && r.pid == again.pid && r.has_path == again.has_path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *directory = NULL;
        StateFile s;

        if (!directory) {
                _cleanup_free_ char *path = NULL;

                directory = scratch_directory();
                require(setenv("SCALEWAY_RUN", directory, 1) >= 0);
                require(asprintf_to(&path, "%s/scaleway/nbd", directory) >= 0 && mkdir_p(path) >= 0);
        }

        put(directory, "scaleway/nbd/0.json", data, size);
        check_record();
        put(directory, "scaleway/state", data, size);
        require(state_file_open(&s) >= 0);
        (void) state_file_taken(&s, "booted");
        state_file_done(&s);

        return 0;
}
