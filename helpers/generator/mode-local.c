/* SPDX-License-Identifier: MIT */
/* boot=local: a file system on a device, which may have to be attached before. */

#include <errno.h>

#include "drop-in.h"
#include "mode.h"
#include "nbd-units.h"
#include "string-util.h"

/* "rw" first, so that rootflags= may say otherwise. */
static int mount_options(const Boot *b, char **ret) {
        const char *flags = options_get_string(b->options, OPTION_ROOTFLAGS);

        return asprintf_to(ret, "%s%s%s", options_get_bool(b->options, OPTION_RO) ? "ro" : "rw", flags ? "," : "",
                           flags ?: "");
}

static int add_mount_options(const Boot *b, UnitFile *u) {
        static const OptionId ids[] = { OPTION_RO, OPTION_RW, OPTION_ROOTFLAGS };
        _cleanup_free_ char *flags = NULL;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                _cleanup_free_ char *origin = NULL;

                if (options_origin(b->options, ids[i]) == ORIGIN_DEFAULT)
                        continue;
                r = options_describe(b->options, ids[i], &origin);
                if (r < 0)
                        return r;
                unit_file_comment(u, origin);
        }
        r = mount_options(b, &flags);
        if (r < 0)
                return r;

        unit_file_environment(u, "ROOTFLAGS", flags);
        return 0;
}

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
        r = drop_in_add_options(u, b->options, "scaleway-local.service");
        if (r < 0)
                return r;
        r = add_mount_options(b, u);
        if (r < 0)
                return r;

        return unit_file_write(u, b->unit_fd, "scaleway-local.service.d/" DROP_IN_NAME);
}

/* What is only done to a root that comes over the network. */
static int write_prepare(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        if (b->root.nbd < 0)
                return 0;
        r = unit_file_new(&u);
        if (r < 0)
                return r;

        unit_file_section(u, "Service");
        unit_file_environment(u, "ROOT_ON_NBD", "yes");
        return unit_file_write(u, b->unit_fd, "scaleway-prepare.service.d/" DROP_IN_NAME);
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
        r = write_prepare(b);
        if (r < 0)
                return r;

        return unit_link(b->unit_fd, "scaleway-root.target.requires/scaleway-local.service",
                         SHIPPED_UNITS "/scaleway-local.service");
}
