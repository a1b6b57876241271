/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "bounds.h"
#include "detach.h"
#include "log.h"
#include "nbd-control.h"
#include "nbd-record.h"
#include "nbd-status.h"
#include "string-util.h"
#include "supervise.h"
#include "verbs.h"

#define EXIT_FREE 2

int verb_parse_index(const char *s, unsigned *ret) {
        int r;

        r = nbd_index_parse(s, ret);
        if (r < 0) {
                _cleanup_free_ char *p = printable(s, NBD_URI_PRINT_MAX);

                return log_error_errno(r, "'%s' is no NBD device: say 0 to %u, or nbdN, or /dev/nbdN", p ?: "",
                                       NBD_INDEX_MAX);
        }

        return 0;
}

int verb_detach(char *arguments[]) {
        bool force = streq(arguments[0], "--force");
        unsigned index;
        int r;

        arguments += force;
        if (!arguments[0] || arguments[1])
                return log_error_errno(EINVAL, "'detach' takes a device or 'all', and --force before it");
        if (streq(arguments[0], "all"))
                return detach_all_volumes(force);

        r = verb_parse_index(arguments[0], &index);
        return r < 0 ? r : detach_volume(index, force);
}

int verb_supervise_again(char *arguments[]) {
        unsigned index;
        int r;

        r = verb_parse_index(arguments[0], &index);
        return r < 0 ? r : supervise_again(index);
}

int verb_check(char *arguments[]) {
        _cleanup_(nbd_status_done) NbdStatus s = {};
        unsigned index;
        int r;

        r = verb_parse_index(arguments[0], &index);
        if (r < 0)
                return r;
        r = nbd_status_read(index, &s);
        if (r < 0)
                return log_error_errno(r, "Cannot check nbd%u: sysfs cannot be read: %m", index);
        if (!nbd_status_attached(&s))
                return EXIT_FREE;

        printf("%llu\n", (unsigned long long) s.pid);
        return 0;
}

/* What is known of one volume. Returns 1, 0 if it is not attached, or a negative errno. */
static int read_volume(unsigned index, NbdStatus *ret_status, NbdRecord *ret_record) {
        int r;

        r = nbd_status_read(index, ret_status);
        if (r < 0)
                return log_error_errno(r, "Cannot read what sysfs tells of nbd%u: %m", index);
        if (!nbd_status_attached(ret_status))
                return 0;

        r = nbd_record_read(index, ret_record);
        if (r < 0 && r != -ENOENT)
                log_warning_errno(r, "nbd%u: failed to read the record of the volume, ignoring: %m", index);
        /* What a supervisor that is dead has written is no news. */
        if (r >= 0 && !nbd_record_is_supervised(ret_record)) {
                ret_record->link = NBD_LINK_UNKNOWN;
                ret_record->pid = 0;
        }
        return 1;
}

typedef int (*VolumePrinter)(unsigned index, const NbdStatus *s, const NbdRecord *record, void *userdata);

static int print_each(VolumePrinter print, void *userdata) {
        int result = 0;

        for (unsigned i = 0; i <= NBD_INDEX_MAX; i++) {
                _cleanup_(nbd_status_done) NbdStatus s = {};
                _cleanup_(nbd_record_done) NbdRecord record = {};
                int r;

                r = read_volume(i, &s, &record);
                if (r > 0)
                        r = print(i, &s, &record, userdata);
                if (r < 0)
                        result = r;
        }

        return result;
}

static int print_list(unsigned index, const NbdStatus *s, const NbdRecord *record, void *userdata) {
        _cleanup_free_ char *uri = printable(record->uri ?: "-", NBD_URI_PRINT_MAX);
        _cleanup_free_ char *backend = printable(s->backend ?: "-", NBD_URI_PRINT_MAX);

        if (!uri || !backend)
                return log_oom();

        printf("nbd%u %llu %s %s\n", index, (unsigned long long) s->size, uri, backend);
        return 0;
}

int verb_list(char *arguments[]) {
        return print_each(print_list, NULL);
}

/* Local time would need files of the root, which may be what does not answer. */
static void format_time(uint64_t seconds, char text[static 32]) {
        time_t t = (time_t) seconds;
        struct tm tm;

        if (!gmtime_r(&t, &tm) || strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
                (void) snprintf(text, 32, "?");
}

static int print_status(unsigned index, const NbdStatus *s, const NbdRecord *record, void *userdata) {
        _cleanup_free_ char *uri = printable(record->uri ?: "-", NBD_URI_PRINT_MAX);
        _cleanup_free_ char *reason = printable(record->reason, NBD_REASON_MAX);
        char since[32] = "?";

        if (!uri || !reason)
                return log_oom();
        if (record->link == NBD_LINK_UNKNOWN) {
                printf("nbd%u: attached to %s, %llu bytes; nobody looks after its link\n", index, uri,
                       (unsigned long long) s->size);
                return 0;
        }

        format_time(record->since, since);
        printf("nbd%u: link %s since %s, to %s, %llu bytes; %llu reconnects", index, nbd_link_to_string(record->link),
               since, uri, (unsigned long long) s->size, (unsigned long long) record->reconnects);
        if (*reason)
                printf("; %s reason: %s", record->link == NBD_LINK_UP ? "last" : "the", reason);
        printf("\n");
        return 0;
}

static int add_status(unsigned index, const NbdStatus *s, const NbdRecord *record, void *userdata) {
        json_t *o = json_pack("{s:o, s:I, s:s?, s:s?, s:s?, s:I, s:I, s:I, s:s?}", "device",
                              json_sprintf("nbd%u", index), "size", (json_int_t) s->size, "uri", record->uri,
                              "identifier", s->backend, "link", nbd_link_to_string(record->link), "since",
                              (json_int_t) record->since, "pid", (json_int_t) record->pid, "reconnects",
                              (json_int_t) record->reconnects, "reason", empty_to_null(record->reason));

        return !o || json_array_append_new(userdata, o) < 0 ? log_oom() : 0;
}

int verb_status(char *arguments[]) {
        json_t *array;
        char *text;
        int r;

        if (!arguments[0])
                return print_each(print_status, NULL);
        if (!streq(arguments[0], "--json"))
                return log_error_errno(EINVAL, "'status' takes nothing or --json");

        array = json_array();
        if (!array)
                return log_oom();
        r = print_each(add_status, array);
        text = json_dumps(array, JSON_INDENT(2));
        json_decref(array);
        if (!text)
                return log_oom();
        puts(text);
        free(text);
        return r;
}

int verb_resize(char *arguments[]) {
        _cleanup_free_ char *text = NULL, *shown = NULL;
        unsigned index;
        int r;

        r = verb_parse_index(arguments[0], &index);
        if (r < 0)
                return r;
        r = nbd_control_ask(index, "resize", NBD_RESIZE_WAIT_USEC, &text);
        if (r == -ENOENT)
                return log_error_errno(r, "Cannot resize nbd%u: nobody looks after its link", index);
        if (r < 0)
                return log_error_errno(r, "Cannot resize nbd%u: no answer of its supervisor: %m", index);
        shown = printable(text, NBD_CONTROL_LINE_MAX);
        if (!shown)
                return log_oom();
        if (r == 0)
                return log_error_errno(EIO, "Cannot resize nbd%u: %s", index, shown);

        printf("nbd%u: %s\n", index, shown);
        return 0;
}
