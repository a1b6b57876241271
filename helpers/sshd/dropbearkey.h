/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* dropbear's own program for its keys: what it makes and takes, the server takes, too. Both return 0, -ENOENT if the program is not
 * there, -EBADMSG if it refuses, with its last line in *ret_message (printable, to be freed, perhaps ""), or another negative errno
 * (*ret_message is NULL or to be freed). */

/* Makes an Ed25519 key at path, where there is no file. */
_must_check_ int dropbearkey_make(const char *path, char **ret_message);

/* "SHA256:…" of the Ed25519 key at path, to be freed. Refused is a file with another kind of key, too. */
_must_check_ int dropbearkey_fingerprint(const char *path, char **ret, char **ret_message);
