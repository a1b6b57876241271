/* SPDX-License-Identifier: MIT */
#pragma once

#include "time-util.h"

/* What is to become of the machine: the word that systemd-shutdown(8) and images call the way back with. */
typedef enum ExitVerb {
        EXIT_HALT, /* what older images mean if they say nothing */
        EXIT_KEXEC,
        EXIT_POWEROFF,
        EXIT_REBOOT,
        _EXIT_VERB_MAX,
        _EXIT_VERB_INVALID = -22,
} ExitVerb;

const char *exit_verb_to_string(ExitVerb v);
ExitVerb exit_verb_from_string(const char *s);

/* Does it, without another look at any disk. Of a kernel that should be started but is not loaded a reboot becomes.
 * Returns only if the kernel does not do it: a negative errno. */
int exit_reboot(ExitVerb v);

/* Processes that do it at the deadline (of now_usec()) if this one has not by then, and 5 s later by sysrq, if that did
 * not help either. In a PID namespace (a test) without sysrq, which would be the machine's. name is argv[0], which
 * begins with '@' in them, so that nobody ends them. Returns 0 or a negative errno. */
_must_check_ int exit_arm(ExitVerb v, usec_t deadline, char *name);
