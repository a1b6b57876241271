/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "bounds.h"
#include "log.h"
#include "nbd-handshake.h"
#include "nbd-netlink.h"
#include "nbd-protocol.h"
#include "nbd-record.h"
#include "nbd-status.h"
#include "string-util.h"

#define BLOCK_SIZE_MIN 512U

/* Outcome of one try. reason completes "Cannot attach nbd0 to '...': ". */
typedef struct Try {
        char *reason;
        bool permanent; /* the next try can hardly end otherwise */
        bool already;   /* nothing was done, because the volume is attached */
} Try;

static void netlink_closep(NbdNetlink **n) {
        nbd_netlink_close(*n);
}

static void try_done(Try *t) {
        t->reason = mfree(t->reason);
}

static _printf_(4, 5) int try_fail(Try *t, int error, bool permanent, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&t->reason, format, ap) < 0)
                t->reason = NULL;
        va_end(ap);

        t->permanent = permanent;
        return error;
}

/* The identifier is the volume; without one the address is all that there is to compare. The record must be there and
 * fit, because sysfs goes on showing a device as attached that was detached while it was open. */
static bool same_volume(const AttachOptions *o, const NbdStatus *s, const NbdRecord *record) {
        if (record->size != s->size || !streq_ptr(record->identifier, s->backend) ||
            !streq_ptr(o->identifier, s->backend))
                return false;

        return o->identifier || streq_ptr(record->uri, o->uri_text);
}

/* Returns 1 and its record if the volume is attached already, 0 if the device is free, -EBUSY if something else is there. */
static int check_attached(const AttachOptions *o, NbdRecord *ret, Try *t) {
        _cleanup_(nbd_record_done) NbdRecord record = {};
        _cleanup_(nbd_status_done) NbdStatus s = {};
        _cleanup_free_ char *other = NULL;
        int r;

        r = nbd_status_read(o->index, &s);
        if (r < 0)
                return try_fail(t, r, /* permanent= */ true, "sysfs cannot be read (%s)", strerror(-r));
        if (!nbd_status_attached(&s))
                return 0;

        r = nbd_record_read(o->index, &record);
        if (r < 0)
                return try_fail(t, -EBUSY, /* permanent= */ false,
                                "the device is attached by another program, or was detached while it was open");
        if (same_volume(o, &s, &record)) {
                *ret = record;
                record = (NbdRecord) {};
                return 1;
        }

        other = printable(record.uri, NBD_URI_PRINT_MAX);
        return try_fail(t, -EBUSY, /* permanent= */ true,
                        "the device is attached to '%s'; 'scaleway-nbd detach %u' frees it", other ?: "", o->index);
}

/* Chooses what the kernel needs to know. It does I/O in whole blocks only, so the bytes after the last whole one are
 * out of reach. */
static int prepare_connection(const AttachOptions *o, const NbdExport *e, NbdConnection *ret, Try *t) {
        uint32_t block_size = MAX(e->block_size_min, BLOCK_SIZE_MIN);
        long page_size = sysconf(_SC_PAGESIZE);
        uint64_t size;

        if ((block_size & (block_size - 1)) != 0)
                return try_fail(t, -EPROTO, true, "the server's block size of %u is not a power of two", block_size);
        if (block_size > page_size)
                return try_fail(t, -EOPNOTSUPP, true,
                                "the server wants blocks of %u bytes, this kernel has at most %li", block_size,
                                page_size);

        size = e->size - e->size % block_size;
        if (size == 0)
                return try_fail(t, -ENODATA, true, "the export has %llu bytes, less than a block of %u",
                                (unsigned long long) e->size, block_size);

        *ret = (NbdConnection) {
                .index = o->index,
                .fd = e->fd,
                .size = size,
                .block_size = block_size,
                .dead_timeout = o->dead_timeout,
                .flags = o->read_only ? e->flags | NBD_FLAG_READ_ONLY : e->flags,
                .identifier = o->identifier,
        };
        return 0;
}

/* udev opens a device when it appears and when it changes, and while it is open the kernel says EBUSY, on the console
 * too. */
static int connect_device(NbdNetlink *n, const NbdConnection *c, usec_t timeout, Try *t) {
        usec_t deadline = now_usec() + MIN(timeout, NBD_BUSY_TIMEOUT_USEC), pause = NBD_BUSY_PAUSE_USEC;
        bool connected = false;
        int r;

        while ((r = nbd_netlink_connect(n, c)) == -EBUSY && now_usec() < deadline) {
                sleep_usec(pause);
                pause = MIN(pause * 2, USEC_PER_SEC);
        }
        if (r >= 0)
                return 0;

        switch (r) {
        case -EBUSY:
                if (nbd_netlink_status(n, c->index, &connected) < 0 || !connected)
                        return try_fail(t, r, false, "the kernel keeps the device busy");
                return try_fail(t, r, false, "another program has /dev/nbd%u open or attached", c->index);
        case -EPERM:
                return try_fail(t, r, true, "the kernel wants CAP_SYS_ADMIN (be root)");
        default:
                return try_fail(t, r, true, "the kernel does not take the connection (%s)", strerror(-r));
        }
}

static int open_netlink(NbdNetlink **ret, Try *t) {
        int r;

        r = nbd_netlink_open(ret);
        if (r == -ENOENT)
                return try_fail(t, r, /* permanent= */ true, "the kernel has no NBD driver ('modprobe nbd' loads it)");
        if (r < 0)
                return try_fail(t, r, /* permanent= */ true, "no netlink to the kernel (%s)", strerror(-r));

        return 0;
}

static int finish_device(NbdNetlink *n, unsigned index, Try *t) {
        int r;

        r = nbd_set_io_timeout(index, NBD_IO_TIMEOUT_MSEC);
        if (r < 0)
                log_warning_errno(r, "nbd%u: failed to set queue/io_timeout, ignoring: %m", index);

        r = nbd_wait_ready(index);
        if (r >= 0)
                return 0;

        if (nbd_netlink_disconnect(n, index) < 0)
                log_debug("nbd%u: could not be disconnected again.", index);
        return try_fail(t, r, /* permanent= */ true, "/dev/nbd%u did not become ready (%s)", index, strerror(-r));
}

/* What a supervisor takes over: the socket, and how to get to the server again. */
static void keep_link(NbdExport *e, Attached *a) {
        a->fd = TAKE_FD(e->fd);
        a->record.has_path = network_path_find(a->fd, &a->record.path) >= 0;
}

static int try_attach(const AttachOptions *o, usec_t timeout, Attached *a, Try *t) {
        NbdRecord *record = &a->record;
        _cleanup_(netlink_closep) NbdNetlink *n = NULL;
        _cleanup_(nbd_export_done) NbdExport e = { .fd = -EBADF };
        NbdConnection c;
        int r;

        r = check_attached(o, record, t);
        if (r < 0)
                return r;
        t->already = r > 0;
        if (t->already)
                return 0;

        /* Before the server is asked, which may allow only one session at a time. */
        r = open_netlink(&n, t);
        if (r < 0)
                return r;
        r = nbd_export_open(o->uri, timeout, &e, &t->reason);
        if (r < 0) {
                t->permanent = nbd_error_is_permanent(r);
                return r;
        }
        r = prepare_connection(o, &e, &c, t);
        if (r < 0)
                return r;
        r = connect_device(n, &c, timeout, t);
        if (r < 0)
                return r;
        r = finish_device(n, o->index, t);
        if (r < 0)
                return r;

        if (c.size != e.size)
                log_warning("nbd%u: the last %llu bytes of the export are no whole block and cannot be used.", o->index,
                            (unsigned long long) (e.size - c.size));
        record->size = c.size;
        record->block_size = c.block_size;
        record->flags = c.flags;
        record->oldstyle = e.oldstyle;
        keep_link(&e, a);
        return 0;
}

static int report_attached(const AttachOptions *o, const char *uri, NbdRecord *record) {
        int r;

        r = strdup_to(&record->uri, o->uri_text);
        if (r >= 0)
                r = strdup_to(&record->identifier, o->identifier);
        if (r < 0)
                return log_oom();

        record->time = record->since = (uint64_t) time(NULL);
        r = nbd_record_write(o->index, record);
        if (r < 0)
                log_warning_errno(r, "nbd%u: failed to write the record of the volume, ignoring: %m", o->index);

        log_notice("nbd%u: attached to '%s', %llu bytes, %s%s", o->index, uri, (unsigned long long) record->size,
                   record->oldstyle ? "oldstyle" : "newstyle", record->flags & NBD_FLAG_READ_ONLY ? ", read-only" : "");
        return 0;
}

static int hand_over(const AttachOptions *o, const char *uri, bool already, Attached *a, Attached *ret) {
        int r;

        if (already)
                log_notice("nbd%u: already attached to '%s'", o->index, uri);
        else {
                r = report_attached(o, uri, &a->record);
                if (r < 0)
                        return r;
        }

        *ret = *a;
        *a = (Attached) { .fd = -EBADF };
        return 0;
}

void attached_done(Attached *a) {
        if (!a)
                return;

        a->fd = safe_close(a->fd);
        nbd_record_done(&a->record);
}

int attach_volume(const AttachOptions *o) {
        _cleanup_(attached_done) Attached a = { .fd = -EBADF };

        return attach_volume_keep(o, &a);
}

int attach_volume_keep(const AttachOptions *o, Attached *ret) {
        usec_t begin = now_usec(), deadline = begin + o->timeout, pause = NBD_PAUSE_FIRST_USEC, next_warning = 0;
        _cleanup_free_ char *uri = NULL;
        unsigned n_permanent = 0;

        uri = printable(o->uri_text, NBD_URI_PRINT_MAX);
        if (!uri)
                return log_oom();

        for (unsigned n = 1;; n++) {
                _cleanup_(try_done) Try t = {};
                _cleanup_(attached_done) Attached a = { .fd = -EBADF };
                usec_t now = now_usec();
                int r;

                r = try_attach(o, MAX(now < deadline ? deadline - now : 0, USEC_PER_SEC), &a, &t);
                if (r >= 0)
                        return hand_over(o, uri, t.already, &a, ret);

                now = now_usec();
                n_permanent += t.permanent;
                if (now >= deadline || n_permanent >= NBD_PERMANENT_TRIES_MAX)
                        return log_error_errno(r, "Cannot attach nbd%u to '%s': %s (gave up after %llu s, %u tries)",
                                               o->index, uri, t.reason ?: strerror(-r),
                                               (unsigned long long) ((now - begin) / USEC_PER_SEC), n);

                if (now >= next_warning) {
                        log_warning("Cannot attach nbd%u to '%s' yet: %s; trying for another %llu s at most", o->index,
                                    uri, t.reason ?: strerror(-r),
                                    (unsigned long long) ((deadline - now) / USEC_PER_SEC));
                        next_warning = now + NBD_WARN_INTERVAL_USEC;
                }
                sleep_usec(MIN(pause, deadline - now));
                pause = MIN(pause * 2, NBD_PAUSE_MAX_USEC);
        }
}
