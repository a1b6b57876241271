/* SPDX-License-Identifier: MIT */
/* boot=rescue: a tar archive from a web server, unpacked into memory. */

#include <errno.h>

#include "image.h"
#include "log.h"
#include "mode.h"
#include "shipped-program.h"

#define UNIT "scaleway-rescue.service"

int mode_rescue_write(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        const char *advice = image_advice(b);
        int r;

        if (advice)
                return log_error_errno(EINVAL, "boot=rescue has no usable image: %s.", advice);
        r = mode_needs_streamer(b);
        if (r < 0)
                return r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        r = image_add(b, u);
        if (r < 0)
                return r;
        r = unit_file_write(u, b->unit_fd, UNIT ".d/" DROP_IN_NAME);
        if (r < 0)
                return r;

        return unit_link(b->unit_fd, "scaleway-root.target.requires/" UNIT, SHIPPED_UNITS "/" UNIT);
}
