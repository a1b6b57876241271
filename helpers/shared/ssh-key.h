/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"

/* A line of authorized_keys comes from the network, and whoever it names becomes root: what is not exactly a public key of a kind that
 * dropbear knows is none. */

/* Takes "TYPE BASE64 [COMMENT]" and returns 0 and "TYPE BASE64" in *ret, to be freed: the comment is any bytes, and nobody needs it.
 * Checked are the type, the base64, and that in it are a key of that very type and nothing else. Options before the type (command=,
 * from=) are refused: who restricts a key did not mean to give a root shell. Returns -EINVAL and why in *ret_reason, to end a sentence
 * "it …", not to be freed; -ENOMEM. */
_must_check_ int ssh_key_parse(const char *text, char **ret, const char **ret_reason);
