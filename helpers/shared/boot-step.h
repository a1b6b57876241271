/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"
#include "time-util.h"

/* A step at which the boot waits for a person, wherever they are: at the console, or logged in by ssh. */

/* For shells that begin from now on: name for their prompt ("post-shell# "; letters, digits, '-' and '=' only), text for who logs in.
 * The boot does without either, so it does not matter if they cannot be written. */
void boot_step_show(const char *name, const char *text);
void boot_step_hide(void);

/* From now on continue-boot(1) succeeds, if need be only when something is mounted on /sysroot. Whoever waits is alone: of two that do the
 * later one is called. Returns a descriptor that gets readable with each call, the caller's, or a negative errno. */
_must_check_ int boot_step_open(bool needs_root);
/* The call was taken notice of; there may be another one. */
void boot_step_forget_call(int fd);
/* Waits for a call until the time deadline, USEC_INFINITY: as long as it takes. True if there was one. */
bool boot_step_wait(int fd, usec_t deadline);
/* Closes it; nothing waits any more. Returns -EBADF. */
int boot_step_close(int fd);

/* The other end, of continue-boot(1). -ENXIO if nothing waits, -ENOENT if it waits for a root that is not there, or another negative
 * errno. */
_must_check_ int boot_step_call(void);
