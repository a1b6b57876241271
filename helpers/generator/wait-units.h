/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"

/* What waits for a person: INITRD_PRE_SHELL=, INITRD_POST_SHELL=, INITRD_DROPBEAR=. */

/* True if there is a shell before anything else, so that "booted" is signalled before, and nothing after. */
bool pre_shell_waits(const Boot *b);

/* True if a person is waited for once the root is there, with INITRD_POST_SHELL= or INITRD_DROPBEAR=. To be called after sshd_settle(). */
bool person_is_waited_for(const Boot *b);

/* Settles b->sshd: the server is asked for, is in this image, and somebody could log in. Warns of what is not so. Returns 0 or -ENOMEM. */
_must_check_ int sshd_settle(Boot *b);

/* Has scaleway-boot.target want the units that are due. Returns 0 or a negative errno. */
_must_check_ int wait_units_write(const Boot *b);
