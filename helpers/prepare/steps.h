/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* What is done to the root file system, whose directory is root_fd, before it is switched to. Each step returns 0, also if
 * there was nothing to do, or a negative errno; none of them is worth a boot. */

/* Image and how full the root is, on the console. */
_must_check_ int show_image(int root_fd);

/* The directories that switch-root moves its mounts to, and the device nodes that an init without devtmpfs wants. */
_must_check_ int make_device_nodes(int root_fd);

/* Leases of dhclient that came with the image are those of another server; unless no-initrd-cleanup lies beside them. */
_must_check_ int remove_leases(int root_fd);

/* The EFI system partition of an image that was made for a local disk may not be there over NBD: no boot waits for it. */
_must_check_ int relax_efi(int root_fd);
