/* SPDX-License-Identifier: MIT */
/* boot=local: a file system on a device, which may have to be attached before. */

#include <errno.h>

#include "drop-in.h"
#include "mode.h"
#include "nbd-units.h"
#include "string-util.h"

static int write_unit(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        r = nbd_require_root(b, u);
        if (r < 0)
                return r;
        r = drop_in_add_value(u, b->options, OPTION_ROOT, "ROOT", b->root.device);
        if (r < 0)
                return r;
        if (b->root.volume)
                unit_file_environment(u, "VOLUME", b->root.volume);
        r = drop_in_add_options(u, b->options, "scaleway-local.service");
        if (r < 0)
                return r;
        r = drop_in_add_mount_options(u, b->options, "ROOTFLAGS", "rw");
        if (r < 0)
                return r;

        return unit_file_write(u, b->unit_fd, "scaleway-local.service.d/" DROP_IN_NAME);
}

int mode_local_write(const Boot *b) {
        int r;

        if (b->root.nbd >= 0) {
                r = nbd_write_root(b);
                if (r < 0)
                        return r;
        }
        r = write_unit(b);
        if (r < 0)
                return r;

        return unit_link(b->unit_fd, "scaleway-root.target.requires/scaleway-local.service",
                         SHIPPED_UNITS "/scaleway-local.service");
}
