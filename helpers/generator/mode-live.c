/* SPDX-License-Identifier: MIT */
/* boot=live: as boot=local, after a step that installs a tar archive on the volume if there is nothing on it. */

#include <errno.h>

#include "drop-in.h"
#include "image.h"
#include "mode.h"
#include "nbd-units.h"
#include "shipped-program.h"
#include "string-util.h"

#define CHECK "scaleway-live.service"
#define INSTALL "scaleway-install.service"
#define GROW "scaleway-grow.service"

/* Of the options: both units look at the volume, the second one right before it writes. */
static int add_options(const Boot *b, UnitFile *u) {
        int r;

        r = drop_in_add_value(u, b->options, OPTION_ROOT, "ROOT", b->root.device);
        if (r < 0)
                return r;
        /* The kernel before this one has installed it, in this very boot. */
        if (options_get_bool(b->options, OPTION_IS_IN_KEXEC))
                r = drop_in_add_value(u, b->options, OPTION_IS_IN_KEXEC, "LIVE_MODE", "auto");
        else if (options_origin(b->options, OPTION_LIVE_MODE) != ORIGIN_DEFAULT)
                r = drop_in_add_value(u, b->options, OPTION_LIVE_MODE, "LIVE_MODE", options_get_string(b->options, OPTION_LIVE_MODE));
        if (r >= 0 && options_origin(b->options, OPTION_LIVE_MKFS) != ORIGIN_DEFAULT)
                r = drop_in_add_value(u, b->options, OPTION_LIVE_MKFS, "LIVE_MKFS", options_get_string(b->options, OPTION_LIVE_MKFS));
        return r;
}

/* What the volume is like is not known yet. Only if it is empty it matters that there is no image. */
static int write_check(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        const char *advice = image_advice(b);
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        r = nbd_require_root(b, u);
        if (r < 0)
                return r;
        r = add_options(b, u);
        if (r < 0)
                return r;
        if (advice)
                unit_file_environment(u, "NO_IMAGE", advice);

        return unit_file_write(u, b->unit_fd, CHECK ".d/" DROP_IN_NAME);
}

/* Only there something is lost if the image cannot be had. The values stand in the environment of the unit. */
#define LOOK PKGLIBDIR "/scaleway-stream --check --signature=env:RESCUE_IMAGE_SIGNATURE --key=${RESCUE_IMAGE_KEY} env:RESCUE_IMAGE"

static bool overwrites(const Boot *b) {
        return streq_ptr(options_get_string(b->options, OPTION_LIVE_MODE), "install") && !options_get_bool(b->options, OPTION_IS_IN_KEXEC);
}

static int write_install(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        r = add_options(b, u);
        if (r < 0)
                return r;
        r = image_add(b, u);
        if (r < 0)
                return r;
        if (overwrites(b))
                unit_file_setting(u, "ExecStartPre", LOOK);

        return unit_file_write(u, b->unit_fd, INSTALL ".d/" DROP_IN_NAME);
}

static int write_order(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;

        unit_file_section(u, "Unit");
        unit_file_setting(u, "Requires", INSTALL);
        unit_file_setting(u, "After", INSTALL);
        return unit_file_write(u, b->unit_fd, "scaleway-local.service.d/60-live.conf");
}

int mode_live_write(const Boot *b) {
        int r;

        r = mode_needs_streamer(b);
        if (r < 0)
                return r;
        r = mode_local_write(b);
        if (r < 0)
                return r;
        r = write_check(b);
        if (r < 0)
                return r;
        r = write_install(b);
        if (r < 0)
                return r;
        r = write_order(b);
        if (r < 0)
                return r;

        if (!options_get_bool(b->options, OPTION_LIVE_GROW))
                return 0;
        return unit_link(b->unit_fd, "scaleway-boot.target.wants/" GROW, SHIPPED_UNITS "/" GROW);
}
