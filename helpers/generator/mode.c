/* SPDX-License-Identifier: MIT */
#include "mode.h"
#include "string-util.h"

static const BootMode modes[] = {
        { "live",   .device = true, .network = true, .installs = true, .write = mode_live_write },
        { "local",  .device = true, .write = mode_local_write },
        { "none", .network = true, .all_volumes = true, .person = true, .write = mode_none_write },
        { "rescue", .network = true, .all_volumes = true, .write = mode_rescue_write },
};

const BootMode *boot_mode(const char *name) {
        assert(name);

        for (size_t i = 0; i < ELEMENTSOF(modes); i++)
                if (streq(modes[i].name, name))
                        return &modes[i];

        assert(!"a value of boot= without a mode");
        return modes;
}
