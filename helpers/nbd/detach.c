/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>

#include "bounds.h"
#include "detach.h"
#include "log.h"
#include "nbd-control.h"
#include "nbd-netlink.h"
#include "nbd-record.h"
#include "nbd-status.h"
#include "nbd-use.h"

static void netlink_closep(NbdNetlink **n) {
        nbd_netlink_close(*n);
}

static void end_supervisor(unsigned index, int error) {
        _cleanup_(nbd_record_done) NbdRecord record = {};

        if (nbd_record_read(index, &record) < 0 || !nbd_record_is_supervised(&record))
                return;

        log_warning_errno(error, "nbd%u: its supervisor does not answer, ending it: %m", index);
        if (kill((pid_t) record.pid, SIGKILL) < 0)
                log_warning_errno(errno, "nbd%u: its supervisor cannot be ended, ignoring: %m", index);
}

static int check_use(unsigned index) {
        int r;

        r = nbd_device_in_use(index);
        if (r < 0)
                return log_error_errno(r, "Cannot detach nbd%u: whether it is in use cannot be found out: %m", index);
        if (r > 0)
                return log_error_errno(EBUSY, "nbd%u is in use, not detaching it: unmount what is on it, or say "
                                              "'/run/initramfs/usr/bin/scaleway-nbd detach --force %u'", index, index);
        return 0;
}

int detach_volume(unsigned index, bool force) {
        _cleanup_(netlink_closep) NbdNetlink *n = NULL;
        _cleanup_(nbd_status_done) NbdStatus s = {};
        int r;

        r = nbd_status_read(index, &s);
        if (r < 0)
                return log_error_errno(r, "Cannot detach nbd%u: sysfs cannot be read: %m", index);

        if (s.pid > 0) {
                r = force ? 0 : check_use(index);
                if (r < 0)
                        return r;
                /* A kernel of before 2025 would take a new connection for a device that is just being disconnected. */
                r = nbd_control_ask(index, "detach", NBD_DETACH_WAIT_USEC, NULL);
                if (r < 0 && r != -ENOENT)
                        end_supervisor(index, r);

                r = nbd_netlink_open(&n);
                if (r >= 0)
                        r = nbd_netlink_disconnect(n, index);
                /* EINVAL: the device has gone since. */
                if (r < 0 && r != -EINVAL)
                        return log_error_errno(r, "Cannot detach nbd%u: the kernel does not disconnect it: %m", index);
                if (nbd_wait_free(index) < 0)
                        log_warning("nbd%u: disconnected, but a program still has it open.", index);
        }

        r = nbd_record_remove(index);
        if (r < 0)
                log_warning_errno(r, "nbd%u: failed to remove the record of the volume, ignoring: %m", index);

        log_notice(s.pid > 0 ? "nbd%u: detached" : "nbd%u: not attached", index);
        return 0;
}

int detach_all_volumes(bool force) {
        int result = 0;

        for (unsigned i = 0; i <= NBD_INDEX_MAX; i++) {
                _cleanup_(nbd_status_done) NbdStatus s = {};
                int r;

                r = nbd_status_read(i, &s);
                if (r < 0)
                        r = log_error_errno(r, "Cannot detach nbd%u: sysfs cannot be read: %m", i);
                else if (nbd_status_attached(&s))
                        r = detach_volume(i, force);
                if (r < 0)
                        result = r;
        }

        return result;
}
