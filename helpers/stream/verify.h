/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "reason.h"

/* Checks the bytes as they were downloaded, while they come in. */
typedef struct Verify Verify;

#define SHA256_HEX_LENGTH 64U

/* hex: 64 digits, either case. */
bool sha256_hex_is_valid(const char *hex);

/* sha256 (hex digits) and key_path (PEM file with a public key, RSA or ECDSA) may each be NULL. Returns 0, or an error
 * after reason_set(). */
_must_check_ int verify_new(const char *sha256, const char *key_path, Reason *reason, Verify **ret);
Verify *verify_free(Verify *v);
DEFINE_TRIVIAL_CLEANUP_FUNC(Verify *, verify_free)

/* The signature, as "openssl dgst -sha256 -sign" writes it. It is copied. 0 or -ENOMEM. */
_must_check_ int verify_set_signature(Verify *v, const void *signature, size_t n);

/* The next n bytes. */
void verify_update(Verify *v, const void *data, size_t n);
/* Forgets all bytes: the download begins again. */
void verify_restart(Verify *v);

/* All bytes have been there. Returns 0, or -EBADMSG after reason_set(). */
_must_check_ int verify_finish(Verify *v, Reason *reason);
