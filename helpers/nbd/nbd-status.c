/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "bounds.h"
#include "fd-util.h"
#include "fileio.h"
#include "nbd-status.h"
#include "parse-util.h"
#include "string-util.h"
#include "time-util.h"

#define SECTOR_SIZE 512U /* of sysfs, whatever the block size */

static int attribute_path(unsigned index, const char *name, char **ret) {
        const char *sys = secure_getenv("SCALEWAY_SYS");

        return asprintf_to(ret, "%s/block/nbd%u/%s", isempty(sys) ? "/sys" : sys, index, name);
}

/* Returns 1, or 0 if there is no such attribute. The newline at the end is cut off. */
static int read_attribute(unsigned index, const char *name, char **ret) {
        _cleanup_free_ char *path = NULL, *value = NULL;
        int r;

        r = attribute_path(index, name, &path);
        if (r < 0)
                return r;
        r = read_file(path, 4096, &value, NULL);
        /* ENODEV and ENXIO: the device goes away at this moment. */
        if (r == -ENOENT || r == -ENODEV || r == -ENXIO)
                return 0;
        if (r < 0)
                return r;

        value[strcspn(value, "\n")] = '\0';
        *ret = TAKE_PTR(value);
        return 1;
}

static int read_number(unsigned index, const char *name, uint64_t *ret) {
        _cleanup_free_ char *value = NULL;
        int r;

        *ret = 0;
        r = read_attribute(index, name, &value);
        return r <= 0 ? r : parse_uint64(value, ret);
}

int nbd_index_parse(const char *s, unsigned *ret) {
        const char *digits;
        unsigned index;
        int r;

        assert(s);
        assert(ret);

        digits = startswith(s, "/dev/nbd") ?: startswith(s, "nbd") ?: s;
        if (digits[0] == '0' && digits[1] != '\0')
                return -EINVAL;
        r = parse_unsigned(digits, &index);
        if (r < 0)
                return r;
        if (index > NBD_INDEX_MAX)
                return -ERANGE;

        *ret = index;
        return 0;
}

int nbd_status_read(unsigned index, NbdStatus *ret) {
        NbdStatus s = {};
        uint64_t sectors;
        int r;

        assert(ret);

        r = read_number(index, "pid", &s.pid);
        if (r < 0)
                return r;
        r = read_number(index, "size", &sectors);
        if (r < 0)
                return r;
        r = read_attribute(index, "backend", &s.backend);
        if (r < 0)
                return r;

        /* The attribute is there, and empty, also if the device was connected without one. */
        if (isempty(s.backend))
                s.backend = mfree(s.backend);

        s.size = sectors * SECTOR_SIZE;
        *ret = s;
        return 0;
}

void nbd_status_done(NbdStatus *s) {
        if (s)
                s->backend = mfree(s->backend);
}

int nbd_set_io_timeout(unsigned index, unsigned msec) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        char value[16];
        int r, k;

        r = attribute_path(index, "queue/io_timeout", &path);
        if (r < 0)
                return r;
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;

        k = snprintf(value, sizeof(value), "%u", msec);
        return write_all(fd, value, (size_t) k);
}

int nbd_wait_free(unsigned index) {
        usec_t deadline = now_usec() + NBD_FREE_TIMEOUT_USEC;

        for (;;) {
                NbdStatus s;
                bool is_free;
                int r;

                r = nbd_status_read(index, &s);
                if (r < 0)
                        return r;
                is_free = s.pid == 0;
                nbd_status_done(&s);

                if (is_free)
                        return 0;
                if (now_usec() >= deadline)
                        return -EBUSY;
                sleep_usec(NBD_POLL_PAUSE_USEC);
        }
}

int nbd_wait_ready(unsigned index) {
        usec_t deadline = now_usec() + NBD_READY_TIMEOUT_USEC;
        char node[sizeof("/dev/nbd") + 10];

        (void) snprintf(node, sizeof(node), "/dev/nbd%u", index);

        for (;;) {
                NbdStatus s;
                struct stat st;
                bool attached;
                int r;

                r = nbd_status_read(index, &s);
                if (r < 0)
                        return r;
                attached = nbd_status_attached(&s);
                nbd_status_done(&s);

                if (attached && stat(node, &st) >= 0 && S_ISBLK(st.st_mode))
                        return 0;
                if (now_usec() >= deadline)
                        return -ETIMEDOUT;

                /* CONNECT has nearly always done all of it before it returns; sysfs has no event to wait for. */
                sleep_usec(NBD_POLL_PAUSE_USEC);
        }
}
