/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <libgen.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "live-device.h"
#include "string-util.h"

int live_device_size(int fd, uint64_t *ret_size, bool *ret_read_only) {
        int read_only = 0;
        struct stat st;
        uint64_t size;

        assert(ret_size);
        assert(ret_read_only);

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISBLK(st.st_mode))
                return -ENOTBLK;
        if (ioctl(fd, BLKGETSIZE64, &size) < 0 || ioctl(fd, BLKROGET, &read_only) < 0)
                return -errno;

        *ret_size = size;
        *ret_read_only = read_only;
        return 0;
}

int live_device_is_named_by_content(const char *path) {
        _cleanup_free_ char *copy = NULL, *directory = NULL;

        assert(path);

        copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        directory = realpath(dirname(copy), NULL);
        if (!directory)
                return -errno;

        return streq(directory, "/dev/disk/by-label") || streq(directory, "/dev/disk/by-uuid");
}
