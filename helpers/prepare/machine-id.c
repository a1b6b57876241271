/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "alloc-util.h"
#include "fd-util.h"
#include "log.h"
#include "root-file.h"
#include "steps.h"
#include "string-util.h"

#define MACHINE_ID "/etc/machine-id"
#define DBUS_DIRECTORY "/var/lib/dbus"
#define DBUS_MACHINE_ID DBUS_DIRECTORY "/machine-id"

/* Without blanks at its end. Returns as root_file_read_text(). */
static int read_id(const Root *root, const char *path, char **ret) {
        int r;

        r = root_file_read_text(root->fd, path, ret);
        if (r > 0)
                for (size_t n = strlen(*ret); n > 0 && strchr(" \t\r\n", (*ret)[n - 1]);)
                        (*ret)[--n] = '\0';

        return r;
}

static int write_id(const Root *root, const char *path, bool exists) {
        _cleanup_free_ char *line = NULL;
        int r;

        r = asprintf_to(&line, "%s\n", root->machine_id);
        if (r < 0)
                return r;
        r = root_file_write_text(root->fd, path, line, exists, 0444);
        if (r <= 0)
                return r;

        log_info("Wrote the server's id to %s.", path);
        return 0;
}

/* An empty /etc/machine-id is how images are shipped; without this each boot would draw another one, or all servers of one image
 * have that of its builder in D-Bus's file. One that is missing or "uninitialized" is left to systemd, for which that means a
 * first boot, machine-id(5). */
int set_machine_id(const Root *root) {
        _cleanup_free_ char *id = NULL, *dbus_id = NULL;
        _cleanup_close_ int dbus_fd = -EBADF;
        int r, exists;

        if (!root->machine_id)
                return 0;

        r = read_id(root, MACHINE_ID, &id);
        if (r < 0)
                return r;
        if (r > 0 && isempty(id)) {
                r = write_id(root, MACHINE_ID, /* exists= */ true);
                if (r < 0)
                        return r;
                free_and_replace_str(&id, strdup(root->machine_id));
                if (!id)
                        return -ENOMEM;
        }

        dbus_fd = root_directory_open(root->fd, DBUS_DIRECTORY);
        if (dbus_fd == -ENOENT || dbus_fd == -ENOTDIR)
                return 0;
        if (dbus_fd < 0)
                return dbus_fd;
        exists = read_id(root, DBUS_MACHINE_ID, &dbus_id);
        if (exists < 0)
                return exists;
        /* As the old initrd compared them: two that are missing are equal. Often one is a link to the other. */
        return streq(id, dbus_id) ? 0 : write_id(root, DBUS_MACHINE_ID, exists);
}
