/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"

/* Programs that the lean image is without: what it takes to read archives and to speak TLS would double it, the modules of NFS are a
 * sixth of it. */

bool streamer_is_there(void);
/* dropbear, and what prepares it. The former is in the image only where it is installed. */
bool sshd_is_there(void);

/* Both return 0, or -EINVAL after a message that the boot mode is not in this image, and which image has it. */
_must_check_ int mode_needs_streamer(const Boot *b);
_must_check_ int mode_needs_nfs(const Boot *b);
