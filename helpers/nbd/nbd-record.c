/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bounds.h"
#include "fd-util.h"
#include "fileio.h"
#include "nbd-record.h"
#include "paths.h"
#include "string-util.h"

static int record_path(unsigned index, char **ret) {
        _cleanup_free_ char *directory = NULL;
        int r;

        r = run_path(RUN_NBD_DIR, &directory);
        if (r < 0)
                return r;

        return asprintf_to(ret, "%s/%u.json", directory, index);
}

static const char *const link_names[_NBD_LINK_MAX] = {
        [NBD_LINK_UP] = "up",
        [NBD_LINK_DOWN] = "down",
};

const char *nbd_link_to_string(NbdLink link) {
        return link >= 0 && link < _NBD_LINK_MAX ? link_names[link] : NULL;
}

static NbdLink link_from_string(const char *s) {
        for (NbdLink link = 0; link < _NBD_LINK_MAX; link++)
                if (streq_ptr(link_names[link], s))
                        return link;

        return _NBD_LINK_INVALID;
}

static int format_record(const NbdRecord *r, char **ret) {
        json_t *o, *path = NULL;
        _cleanup_free_ char *text = NULL;

        if (r->has_path) {
                path = network_path_to_json(&r->path);
                if (!path)
                        return -ENOMEM;
        }

        /* "s?" and "o?" write null for NULL, and the latter takes the object over. Device numbers and sizes fit:
         * nbd-handshake.h has no size above 2^63 - 1. */
        o = json_pack("{s:s, s:s?, s:I, s:i, s:i, s:b, s:b, s:I, s:I, s:s?, s:I, s:s?, s:I, s:o?}", "uri", r->uri,
                      "identifier", r->identifier, "size", (json_int_t) r->size, "block_size", (int) r->block_size,
                      "flags", (int) r->flags, "oldstyle", (int) r->oldstyle, "root", (int) r->root, "time", (json_int_t) r->time, "pid",
                      (json_int_t) r->pid, "link", nbd_link_to_string(r->link), "reconnects",
                      (json_int_t) r->reconnects, "reason", empty_to_null(r->reason), "since", (json_int_t) r->since,
                      "path", path);
        if (!o)
                return -EINVAL;

        text = json_dumps(o, JSON_INDENT(2));
        json_decref(o);
        if (!text)
                return -ENOMEM;

        return asprintf_to(ret, "%s\n", text);
}

int nbd_record_open_directory(void) {
        _cleanup_free_ char *directory = NULL;
        int k, fd;

        k = run_path(RUN_NBD_DIR, &directory);
        if (k < 0)
                return k;
        k = mkdir_p(directory);
        if (k < 0)
                return k;

        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int nbd_record_write_at(int dir_fd, unsigned index, const NbdRecord *r) {
        _cleanup_free_ char *text = NULL;
        char name[sizeof(".json") + 10];
        int k;

        assert(dir_fd >= 0);
        assert(r);

        k = format_record(r, &text);
        if (k < 0)
                return k;

        (void) snprintf(name, sizeof(name), "%u.json", index);
        return write_file_atomic_at(dir_fd, name, text, strlen(text), 0644);
}

int nbd_record_write(unsigned index, const NbdRecord *r) {
        _cleanup_close_ int dir_fd = -EBADF;

        dir_fd = nbd_record_open_directory();
        return dir_fd < 0 ? dir_fd : nbd_record_write_at(dir_fd, index, r);
}

static int unpack_record(json_t *o, NbdRecord *r) {
        json_t *identifier, *link = NULL, *reason = NULL, *path = NULL;
        json_int_t size, when = 0, pid = 0, reconnects = 0, since = 0;
        const char *uri;
        int k, block_size, flags, oldstyle, root = 0;

        if (json_unpack(o, "{s:s, s:o, s:I, s:i, s:i, s:b, s?b, s?I, s?I, s?o, s?I, s?o, s?I, s?o}", "uri", &uri,
                        "identifier", &identifier, "size", &size, "block_size", &block_size, "flags", &flags,
                        "oldstyle", &oldstyle, "root", &root, "time", &when, "pid", &pid, "link", &link, "reconnects", &reconnects,
                        "reason", &reason, "since", &since, "path", &path) < 0)
                return -EBADMSG;
        /* None of them has ever been written so, and as unsigned ones they would be others. */
        if (size < 0 || block_size < 0 || flags < 0 || flags > UINT16_MAX || when < 0 || pid < 0 || reconnects < 0 || since < 0)
                return -EBADMSG;

        *r = (NbdRecord){
                .size = (uint64_t) size,
                .block_size = (uint32_t) block_size,
                .flags = (uint16_t) flags,
                .oldstyle = oldstyle,
                .root = root,
                .time = (uint64_t) when,
                .pid = (uint64_t) pid,
                .link = link_from_string(json_string_value(link)),
                .reconnects = (uint64_t) reconnects,
                .since = (uint64_t) since,
        };
        if (r->link < 0)
                return -EBADMSG;
        if (json_is_string(reason))
                (void) snprintf(r->reason, sizeof(r->reason), "%s", json_string_value(reason));
        /* One that is spoilt is no reason to do without the rest. */
        r->has_path = path && network_path_from_json(path, &r->path) >= 0;

        k = strdup_to(&r->uri, uri);
        if (k >= 0)
                k = strdup_to(&r->identifier, json_string_value(identifier));
        return k;
}

int nbd_record_read(unsigned index, NbdRecord *ret) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        NbdRecord r = {};
        json_t *o;
        size_t n;
        int k;

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
        k = unpack_record(o, &r);
        json_decref(o);
        if (k < 0) {
                nbd_record_done(&r);
                return k;
        }

        *ret = r;
        return 0;
}

bool nbd_process_is_supervisor(uint64_t pid) {
        _cleanup_free_ char *cmdline = NULL;
        char path[64];
        struct stat st;

        if (pid <= 1 || pid > INT32_MAX)
                return false;
        (void) snprintf(path, sizeof(path), "/proc/%i", (int) pid);
        if (stat(path, &st) < 0 || (st.st_uid != 0 && st.st_uid != geteuid()))
                return false;
        (void) snprintf(path, sizeof(path), "/proc/%i/cmdline", (int) pid);
        return read_file(path, RECORD_MAX, &cmdline, NULL) >= 0 && startswith(cmdline, NBD_SUPERVISOR_NAME);
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
