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
#include "string-util.h"

#define DIRECTORY "systemd/system/"
#define FILE_NAME "/50-scaleway.conf"

/* ifdown takes the NIC down, and ifup is then on a disk that cannot be read: the server hangs for good. Debian's own script
 * for other init systems, /etc/init.d/networking, refuses with a root on /dev/nbd* or NFS; the unit forgot to. The DHCP client
 * is a process of the unit and would take the address along with it. */
static const char ifupdown_drop_in[] =
        "# Written by scaleway-network of the initrd: the root is behind the network, which ifdown would take away before\n"
        "# ifup is read from there. As in Debian's /etc/init.d/networking, a stop or restart leaves the NICs as they are.\n"
        "[Service]\n"
        "ExecStop=\n"
        "KillMode=process\n";

/* At shutdown networkd is stopped while the root is still in use, and gives its lease back: umount, the next program that systemd
 * wants to start, is then on a disk that cannot be read. From version 257 on it looks for _netdev (see network-utab.c). Versions
 * before know only NFS and the like as a root over the network; they understand SIGUSR2, which systemd sends for a restart, as
 * "stop and keep all", and the oldest die of it, which keeps all as well. */
static const char networkd_drop_in[] =
        "# Written by scaleway-network of the initrd: the root is behind the network. By this signal, which is that of a\n"
        "# restart, systemd-networkd leaves addresses and routes in place when it stops, whatever its settings.\n"
        "[Service]\n"
        "KillSignal=SIGUSR2\n"
        "SuccessExitStatus=SIGUSR2\n";

static const struct {
        const char *name, *drop_in;
} units[] = {
        { "networking.service",       ifupdown_drop_in },
        { "systemd-networkd.service", networkd_drop_in },
};

static bool root_has_unit(const char *name) {
        static const char *const directories[] = { "/usr/lib/systemd/system/", "/lib/systemd/system/" };
        _cleanup_close_ int root_fd = -EBADF;

        root_fd = open(sysroot_path(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return false;

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                _cleanup_free_ char *path = NULL;
                _cleanup_close_ int fd = -EBADF;

                if (asprintf_to(&path, "%s%s", directories[i], name) < 0)
                        return false;
                fd = chase_in_root(root_fd, path);
                if (fd >= 0)
                        return true;
        }

        return false;
}

static int write_drop_in(const char *unit, const char *drop_in) {
        _cleanup_free_ char *name = NULL, *directory = NULL, *path = NULL;
        int r;

        r = asprintf_to(&name, DIRECTORY "%s.d", unit);
        if (r >= 0)
                r = run_path(name, &directory);
        if (r >= 0)
                r = asprintf_to(&path, "%s" FILE_NAME, directory);
        if (r >= 0)
                r = mkdir_p(directory);
        if (r >= 0)
                r = write_file_atomic(path, drop_in, strlen(drop_in), 0644);

        return r;
}

int host_keep_network(size_t i, const char **ret_unit) {
        int r;

        assert(ret_unit);

        if (i >= ELEMENTSOF(units))
                return -ENOENT;

        *ret_unit = units[i].name;
        if (!root_has_unit(units[i].name))
                return 0;
        r = write_drop_in(units[i].name, units[i].drop_in);
        return r < 0 ? r : 1;
}
