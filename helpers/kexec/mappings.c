/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fd-util.h"
#include "mappings.h"

#define CONTROL "/dev/mapper/control"

int mappings_remove(void) {
        struct dm_ioctl arguments = {
                .version = { DM_VERSION_MAJOR, 0, 0 },
                .data_size = sizeof(arguments),
        };
        _cleanup_close_ int fd = -EBADF;

        /* To open the node would load the driver; what it makes is there only if it is loaded. */
        if (access("/sys/module/dm_mod", F_OK) < 0)
                return 0;
        fd = open(CONTROL, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        /* It begins again after each one that it has removed, so the volume goes, then what it lies on. */
        if (ioctl(fd, DM_REMOVE_ALL, &arguments) < 0)
                return -errno;

        return 0;
}
