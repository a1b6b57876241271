/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fd-util.h"
#include "root-file.h"
#include "steps.h"
#include "string-util.h"

static bool is_lease(const char *name) {
        return startswith(name, "dhclient.") && endswith(name, ".leases");
}

int remove_leases(const Root *root) {
        _cleanup_(closedirp) DIR *d = NULL;
        const struct dirent *entry;
        int fd;

        fd = root_directory_open(root->fd, "/var/lib/dhcp");
        if (fd == -ENOENT || fd == -ENOTDIR)
                return 0;
        if (fd < 0)
                return fd;
        d = fdopendir(fd);
        if (!d) {
                int error = -errno;

                safe_close(fd);
                return error;
        }
        if (faccessat(fd, "no-initrd-cleanup", F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                return 0;

        for (errno = 0; (entry = readdir(d)); errno = 0)
                if (is_lease(entry->d_name) && unlinkat(fd, entry->d_name, 0) < 0 && errno != ENOENT)
                        return -errno;

        return errno > 0 ? -errno : 0;
}
