/* SPDX-License-Identifier: MIT */
/* Kernel modules for a root that has none for this kernel, whatever the mode. Whether it has is known only when it is mounted:
 * the unit has a condition for that. */

#include <errno.h>

#include "drop-in.h"
#include "fetch-modules-unit.h"
#include "log.h"
#include "shipped-program.h"

#define UNIT "scaleway-fetch-modules.service"

int fetch_modules_write(const Boot *b) {
        const Options *o = b->options;
        int r;

        if (options_get_bool(o, OPTION_DONT_FETCH_KERNEL_MODULES) || !options_get_string(o, OPTION_MODULES_MIRROR))
                return 0;
        /* Who gives a checksum wants no modules that were not checked. */
        if (options_is_spoilt(o, OPTION_MODULES_SHA256)) {
                log_warning("No kernel modules are fetched: the checksum makes no sense.");
                return 0;
        }
        if (!streamer_is_there()) {
                /* The mirror of the build is no wish of this server's, and most of them have their modules. */
                if (options_origin(o, OPTION_MODULES_MIRROR) != ORIGIN_DEFAULT)
                        log_warning("modules_mirror= does nothing in the lean image, which downloads nothing; take the image that "
                                    "'dracut --add scaleway' makes.");
                return 0;
        }

        r = drop_in_write_options(o, UNIT, b->unit_fd, DROP_IN_NAME);
        if (r < 0)
                return r;

        return unit_link(b->unit_fd, "scaleway-boot.target.wants/" UNIT, SHIPPED_UNITS "/" UNIT);
}
