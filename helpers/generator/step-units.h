/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"

/* Each decides for one step of the boot whether it is due, and how. All return 0 or a negative errno. */
_must_check_ int clock_write(const Boot *b);
_must_check_ int gpio_write(const Boot *b);
_must_check_ int prepare_write(const Boot *b);
