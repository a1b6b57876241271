/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "alloc-util.h"
#include "chase.h"
#include "fd-util.h"
#include "fileio.h"
#include "network-host.h"
#include "paths.h"

#define UNIT "networking.service"
#define DIRECTORY "systemd/system/" UNIT ".d"
#define FILE_NAME "50-scaleway.conf"

/* ifdown takes the NIC down, and ifup is then on a disk that cannot be read: the server hangs for good. Debian's own script
 * for other init systems, /etc/init.d/networking, refuses with a root on /dev/nbd* or NFS; the unit forgot to. The DHCP client
 * is a process of the unit and would take the address along with it. */
static const char drop_in[] =
        "# Written by scaleway-network of the initrd: the root is behind the network, which ifdown would take away before\n"
        "# ifup is read from there. As in Debian's /etc/init.d/networking, a stop or restart leaves the NICs as they are.\n"
        "[Service]\n"
        "ExecStop=\n"
        "KillMode=process\n";

static bool root_has_unit(void) {
        static const char *const paths[] = { "/usr/lib/systemd/system/" UNIT, "/lib/systemd/system/" UNIT };
        _cleanup_close_ int root_fd = -EBADF;

        root_fd = open(sysroot_path(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return false;

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_close_ int fd = chase_in_root(root_fd, paths[i]);

                if (fd >= 0)
                        return true;
        }

        return false;
}

int host_keep_ifupdown(void) {
        _cleanup_free_ char *directory = NULL, *path = NULL;
        int r;

        if (!root_has_unit())
                return 0;
        r = run_path(DIRECTORY, &directory);
        if (r < 0)
                return r;
        r = run_path(DIRECTORY "/" FILE_NAME, &path);
        if (r < 0)
                return r;
        r = mkdir_p(directory);
        if (r < 0)
                return r;
        r = write_file_atomic(path, drop_in, strlen(drop_in), 0644);
        return r < 0 ? r : 1;
}
