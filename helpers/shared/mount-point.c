/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "fd-util.h"
#include "mount-point.h"

int path_is_mount_point(const char *path) {
        _cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat here, above;
        struct statx x;

        if (fd < 0)
                return -errno;
        if (statx(fd, "", AT_EMPTY_PATH, 0, &x) >= 0 && (x.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT))
                return (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;

        if (fstat(fd, &here) < 0 || fstatat(fd, "..", &above, 0) < 0)
                return -errno;
        return here.st_dev != above.st_dev || here.st_ino == above.st_ino;
}
