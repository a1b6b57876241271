/* SPDX-License-Identifier: MIT */
#pragma once

#include "root-probe.h"

/* An encrypted volume, LUKS1 or LUKS2, and its mapping, which is the device below /dev/mapper that has its content in the clear. */

/* The name of the mapping: that of wanted, which root= names ("/dev/mapper/NAME") and may be NULL, else luks-UUID, as dracut and
 * systemd name it. A logical volume's name is nobody else's. *ret is to be freed. Returns 0 or -ENOMEM. */
_must_check_ int root_luks_name(const RootProbe *probe, const char *wanted, char **ret);

/* The name of a mapping that the device at path has already, to be freed: 1. 0 if there is none. A negative errno. */
_must_check_ int root_luks_mapping(const char *path, char **ret);
