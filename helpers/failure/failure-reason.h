/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Why the boot failed, one line that is safe to print: what the first program that failed left in
 * /run/scaleway/failure, else the units that systemd calls failed and why. *ret is to be freed. Returns 0 or
 * -ENOMEM; when nothing is known the line says so. */
_must_check_ int failure_reason(char **ret);
