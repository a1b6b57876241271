/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>

#include "fd-util.h"
#include "nbd-use.h"
#include "string-util.h"

int nbd_device_in_use(unsigned index) {
        const char *dev = secure_getenv("SCALEWAY_DEV");
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = asprintf_to(&path, "%s/nbd%u", isempty(dev) ? "/dev" : dev, index);
        if (r < 0)
                return r;

        /* open(2): O_EXCL without O_CREAT is refused for what somebody has claimed. A whole disk is claimed with its partitions. */
        fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 || errno == ENOENT || errno == ENXIO || errno == ENODEV)
                return 0;
        return errno == EBUSY ? 1 : -errno;
}
