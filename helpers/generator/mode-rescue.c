/* SPDX-License-Identifier: MIT */
/* boot=rescue: a tar archive from a web server, unpacked into memory. */

#include <errno.h>

#include "drop-in.h"
#include "log.h"
#include "mode.h"
#include "streamer.h"
#include "string-util.h"

#define UNIT "scaleway-rescue.service"
#define KEY "/etc/scaleway/rescue-image.pem"

/* Other bad values are passed over. Who gives one of these wants no image that was not checked. */
static bool check_was_spoilt(const Boot *b) {
        return options_is_spoilt(b->options, OPTION_RESCUE_IMAGE_SHA256) ||
               options_is_spoilt(b->options, OPTION_RESCUE_IMAGE_SIGNATURE);
}

int mode_rescue_write(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        if (check_was_spoilt(b))
                return log_error_errno(EINVAL, "The rescue image cannot be checked: correct rescue_image_sha256= or "
                                               "rescue_image_signature=.");
        if (!options_get_string(b->options, OPTION_RESCUE_IMAGE))
                return log_error_errno(EINVAL, "boot=rescue lacks an image: set rescue_image=URL on the command line or "
                                               "as a server tag.");
        if (!streamer_is_there())
                return log_error_errno(EINVAL, "boot=rescue is not in this image: take the one that 'dracut --add scaleway' "
                                               "makes, not the lean one.");

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        r = drop_in_add_options(u, b->options, UNIT);
        if (r < 0)
                return r;
        if (options_get_string(b->options, OPTION_RESCUE_IMAGE_SIGNATURE))
                unit_file_environment(u, "RESCUE_IMAGE_KEY", KEY);
        r = unit_file_write(u, b->unit_fd, UNIT ".d/" DROP_IN_NAME);
        if (r < 0)
                return r;

        return unit_link(b->unit_fd, "scaleway-root.target.requires/" UNIT, SHIPPED_UNITS "/" UNIT);
}
