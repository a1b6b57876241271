/* SPDX-License-Identifier: MIT */
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <strings.h>

#include "bounds.h"
#include "fileio.h"
#include "string-util.h"
#include "verify.h"

#define SHA256_SIZE 32U

struct Verify {
        char *sha256;
        gnutls_hash_hd_t hash;
        gnutls_pubkey_t key;
        unsigned char *signature;
        size_t n_signature;
};

bool sha256_hex_is_valid(const char *hex) {
        return strlen(hex) == SHA256_HEX_LENGTH && strspn(hex, "0123456789abcdefABCDEF") == SHA256_HEX_LENGTH;
}

static int load_key(Verify *v, const char *path, Reason *reason) {
        _cleanup_free_ char *text = NULL;
        gnutls_datum_t pem;
        size_t n;
        int r;

        r = read_file(path, VERIFY_KEY_MAX, &text, &n);
        if (r < 0)
                return reason_set(reason, r, "Failed to read the public key '%s': %m", path);

        pem = (gnutls_datum_t) { .data = (unsigned char *) text, .size = (unsigned) n };
        if (gnutls_pubkey_init(&v->key) < 0)
                return reason_oom(reason);
        if (gnutls_pubkey_import(v->key, &pem, GNUTLS_X509_FMT_PEM) < 0)
                return reason_set(reason, EINVAL, "'%s' is no public key in PEM form (BEGIN PUBLIC KEY)", path);

        switch (gnutls_pubkey_get_pk_algorithm(v->key, NULL)) {
        case GNUTLS_PK_RSA:
        case GNUTLS_PK_ECDSA:
                return 0;
        default:
                return reason_set(reason, EINVAL, "The public key '%s' is neither RSA nor ECDSA", path);
        }
}

int verify_new(const char *sha256, const char *key_path, Reason *reason, Verify **ret) {
        _cleanup_(verify_freep) Verify *v = new0(Verify, 1);
        int r;

        assert(ret);

        if (!v || strdup_to(&v->sha256, sha256) < 0)
                return reason_oom(reason);
        /* Nothing to check, nothing to compute. */
        if ((sha256 || key_path) && gnutls_hash_init(&v->hash, GNUTLS_DIG_SHA256) < 0)
                return reason_oom(reason);
        if (key_path) {
                r = load_key(v, key_path, reason);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(v);
        return 0;
}

Verify *verify_free(Verify *v) {
        if (!v)
                return NULL;

        if (v->hash)
                gnutls_hash_deinit(v->hash, NULL);
        if (v->key)
                gnutls_pubkey_deinit(v->key);
        free(v->sha256);
        free(v->signature);
        return mfree(v);
}

int verify_set_signature(Verify *v, const void *signature, size_t n) {
        assert(!v->signature);

        v->signature = malloc(MAX(n, (size_t) 1));
        if (!v->signature)
                return -ENOMEM;
        memcpy(v->signature, signature, n);
        v->n_signature = n;
        return 0;
}

void verify_update(Verify *v, const void *data, size_t n) {
        if (v->hash)
                (void) gnutls_hash(v->hash, data, n);
}

void verify_restart(Verify *v) {
        unsigned char unused[SHA256_SIZE];

        /* Reading the result is what resets it. */
        if (v->hash)
                gnutls_hash_output(v->hash, unused);
}

static int check_signature(Verify *v, unsigned char *digest, Reason *reason) {
        gnutls_datum_t hash = { .data = digest, .size = SHA256_SIZE },
                       signature = { .data = v->signature, .size = (unsigned) v->n_signature };
        gnutls_sign_algorithm_t algorithm;

        algorithm = gnutls_pubkey_get_pk_algorithm(v->key, NULL) == GNUTLS_PK_RSA ? GNUTLS_SIGN_RSA_SHA256
                                                                                  : GNUTLS_SIGN_ECDSA_SHA256;
        if (!v->signature || gnutls_pubkey_verify_hash2(v->key, algorithm, 0, &hash, &signature) < 0)
                return reason_set(reason, EBADMSG,
                                  "The signature does not match: not signed with this key, or changed since");

        return 0;
}

int verify_finish(Verify *v, Reason *reason) {
        unsigned char digest[SHA256_SIZE];
        char hex[SHA256_HEX_LENGTH + 1];

        if (!v->hash)
                return 0;

        gnutls_hash_output(v->hash, digest);
        for (size_t i = 0; i < SHA256_SIZE; i++)
                (void) snprintf(hex + 2 * i, 3, "%02x", digest[i]);

        if (v->sha256 && strcasecmp(v->sha256, hex) != 0)
                return reason_set(reason, EBADMSG, "The checksum does not match: SHA-256 of the download is %s", hex);
        if (v->key)
                return check_signature(v, digest, reason);

        return 0;
}
