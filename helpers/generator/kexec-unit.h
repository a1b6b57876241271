/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"

/* True if another kernel is started in place of the switch, unless something is wrong with its files. */
bool kexec_is_due(const Boot *b);

/* Has scaleway-boot.target want scaleway-kexec.service, if another kernel is asked for and this is not yet the one.
 * What is wrong with the wish is a warning. Returns 0 or a negative errno. */
_must_check_ int kexec_write(const Boot *b);
