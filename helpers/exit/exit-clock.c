/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "bounds.h"
#include "exit-clock.h"
#include "fileio.h"
#include "log.h"
#include "string-util.h"

static usec_t own_put_off = 0;
static usec_t *put_off = &own_put_off;

int exit_clock_open(void) {
        void *p = mmap(NULL, sizeof(*put_off), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                return -errno;
        put_off = p;
        return 0;
}

usec_t exit_now(void) {
        return now_usec() - __atomic_load_n(put_off, __ATOMIC_RELAXED);
}

/* KiB of pages that are to be written, and of those that are on their way. */
static int read_unwritten(const char *meminfo, uint64_t *ret) {
        static const char *const keys[] = { "\nDirty:", "\nWriteback:" };
        _cleanup_free_ char *text = NULL;
        uint64_t sum = 0;
        int r;

        r = read_file(meminfo, PROC_MEMINFO_MAX, &text, NULL);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                const char *p = strstr(text, keys[i]);
                unsigned long long n;

                if (!p || sscanf(p + strlen(keys[i]), "%llu", &n) != 1)
                        return -EBADMSG;
                sum += n;
        }

        *ret = sum;
        return 0;
}

void exit_clock_look(const char *meminfo, bool links_are_up, usec_t now) {
        static uint64_t lowest = 0;
        static usec_t since = 0; /* when it was that low; 0: not known */
        usec_t before = *put_off, after = before, progress;
        uint64_t left;

        assert(meminfo);

        if (!links_are_up || read_unwritten(meminfo, &left) < 0) {
                since = 0;
                return;
        }
        if (since > 0 && left + EXIT_PROGRESS_KIB > lowest)
                return;

        progress = since > 0 ? MIN(now - since, EXIT_PROGRESS_USEC) : 0;
        after += MIN(progress, EXIT_CLOCK_MAX_USEC - before);
        lowest = left;
        since = now;
        __atomic_store_n(put_off, after, __ATOMIC_RELAXED);
        if (before < EXIT_TELL_USEC && after >= EXIT_TELL_USEC)
                log_notice("What is not yet written, %llu MiB, is being written: up to %llu minutes are given to that.",
                           (unsigned long long) (left >> 10), (unsigned long long) (EXIT_CLOCK_MAX_USEC / USEC_PER_SEC / 60));
}
