/* SPDX-License-Identifier: MIT */
#pragma once

#include "alloc-util.h"
#include "bounds.h"
#include "metadata.h"

/* Who may log in as root while the initrd has a server for ssh: the keys of the metadata (ssh_public_keys) and of server tags
 * (AUTHORIZED_KEY=ssh-ed25519_AAAA…, where an underscore stands for a blank). */
typedef struct SshKeys {
        char **keys; /* "TYPE BASE64", each once */
        size_t n_keys;
        char **problems; /* a line each, without a full stop: "ssh_public_keys[2] of the metadata is left out: it …" */
        size_t n_problems;
} SshKeys;

/* m may be NULL: no keys. Returns 0 or -ENOMEM. */
_must_check_ int ssh_keys_collect(const Metadata *m, SshKeys *ret);
void ssh_keys_done(SshKeys *k);
