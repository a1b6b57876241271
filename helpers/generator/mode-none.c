/* SPDX-License-Identifier: MIT */
/* boot=none: the root is a person's to mount. */

#include "mode.h"
#include "unit-file.h"

#define UNIT "scaleway-none.service"

int mode_none_write(const Boot *b) {
        return unit_link(b->unit_fd, "scaleway-root.target.requires/" UNIT, SHIPPED_UNITS "/" UNIT);
}
