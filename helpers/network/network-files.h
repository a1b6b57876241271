/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Removes from the directory (of networkd's files in /run) what systemd-network-generator and this initrd wrote
 * there, drop-in directories with it. *ret_n counts what was removed. Goes on after an error. Returns 0, also if
 * there is no such directory, or the first negative errno. */
_must_check_ int network_files_remove(const char *directory, unsigned *ret_n);
