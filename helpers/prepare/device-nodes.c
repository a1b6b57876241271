/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fd-util.h"
#include "root-file.h"
#include "steps.h"

/* Documentation/admin-guide/devices.txt of the kernel: memory devices are major 1, terminals 5. */
static const struct {
        const char *name;
        unsigned major, minor;
        mode_t mode;
} nodes[] = {
        { "console", 5, 1, 0600 },
        { "null",    1, 3, 0666 },
        { "zero",    1, 5, 0666 },
        { "ptmx",    5, 2, 0666 },
        { "tty",     5, 0, 0666 },
        { "random",  1, 8, 0666 },
        { "urandom", 1, 9, 0666 },
};

/* What is there stays as it is, whatever it is. */
static int make_node(int dev_fd, size_t i) {
        if (mknodat(dev_fd, nodes[i].name, S_IFCHR | nodes[i].mode, makedev(nodes[i].major, nodes[i].minor)) < 0)
                return errno == EEXIST ? 0 : -errno;
        /* Without what the umask took. Nobody else is there who could have put a link in its place. */
        if (fchmodat(dev_fd, nodes[i].name, nodes[i].mode, 0) < 0)
                return -errno;

        return 0;
}

int make_device_nodes(const Root *root) {
        static const char *const directories[] = { "dev", "proc", "run", "sys" };
        _cleanup_close_ int dev_fd = -EBADF;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (mkdirat(root->fd, directories[i], 0755) < 0 && errno != EEXIST)
                        return -errno;

        dev_fd = root_directory_open(root->fd, "/dev");
        if (dev_fd < 0)
                return dev_fd;
        for (size_t i = 0; i < ELEMENTSOF(nodes); i++) {
                r = make_node(dev_fd, i);
                if (r < 0)
                        return r;
        }

        return 0;
}
