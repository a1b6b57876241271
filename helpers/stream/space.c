/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/statfs.h>

#include "bounds.h"
#include "fileio.h"
#include "parse-util.h"
#include "space.h"
#include "string-util.h"

#define RESERVE ((uint64_t) 64 << 20)

/* Value of a line "Key:    123 kB" of /proc/meminfo, bytes; 0 if there is none. */
static uint64_t meminfo_value(const char *text, const char *key) {
        const char *line = strstr(text, key);
        _cleanup_free_ char *digits = NULL;
        uint64_t n;

        if (!line)
                return 0;
        line += strlen(key);
        line += strspn(line, " \t");
        digits = strndup(line, strspn(line, "0123456789"));
        if (!digits || parse_uint64(digits, &n) < 0 || n > UINT64_MAX / 1024)
                return 0;

        return n * 1024;
}

/* UINT64_MAX if it is not known. */
static uint64_t memory_left(void) {
        _cleanup_free_ char *text = NULL;
        uint64_t n;

        if (read_file("/proc/meminfo", PROC_MEMINFO_MAX, &text, NULL) < 0)
                return UINT64_MAX;

        n = meminfo_value(text, "MemAvailable:") + meminfo_value(text, "SwapFree:");
        return n > RESERVE ? n - RESERVE : 0;
}

int space_look(int dir_fd, Space *ret) {
        struct statfs st;
        Space space = {};

        assert(ret);

        if (fstatfs(dir_fd, &st) < 0)
                return -errno;

        space.free = (uint64_t) st.f_bavail * (uint64_t) st.f_bsize;
        space.in_memory = st.f_type == TMPFS_MAGIC || st.f_type == RAMFS_MAGIC;
        if (space.in_memory) {
                uint64_t memory = memory_left();

                /* No blocks: a tmpfs or ramfs without a limit of its own. */
                if (st.f_blocks == 0)
                        space.free = UINT64_MAX;
                space.short_of_memory = memory < space.free;
                space.free = MIN(space.free, memory);
        }

        *ret = space;
        return 0;
}

char *format_size(uint64_t n) {
        static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB", "PB", "EB" };
        double value = (double) n;
        char *text;
        size_t i;

        for (i = 0; value >= 999.95 && i + 1 < ELEMENTSOF(units); i++)
                value /= 1000;

        if (asprintf_to(&text, i == 0 ? "%.0f %s" : "%.1f %s", value, units[i]) < 0)
                return NULL;
        return text;
}
