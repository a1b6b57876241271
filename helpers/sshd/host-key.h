/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Where the key is kept on the root, for the next boot. Not among the host's own: it is the initrd's, and who has it can pretend to be it. */
#define HOST_KEY_DIRECTORY "/var/lib/scaleway"
#define HOST_KEY_NAME "initrd-ssh-host-key"

/* Puts the server's host key at path: the one that is kept on the root whose directory is root_fd, else a new one, which is then kept
 * there. root_fd may be negative: there is no root yet. What is on the root and no such key, or not root's alone, is passed over with a
 * warning, and replaced. *ret_fingerprint is to be freed. Logs; returns 0 or a negative errno if there is no key. */
_must_check_ int host_key_settle(int root_fd, const char *path, char **ret_fingerprint);
