/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"

/* Has scaleway-boot.target want scaleway-kexec.service, if another kernel is asked for and this is not yet the one.
 * What is wrong with the wish is a warning. Returns 0 or a negative errno. */
_must_check_ int kexec_write(const Boot *b);
