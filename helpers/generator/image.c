/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "drop-in.h"
#include "image.h"

/* That the option table names for the image's options; other units have the same variables. */
#define UNIT "scaleway-rescue.service"
#define KEY "/etc/scaleway/rescue-image.pem"

/* Other bad values are passed over. Who gives one of these wants no image that was not checked. */
static bool check_was_spoilt(const Boot *b) {
        return options_is_spoilt(b->options, OPTION_RESCUE_IMAGE_SHA256) ||
               options_is_spoilt(b->options, OPTION_RESCUE_IMAGE_SIGNATURE);
}

const char *image_advice(const Boot *b) {
        if (check_was_spoilt(b))
                return "correct rescue_image_sha256= or rescue_image_signature=";
        if (!options_get_string(b->options, OPTION_RESCUE_IMAGE))
                return "set rescue_image=URL on the command line or as a server tag";

        return NULL;
}

int image_add(const Boot *b, UnitFile *u) {
        int r;

        r = drop_in_add_options(u, b->options, UNIT);
        if (r < 0)
                return r;
        if (options_get_string(b->options, OPTION_RESCUE_IMAGE_SIGNATURE))
                unit_file_environment(u, "RESCUE_IMAGE_KEY", KEY);

        return 0;
}
