/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"

/* If a mirror of kernel modules is known, has scaleway-boot.target want the unit that fetches them for a root that has none.
 * Returns 0, or a negative errno. */
_must_check_ int fetch_modules_write(const Boot *b);
