/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <unistd.h>

#include "streamer.h"

bool streamer_is_there(void) {
        const char *seam = secure_getenv("SCALEWAY_STREAM");

        return access(seam ?: PKGLIBDIR "/scaleway-stream", X_OK) >= 0;
}
