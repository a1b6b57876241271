/* SPDX-License-Identifier: MIT */
/* Units of single steps, for which one option or one line of the metadata decides. */

#include "step-units.h"
#include "drop-in.h"
#include "string-util.h"

/* A unit of scaleway-boot.target that is wanted in every boot, unless somebody wants it not to be. */
int clock_write(const Boot *b) {
        if (!options_get_bool(b->options, OPTION_NO_NTPDATE))
                return 0;

        return unit_link(b->unit_fd, "scaleway-clock.service", "/dev/null");
}

/* Of the C1 only, whose board wants it. A longer name is another server. */
int gpio_write(const Boot *b) {
        const char *type = b->metadata ? metadata_string(b->metadata, "commercial_type") : NULL;

        if (!streq_ptr(type, "C1") || options_get_bool(b->options, OPTION_SKIP_GPIO_SETUP))
                return 0;

        return unit_link(b->unit_fd, "scaleway-boot.target.wants/scaleway-gpio.service",
                         SHIPPED_UNITS "/scaleway-gpio.service");
}

int prepare_write(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        bool remote = b->mode->device && b->root.nbd >= 0;
        int n, r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        n = drop_in_add_options(u, b->options, "scaleway-prepare.service");
        if (n < 0)
                return n;
        /* What is only done to a root that comes over the network. */
        if (remote) {
                unit_file_section(u, "Service");
                unit_file_environment(u, "ROOT_ON_NBD", "yes");
        }

        return n > 0 || remote ? unit_file_write(u, b->unit_fd, "scaleway-prepare.service.d/" DROP_IN_NAME) : 0;
}
