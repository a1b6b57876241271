/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "random-util.h"
#include "time-util.h"

/* The system call itself: since version 2.41 the C library keeps numbers of its own, out of sight of strace, by which
 * tests see to it that there are none. */
static int get_random(void *p, size_t n, unsigned flags) {
        long k = syscall(SYS_getrandom, p, n, flags);

        if (k < 0)
                return -errno;

        return (size_t) k == n ? 0 : -EAGAIN;
}

int random_bytes(void *p, size_t n) {
        assert(p);
        assert(n <= 256);

        return get_random(p, n, GRND_NONBLOCK);
}

uint64_t random_number(void) {
        /* Linux before 5.6 does not know GRND_INSECURE, and without it there may be nothing yet so early in a boot. */
        static const unsigned flags[] = { GRND_NONBLOCK | GRND_INSECURE, GRND_NONBLOCK };
        uint64_t number;

        for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                if (get_random(&number, sizeof(number), flags[i]) >= 0)
                        return number;

        return (now_usec() ^ (uint64_t) getpid() << 40) * UINT64_C(0x9e3779b97f4a7c15);
}
