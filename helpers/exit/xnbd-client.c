/* SPDX-License-Identifier: MIT */
/* Stands in for xnbd-client, which the old initrd left in /run/initramfs/usr/sbin: images and their scripts attach, check and detach
 * volumes with it. The kernel has the connection now, and what stays is a supervisor, see scaleway-nbd(8). */

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "applet.h"
#include "attach.h"
#include "bounds.h"
#include "detach.h"
#include "fd-util.h"
#include "http-util.h"
#include "log.h"
#include "nbd-handshake.h"
#include "nbd-record.h"
#include "nbd-status.h"
#include "paths.h"
#include "shutdown-watch.h"
#include "string-util.h"
#include "supervisor-start.h"
#include "xnbd-arguments.h"

#define EXIT_FREE 2

static int help(FILE *f, int status) {
        (void) fputs("xnbd-client [--blocksize N] [--retry N] [--exportname NAME] HOST PORT DEVICE\n"
                     "xnbd-client [OPTION...] --connect DEVICE HOST PORT [HOST PORT]...\n"
                     "xnbd-client --check DEVICE | --disconnect DEVICE | --flush DEVICE\n"
                     "xnbd-client --getsize64 HOST PORT [HOST PORT]...\n\n"
                     "HOST is an address. See xnbd-client(8).\n",
                     f);
        return status;
}

static int open_status(const XnbdArguments *a, unsigned *ret_index, NbdStatus *ret) {
        _cleanup_free_ char *shown = printable(a->device, 100);
        int r;

        r = xnbd_device_index(a->device, ret_index);
        if (r < 0)
                return log_error_errno(r, "'%s' is no NBD device.", shown ?: "");
        r = nbd_status_read(*ret_index, ret);
        if (r < 0)
                return log_error_errno(r, "Cannot read what sysfs tells of nbd%u: %m", *ret_index);

        return 0;
}

/* The process that looks after the volume, or the one that attached it, which may have ended. */
static uint64_t client_pid(unsigned index, const NbdStatus *s) {
        _cleanup_(nbd_record_done) NbdRecord record = {};

        if (nbd_record_read(index, &record) >= 0 && nbd_record_is_supervised(&record))
                return record.pid;

        return s->pid;
}

static int check(const XnbdArguments *a) {
        _cleanup_(nbd_status_done) NbdStatus s = {};
        unsigned index;
        int r;

        r = open_status(a, &index, &s);
        if (r < 0)
                return r;
        if (!nbd_status_attached(&s))
                return EXIT_FREE;

        printf("%llu\n", (unsigned long long) client_pid(index, &s));
        return 0;
}

/* Images detach the root as one of the last things of a shutdown, when it is mounted read-only, and that is to work on. */
static bool is_shutdown(void) {
        _cleanup_free_ char *mark = NULL;
        _cleanup_(shutdown_watch_done) ShutdownWatch w = { .run_fd = -EBADF };
        struct statvfs fs;

        if (run_path(RUN_EXIT, &mark) >= 0 && access(mark, F_OK) >= 0)
                return true;
        if (shutdown_watch_open(&w) >= 0 && shutdown_watch_verb(&w) >= 0)
                return true;
        return statvfs("/", &fs) >= 0 && (fs.f_flag & ST_RDONLY);
}

static int detach(const XnbdArguments *a) {
        _cleanup_(nbd_status_done) NbdStatus s = {};
        unsigned index;
        int r;

        r = open_status(a, &index, &s);
        return r < 0 ? r : detach_volume(index, /* force= */ is_shutdown());
}

static int flush(const XnbdArguments *a) {
        _cleanup_close_ int fd = open(a->device, O_RDONLY | O_CLOEXEC);

        if (fd < 0 || fsync(fd) < 0 || ioctl(fd, BLKFLSBUF, 0) < 0)
                return log_error_errno(errno, "Failed to flush the device: %m");

        return 0;
}

static int server_uri(const XnbdArguments *a, const XnbdServer *s, ExportUri *ret, char **ret_text) {
        _cleanup_free_ char *name = http_escape(a->export_name ?: "");
        bool ipv6 = strchr(s->host, ':');
        int r;

        if (!name)
                return -ENOMEM;
        r = asprintf_to(ret_text, "nbd://%s%s%s:%u%s%s", ipv6 ? "[" : "", s->host, ipv6 ? "]" : "", (unsigned) s->port,
                        name[0] ? "/" : "", name);
        if (r < 0)
                return r;

        return export_uri_parse(*ret_text, ret);
}

static void have_supervised(unsigned index, int link_fd) {
        pid_t pid;
        int r;

        r = supervisor_start(index, link_fd, &pid);
        if (r < 0)
                log_warning_errno(r, "nbd%u: is attached, but nobody will look after its link: %m", index);
}

static int attach_to(const XnbdArguments *a, const XnbdServer *s, unsigned index) {
        _cleanup_(attached_done) Attached attached = { .fd = -EBADF };
        _cleanup_(export_uri_done) ExportUri uri = {};
        _cleanup_free_ char *text = NULL;
        bool for_ever = a->tries == 0 && a->n_servers == 1;
        int r;

        r = server_uri(a, s, &uri, &text);
        if (r == -ENOMEM)
                return log_oom();
        if (r < 0)
                return log_error_errno(r, "That is no server: address, port and name of the export make no URI.");

        r = attach_volume_keep(&(AttachOptions) {
                .index = index,
                .uri_text = text,
                .uri = &uri,
                .timeout = for_ever ? XNBD_FOR_EVER_USEC : MAX(a->tries * XNBD_TRY_USEC, NBD_TRY_TIMEOUT_USEC),
                .dead_timeout = NBD_DEAD_TIMEOUT_OTHER_SEC,
        }, &attached);
        if (r >= 0 && attached.fd >= 0)
                have_supervised(index, attached.fd);
        return r;
}

static int attach(const XnbdArguments *a) {
        _cleanup_(nbd_status_done) NbdStatus s = {};
        unsigned index;
        int r;

        r = open_status(a, &index, &s);
        if (r < 0)
                return r;
        /* Scripts call this in a loop until the device is attached, whoever did it. */
        if (nbd_status_attached(&s)) {
                log_info("nbd%u: attached already.", index);
                return 0;
        }

        /* With several servers "for ever" is one after the other, again and again. */
        for (;; sleep_usec(XNBD_TRY_USEC)) {
                r = -EINVAL;
                for (size_t i = 0; i < a->n_servers; i++) {
                        r = attach_to(a, a->servers + i, index);
                        if (r >= 0)
                                return 0;
                }
                if (a->tries > 0)
                        return r;
        }
}

static int print_size(const XnbdArguments *a) {
        int r = -EINVAL;

        for (size_t i = 0; i < a->n_servers; i++) {
                _cleanup_(export_uri_done) ExportUri uri = {};
                _cleanup_(nbd_export_done) NbdExport e = { .fd = -EBADF };
                _cleanup_free_ char *text = NULL, *reason = NULL;

                r = server_uri(a, a->servers + i, &uri, &text);
                if (r >= 0)
                        r = nbd_export_open(&uri, NBD_TRY_TIMEOUT_USEC, &e, &reason);
                if (r >= 0) {
                        printf("%llu\n", (unsigned long long) e.size);
                        return 0;
                }
                log_error("Cannot ask '%s': %s", text ?: "?", reason ?: strerror(-r));
        }

        return r;
}

int xnbd_client_applet(int argc, char *argv[]) {
        _cleanup_free_ char *reason = NULL;
        XnbdArguments a;
        int r;

        /* The supervisors that this program is as well have its name, for images to know them by. */
        if (argc > 1 && streq(argv[1], "supervise"))
                return nbd_applet(argc, argv);

        r = xnbd_arguments_parse(argc, argv, &a, &reason);
        if (r < 0) {
                log_error("%s.", reason ?: "Out of memory");
                return help(stderr, EXIT_FAILURE);
        }
        if (a.ignored)
                log_warning("There are no recovery commands any more, ignoring.");

        switch (a.action) {
        case XNBD_CHECK:
                return check(&a);
        case XNBD_DETACH:
                return detach(&a);
        case XNBD_FLUSH:
                return flush(&a);
        case XNBD_SIZE:
                return print_size(&a);
        case XNBD_HELP:
                return help(stdout, EXIT_SUCCESS);
        case XNBD_VERSION:
                puts("xnbd-client (scaleway-initrd " PROJECT_VERSION ", " BUILD_COMMIT ")");
                return 0;
        default:
                return attach(&a);
        }
}
