/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"

/* Each boot mode has a file, and one function that has scaleway-root.target require the unit of the mode and writes that
 * unit's drop-ins. All return 0 or a negative errno; -EINVAL after a message that says what the mode lacks. */
_must_check_ int mode_live_write(const Boot *b);
_must_check_ int mode_local_write(const Boot *b);
_must_check_ int mode_nfs_write(const Boot *b);
_must_check_ int mode_none_write(const Boot *b);
_must_check_ int mode_rescue_write(const Boot *b);

/* The mode that boot= names. Without boot=, root=/dev/nfs stands for boot=nfs, which is then written to the options.
 * Returns 0 or -ENOMEM. */
_must_check_ int boot_mode_settle(Options *o, const BootMode **ret);
