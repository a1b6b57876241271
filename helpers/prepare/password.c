/* SPDX-License-Identifier: MIT */
#include <crypt.h>
#include <errno.h>
#include <fcntl.h>

#include "alloc-util.h"
#include "bounds.h"
#include "fd-util.h"
#include "password.h"
#include "poll-util.h"
#include "random-util.h"
#include "string-util.h"

#define SALT_SIZE 16U

/* Without those that a person mixes up: 56 of them, so 16 are 92 bits. */
static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";

#define N_ALPHABET (sizeof(alphabet) - 1)
/* Above the largest multiple the letters at the beginning would come more often. */
#define UNBIASED_MAX (256U - 256U % N_ALPHABET)

/* n is at most 256. */
static int secret_bytes(void *p, size_t n) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = random_bytes(p, n);
        if (r != -EAGAIN)
                return r;

        /* Readable when the kernel has enough for good: random(4). */
        fd = open("/dev/random", O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        (void) poll_readable(fd, now_usec() + PASSWORD_WAIT_USEC);

        r = random_bytes(p, n);
        return r == -EAGAIN ? -ETIMEDOUT : r;
}

int password_make(char ret[static PASSWORD_LENGTH + 1]) {
        unsigned char bytes[64];
        size_t n = 0;
        int r = 0;

        while (n < PASSWORD_LENGTH) {
                r = secret_bytes(bytes, sizeof(bytes));
                if (r < 0)
                        break;
                for (size_t i = 0; i < sizeof(bytes) && n < PASSWORD_LENGTH; i++)
                        if (bytes[i] < UNBIASED_MAX)
                                ret[n++] = alphabet[bytes[i] % N_ALPHABET];
        }
        ret[n] = '\0';

        explicit_bzero(bytes, sizeof(bytes));
        return r;
}

const char *password_prefix(const char *method) {
        static const struct {
                const char *method, *prefix;
        } known[] = {
                {"YESCRYPT", "$y$" },
                { "SHA512",  "$6$" },
                { "SHA256",  "$5$" },
                { "BCRYPT",  "$2b$"},
        };

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (streq(known[i].method, method))
                        return known[i].prefix;

        return NULL;
}

int password_hash(const char *password, const char *prefix, char **ret) {
        char salt[SALT_SIZE], setting[CRYPT_GENSALT_OUTPUT_SIZE];
        struct crypt_data *data;
        const char *hash;
        int r;

        assert(password);
        assert(prefix);
        assert(ret);

        r = secret_bytes(salt, sizeof(salt));
        if (r < 0)
                return r;
        /* count: as hard as the method is by default. */
        if (!crypt_gensalt_rn(prefix, /* count= */ 0, salt, sizeof(salt), setting, sizeof(setting)))
                return errno > 0 ? -errno : -EINVAL;

        data = new0(struct crypt_data, 1);
        if (!data)
                return -ENOMEM;
        hash = crypt_r(password, setting, data);
        /* A failure is a string that is no hash: crypt(3). */
        r = hash && hash[0] != '*' ? strdup_to(ret, hash) : errno > 0 ? -errno : -EINVAL;

        explicit_bzero(data, sizeof(*data));
        free(data);
        return r;
}
