/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <time.h>

#include "time-util.h"

usec_t now_usec(void) {
        struct timespec ts;
        int r;

        r = clock_gettime(CLOCK_BOOTTIME, &ts);
        assert(r == 0);
        (void) r;

        return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / 1000;
}

void sleep_usec(usec_t usec) {
        struct timespec ts = {
                .tv_sec = (time_t) (usec / USEC_PER_SEC),
                .tv_nsec = (long) (usec % USEC_PER_SEC) * 1000,
        };

        while (clock_nanosleep(CLOCK_BOOTTIME, 0, &ts, &ts) == EINTR)
                ;
}
