/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "alloc-util.h"
#include "bounds.h"
#include "ssh-key.h"
#include "string-util.h"

#define BLANKS " \t"

/* The part of the blob that is left to be read. */
typedef struct Blob {
        const uint8_t *data;
        size_t size;
} Blob;

typedef struct KeyType {
        const char *name;
        bool (*check)(Blob *b, const struct KeyType *type);
        const char *curve; /* ECDSA: its name, and the size of an uncompressed point on it */
        size_t point_size;
} KeyType;

/* A string of RFC 4251: its length in four bytes, then so many. */
static bool read_string(Blob *b, Blob *ret) {
        uint32_t n;

        if (b->size < 4)
                return false;
        n = (uint32_t) b->data[0] << 24 | (uint32_t) b->data[1] << 16 | (uint32_t) b->data[2] << 8 | b->data[3];
        if (n > b->size - 4)
                return false;

        *ret = (Blob) { b->data + 4, n };
        b->data += 4 + n;
        b->size -= 4 + n;
        return true;
}

static bool read_equal(Blob *b, const char *expected) {
        Blob s;

        return read_string(b, &s) && s.size == strlen(expected) && memcmp(s.data, expected, s.size) == 0;
}

/* A positive number, without needless zeroes. */
static bool read_number(Blob *b, size_t *ret_bits) {
        Blob s;

        if (!read_string(b, &s) || s.size == 0 || (s.data[0] & 0x80))
                return false;
        if (s.data[0] == 0) {
                if (s.size < 2 || !(s.data[1] & 0x80))
                        return false;
                s.data++;
                s.size--;
        }

        *ret_bits = s.size * 8 - (size_t) (__builtin_clz(s.data[0]) - 24);
        return true;
}

static bool read_application(Blob *b) {
        Blob s;

        return read_string(b, &s) && s.size > 0 && s.size <= SSH_APPLICATION_MAX;
}

static bool check_rsa(Blob *b, const KeyType *type) {
        size_t exponent, modulus;

        return read_number(b, &exponent) && exponent >= 2 && exponent <= 64 && read_number(b, &modulus) &&
               modulus >= SSH_RSA_BITS_MIN && modulus <= SSH_RSA_BITS_MAX;
}

static bool check_ecdsa(Blob *b, const KeyType *type) {
        Blob point;

        return read_equal(b, type->curve) && read_string(b, &point) && point.size == type->point_size && point.data[0] == 4;
}

static bool check_ed25519(Blob *b, const KeyType *type) {
        Blob key;

        return read_string(b, &key) && key.size == 32;
}

static bool check_sk_ecdsa(Blob *b, const KeyType *type) {
        return check_ecdsa(b, type) && read_application(b);
}

static bool check_sk_ed25519(Blob *b, const KeyType *type) {
        return check_ed25519(b, type) && read_application(b);
}

static const KeyType key_types[] = {
        { "ssh-ed25519",                        check_ed25519,    NULL,       0   },
        { "ssh-rsa",                            check_rsa,        NULL,       0   },
        { "ecdsa-sha2-nistp256",                check_ecdsa,      "nistp256", 65  },
        { "ecdsa-sha2-nistp384",                check_ecdsa,      "nistp384", 97  },
        { "ecdsa-sha2-nistp521",                check_ecdsa,      "nistp521", 133 },
        { "sk-ssh-ed25519@openssh.com",         check_sk_ed25519, NULL,       0   },
        { "sk-ecdsa-sha2-nistp256@openssh.com", check_sk_ecdsa,   "nistp256", 65  },
};

static int digit_of(char c) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *p = c ? strchr(digits, c) : NULL;

        return p ? (int) (p - digits) : -1;
}

/* The n characters of text, which must be padded, and have no bits that mean nothing. Returns the bytes, to be freed, and how many
 * there are in *ret_size; -EINVAL; -ENOMEM. */
static int base64_decode(const char *text, size_t n, uint8_t **ret, size_t *ret_size) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t padding = 0, size = 0;

        if (n == 0 || n % 4 != 0)
                return -EINVAL;
        while (padding < 2 && text[n - 1 - padding] == '=')
                padding++;

        data = malloc(n / 4 * 3);
        if (!data)
                return -ENOMEM;
        for (size_t i = 0; i < n; i += 4) {
                size_t pad = i + 4 == n ? padding : 0;
                uint32_t bits = 0;

                for (size_t k = 0; k < 4; k++) {
                        int digit = k < 4 - pad ? digit_of(text[i + k]) : 0;

                        if (digit < 0)
                                return -EINVAL;
                        bits = bits << 6 | (uint32_t) digit;
                }
                if (bits & ((1U << (8 * pad)) - 1))
                        return -EINVAL;
                for (size_t k = 0; k < 3 - pad; k++)
                        data[size++] = (uint8_t) (bits >> (16 - 8 * k));
        }

        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

static const KeyType *find_type(const char *name, size_t n) {
        for (size_t i = 0; i < ELEMENTSOF(key_types); i++)
                if (strlen(key_types[i].name) == n && memcmp(key_types[i].name, name, n) == 0)
                        return key_types + i;

        return NULL;
}

int ssh_key_parse(const char *text, char **ret, const char **ret_reason) {
        _cleanup_free_ uint8_t *data = NULL;
        const char *base64;
        const KeyType *type;
        size_t n, size;
        Blob blob;
        int r;

        assert(text);
        assert(ret);
        assert(ret_reason);

        /* A blank at the end, and the end of a line, get in easily. */
        text += strspn(text, BLANKS);
        n = strcspn(text, BLANKS "\r\n");
        type = find_type(text, n);
        if (!type) {
                *ret_reason = "does not begin with ssh-ed25519, ecdsa-sha2-…, sk-… or ssh-rsa";
                return -EINVAL;
        }

        base64 = text + n + strspn(text + n, BLANKS);
        n = strcspn(base64, BLANKS "\r\n");
        if (n > SSH_KEY_TEXT_MAX) {
                *ret_reason = "is too long";
                return -EINVAL;
        }
        r = base64_decode(base64, n, &data, &size);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                *ret_reason = "is not in base64";
                return -EINVAL;
        }

        blob = (Blob) { data, size };
        if (!read_equal(&blob, type->name) || !type->check(&blob, type) || blob.size > 0) {
                *ret_reason = "is none of the kind that it says";
                return -EINVAL;
        }

        return asprintf_to(ret, "%s %.*s", type->name, (int) n, base64);
}
