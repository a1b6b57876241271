/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* What is to become of the machine: the word that systemd-shutdown(8) and images call the way back with. */
typedef enum RebootVerb {
        REBOOT_HALT, /* what older images mean if they say nothing */
        REBOOT_KEXEC,
        REBOOT_POWEROFF,
        REBOOT_REBOOT,
        _REBOOT_VERB_MAX,
        _REBOOT_VERB_INVALID = -22,
} RebootVerb;

const char *reboot_verb_to_string(RebootVerb v);
RebootVerb reboot_verb_from_string(const char *s);

/* reboot(2), without another look at any disk. Where a kernel should be started and none is loaded it reboots. Returns only if the kernel does
 * not do it: a negative errno. */
int reboot_now(RebootVerb v);
