/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <linux/raid/md_u.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "bounds.h"
#include "exit-arm.h"
#include "exit-clock.h"
#include "exit-devices.h"
#include "exit-run.h"
#include "fd-util.h"
#include "log.h"
#include "string-util.h"

#define SYS "/sys"
#define NAME_SIZE 64U

typedef struct Device {
        char name[NAME_SIZE];
        DeviceKind kind;
} Device;

static bool has_file(const char *sys, const char *name, const char *file) {
        char path[256];

        return (size_t) snprintf(path, sizeof(path), "%s/block/%s/%s", sys, name, file) < sizeof(path) && access(path, F_OK) >= 0;
}

static bool has_holders(const char *sys, const char *name) {
        _cleanup_(closedirp) DIR *d = NULL;
        char path[256];

        (void) snprintf(path, sizeof(path), "%s/block/%s/holders", sys, name);
        d = opendir(path);
        if (!d)
                return false;
        for (struct dirent *e; (e = readdir(d));)
                if (e->d_name[0] != '.')
                        return true;

        return false;
}

DeviceKind device_look(const char *sys, const char *name) {
        DeviceKind kind = _DEVICE_INVALID;

        assert(sys);
        assert(name);

        if (strlen(name) >= NAME_SIZE)
                return _DEVICE_INVALID;
        if (startswith(name, "loop") && has_file(sys, name, "loop/backing_file"))
                kind = DEVICE_LOOP;
        else if (startswith(name, "md") && has_file(sys, name, "md/array_state"))
                kind = DEVICE_ARRAY;

        return kind >= 0 && has_holders(sys, name) ? _DEVICE_INVALID : kind;
}

int device_stop(const char *name, DeviceKind kind) {
        _cleanup_close_ int fd = -EBADF;
        char path[sizeof("/dev/") + NAME_SIZE];

        assert(name);

        if ((size_t) snprintf(path, sizeof(path), "/dev/%s", name) >= sizeof(path))
                return -ENAMETOOLONG;
        for (char *p = path; (p = strchr(p, '!'));)
                *p = '/';
        /* Exclusively, as a loop device that is in use would be marked to end some time later. */
        fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        /* What was written to the device itself. */
        if (fsync(fd) < 0)
                return -errno;

        return ioctl(fd, kind == DEVICE_LOOP ? LOOP_CLR_FD : STOP_ARRAY, 0) < 0 ? -errno : 0;
}

static int stop(void *data) {
        const Device *d = data;

        return device_stop(d->name, d->kind);
}

static unsigned stop_round(usec_t deadline) {
        _cleanup_(closedirp) DIR *dir = opendir(SYS "/block");
        unsigned n = 0;

        if (!dir)
                return 0;
        for (struct dirent *e; (e = readdir(dir)) && exit_now() < deadline;) {
                Device d = { .kind = device_look(SYS, e->d_name) };
                int r;

                if (d.kind < 0)
                        continue;
                strcpy(d.name, e->d_name);
                r = run_limited(stop, &d, MIN(deadline, exit_now() + EXIT_STOP_USEC));
                if (r < 0)
                        log_debug_errno(r, "Cannot stop '%s': %m", d.name);
                else {
                        log_notice("Stopped '%s'.", d.name);
                        n++;
                }
        }

        return n;
}

unsigned devices_stop(usec_t deadline) {
        unsigned sum = 0;

        if (!in_first_pid_namespace())
                return 0;
        for (unsigned i = 0; i < EXIT_DEVICES_ROUNDS_MAX; i++) {
                unsigned n = stop_round(deadline);

                sum += n;
                if (n == 0)
                        break;
        }

        return sum;
}
