/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>

#include "bounds.h"
#include "exit-clock.h"
#include "exit-processes.h"
#include "exit-run.h"
#include "exit-volumes.h"
#include "fd-util.h"
#include "log.h"
#include "nbd-netlink.h"
#include "nfs-path.h"
#include "string-util.h"

static void read_volume(unsigned index, ExitVolume *v) {
        _cleanup_(nbd_status_done) NbdStatus s = {};
        _cleanup_(nbd_record_done) NbdRecord record = {};
        bool lost = v->lost;

        *v = (ExitVolume){ .lost = lost };
        v->attached = nbd_status_read(index, &s) >= 0 && s.pid > 0;
        if (!v->attached || nbd_record_read(index, &record) < 0)
                return;

        v->link = record.link;
        v->supervisor = nbd_record_is_supervised(&record) ? (pid_t) record.pid : 0;
        v->long_dead = record.link == NBD_LINK_DOWN && (uint64_t) time(NULL) >= record.since + EXIT_LONG_DEAD_SEC;
        v->has_path = record.has_path;
        v->path = record.path;
}

void volumes_read(ExitVolumes *v) {
        assert(v);

        for (unsigned i = 0; i <= NBD_INDEX_MAX; i++)
                read_volume(i, &v->nbd[i]);
        v->has_nfs = nfs_path_read(&v->nfs, NULL);
}

/* Whom the host's network reaches in another way than at boot is left alone, as long as it does. */
static void repair(const NetworkPath *p, const char *what, bool is_down) {
        int r;

        r = is_down ? 0 : network_path_is_usable(p);
        if (r > 0)
                return;
        if (r >= 0)
                r = network_path_repair(p);
        if (r < 0)
                log_error_errno(r, "%s: the way to the server by '%s' cannot be mended: %m", what, p->name);
        else if (r > 0)
                log_notice("%s: the way to the server by '%s' was gone, mended.", what, p->name);
}

void volumes_repair(ExitVolumes *v) {
        char name[sizeof("nbd") + 10];

        assert(v);

        for (unsigned i = 0; i <= NBD_INDEX_MAX; i++) {
                const ExitVolume *volume = &v->nbd[i];

                (void) snprintf(name, sizeof(name), "nbd%u", i);
                if (volume->attached && volume->has_path && !volume->lost)
                        repair(&volume->path, name, volume->link == NBD_LINK_DOWN);
        }
        if (v->has_nfs)
                repair(&v->nfs, "NFS", /* is_down= */ false);
}

static bool is_down(const ExitVolume *v) {
        return v->attached && !v->lost && v->link == NBD_LINK_DOWN;
}

bool volumes_one_is_down(const ExitVolumes *v) {
        assert(v);

        for (unsigned i = 0; i <= NBD_INDEX_MAX; i++)
                if (v->nbd[i].lost || is_down(&v->nbd[i]))
                        return true;

        return false;
}

static bool is_waited_for(const ExitVolume *v, bool long_dead) {
        return is_down(v) && v->supervisor > 0 && (long_dead || !v->long_dead);
}

void volumes_wait(ExitVolumes *v, usec_t deadline_long_dead, usec_t deadline) {
        usec_t next_repair = 0;

        for (;;) {
                usec_t now = exit_now();
                bool waiting = false;

                volumes_read(v);
                for (unsigned i = 0; i <= NBD_INDEX_MAX; i++)
                        waiting = waiting || is_waited_for(&v->nbd[i], now < deadline_long_dead);
                if (now >= next_repair) {
                        volumes_repair(v);
                        next_repair = now + EXIT_REPAIR_USEC;
                }
                if (!waiting || now >= deadline)
                        return;

                /* A file that another process replaces; inotify would need the same loop for the process's own end. */
                sleep_usec(EXIT_PAUSE_USEC);
        }
}

static int disconnect(void *data) {
        const unsigned *index = data;
        NbdNetlink *n;
        int r;

        r = nbd_netlink_open(&n);
        if (r < 0)
                return r;
        r = nbd_netlink_disconnect(n, *index);
        nbd_netlink_close(n);
        return r;
}

/* Without a supervisor, which would connect again what is disconnected while it is in use. */
static void end_connection(ExitVolume *v, unsigned index, usec_t deadline) {
        int r;

        processes_end_supervisor(v->supervisor);
        r = run_limited(disconnect, &index, MIN(deadline, exit_now() + EXIT_DISCONNECT_USEC));
        if (r < 0)
                log_error_errno(r, "nbd%u: the kernel does not disconnect it: %m", index);
}

unsigned volumes_give_up(ExitVolumes *v, usec_t deadline) {
        unsigned n = 0;

        assert(v);

        volumes_read(v);
        for (unsigned i = 0; i <= NBD_INDEX_MAX; i++) {
                if (!is_down(&v->nbd[i]))
                        continue;
                log_error("nbd%u: the server does not answer, going on without it; what was not yet written to it is "
                          "lost.",
                          i);
                end_connection(&v->nbd[i], i, deadline);
                v->nbd[i].lost = true;
                n++;
        }

        return n;
}

static int flush(void *data) {
        const unsigned *index = data;
        _cleanup_close_ int fd = -EBADF;
        char path[sizeof("/dev/nbd") + 10];

        (void) snprintf(path, sizeof(path), "/dev/nbd%u", *index);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        /* The pages of the device, then the server's own cache. */
        if (fsync(fd) < 0 || ioctl(fd, BLKFLSBUF, 0) < 0)
                return -errno;
        return 0;
}

void volumes_detach(ExitVolumes *v, usec_t deadline) {
        int r;

        assert(v);

        volumes_read(v);
        for (unsigned i = 0; i <= NBD_INDEX_MAX; i++) {
                if (!v->nbd[i].attached || v->nbd[i].lost)
                        continue;
                r = run_limited(flush, &i, MIN(deadline, exit_now() + EXIT_FLUSH_USEC));
                if (r < 0)
                        log_error_errno(r, "nbd%u: cannot write what is left: %m", i);
        }

        /* All at the end, and in a row: where a process of the old root is left, it has none from here on. */
        processes_stop_ancestors();
        for (unsigned i = NBD_INDEX_MAX + 1; i-- > 0;)
                if (v->nbd[i].attached && !v->nbd[i].lost)
                        end_connection(&v->nbd[i], i, deadline);
}
