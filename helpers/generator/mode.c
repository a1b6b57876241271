/* SPDX-License-Identifier: MIT */
#include "mode.h"
#include "string-util.h"

static const BootMode modes[] = {
        { "live",   .device = true, .network = true, .installs = true, .write = mode_live_write },
        { "local",  .device = true, .write = mode_local_write },
        { "nfs",    .network = true, .all_volumes = true, .write = mode_nfs_write },
        { "none",   .network = true, .all_volumes = true, .person = true, .write = mode_none_write },
        { "rescue", .network = true, .all_volumes = true, .memory = true, .write = mode_rescue_write },
};

static const BootMode *find_mode(const char *name) {
        assert(name);

        for (size_t i = 0; i < ELEMENTSOF(modes); i++)
                if (streq(modes[i].name, name))
                        return &modes[i];

        assert(!"a value of boot= without a mode");
        return modes;
}

int boot_mode_settle(Options *o, const BootMode **ret) {
        int r;

        assert(o);
        assert(ret);

        if (options_origin(o, OPTION_BOOT) == ORIGIN_DEFAULT &&
            streq_ptr(options_get_string(o, OPTION_ROOT), ROOT_NFS)) {
                r = options_set(o, OPTION_BOOT, "nfs", options_origin(o, OPTION_ROOT));
                if (r < 0)
                        return r;
        }

        *ret = find_mode(options_get_string(o, OPTION_BOOT));
        return 0;
}
