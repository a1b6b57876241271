/* SPDX-License-Identifier: MIT */
#pragma once

#include "reboot-verb.h"
#include "time-util.h"

/* Processes that end the machine at the deadline (of exit_now()) if this one has not by then, and 5 s later by sysrq, if that did not help
 * either. In a PID namespace (a test) without sysrq, which would be the machine's. name is argv[0], which begins with '@' in them, so that nobody
 * ends them. Returns 0 or a negative errno. */
_must_check_ int exit_arm(RebootVerb v, usec_t deadline, char *name);

/* False in a namespace of a test, where what concerns the whole machine is left alone. Looks into /proc. */
bool in_first_pid_namespace(void);
