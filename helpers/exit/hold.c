/* SPDX-License-Identifier: MIT */
/* A shutdown begins with the first process, and it has to get as far as the mark for those who end a machine that hangs
 * (nbd/shutdown-watch.h). With the root gone it does if all that it runs and looks at up to there is in memory; but of a root the kernel
 * forgets what has not been used for long. So this process of the host's has it in its own memory, and locks that.
 *
 * An ordinary service, which is ended when a shutdown begins: by then the mark is there. So it holds no root that is to be unmounted or left. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "applet.h"
#include "bounds.h"
#include "fd-util.h"
#include "fileio.h"
#include "log.h"
#include "string-util.h"
#include "time-util.h"

/* A third of it all, and not needed to go down. */
#define NOT_HELD "libcrypto."

/* Where systemd looks for units, systemd.unit(5), but for /run. Before it believes that a unit is not there, it asks each of these whether it
 * has changed. */
static const char *const folders[] = {
        "/etc/systemd/system.control",   "/etc/systemd/system",     "/etc/systemd/system.attached",
        "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
};

typedef struct Part {
        void *data;
        size_t size;
} Part;

typedef struct Holding {
        Part parts[EXIT_PARTS_MAX];
        size_t n, bytes;
        int folder_fds[ELEMENTSOF(folders)];
} Holding;

/* A line of proc_pid_maps(5) for a part of a file that the process only reads or runs. */
typedef struct Range {
        unsigned long long begin, end, offset;
} Range;

static bool parse_range(const char *line, Range *ret) {
        unsigned long long inode;
        char permissions[5];
        const char *slash;
        Range r;

        if (sscanf(line, "%llx-%llx %4s %llx %*s %llu", &r.begin, &r.end, permissions, &r.offset, &inode) != 5)
                return false;
        if (inode == 0 || permissions[0] != 'r' || permissions[1] != '-' || r.end <= r.begin || r.end - r.begin > EXIT_HOLD_MAX)
                return false;

        slash = memrchr(line, '/', strcspn(line, "\n"));
        if (slash && startswith(slash + 1, NOT_HELD))
                return false;

        *ret = r;
        return true;
}

/* Takes all other lines out, as a heap that grows is no news. */
static void keep_files(char *maps) {
        char *to = maps;

        for (char *line = maps, *next; *line; line = next) {
                size_t n = strcspn(line, "\n");
                Range range;

                next = line + n + (line[n] == '\n');
                if (!parse_range(line, &range))
                        continue;
                memmove(to, line, (size_t) (next - line));
                to += next - line;
        }
        *to = '\0';
}

/* By the mapping and not by its name, which may be another file's by now. */
static int hold_range(Holding *h, const Range *range) {
        size_t size = (size_t) (range->end - range->begin);
        _cleanup_close_ int fd = -EBADF;
        char path[96];
        void *p;

        if (h->n == EXIT_PARTS_MAX || size > EXIT_HOLD_MAX - h->bytes)
                return -E2BIG;
        (void) snprintf(path, sizeof(path), "/proc/1/map_files/%llx-%llx", range->begin, range->end);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t) range->offset);
        if (p == MAP_FAILED)
                return -errno;

        h->parts[h->n++] = (Part){ p, size };
        h->bytes += size;
        return mlock(p, size) < 0 ? -errno : 0;
}

static void let_go(Holding *h) {
        for (size_t i = 0; i < h->n; i++)
                (void) munmap(h->parts[i].data, h->parts[i].size);
        h->n = h->bytes = 0;
        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                h->folder_fds[i] = safe_close(h->folder_fds[i]);
}

static void hold(Holding *h, const char *maps) {
        int r = 0;

        for (const char *line = maps; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                Range range;
                int k = parse_range(line, &range) ? hold_range(h, &range) : 0;

                if (k < 0)
                        r = k;
        }
        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                h->folder_fds[i] = open(folders[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (r < 0)
                log_warning_errno(r, "Not all that a shutdown begins with could be held in memory: %m");
        log_info("What a shutdown begins with is held in memory, %zu KiB of the root.", h->bytes / 1024);
}

/* What the first process runs: another program after an update of it. Returns 1 if *maps has changed. */
static int look(char **maps) {
        char *now = NULL;
        int r;

        r = read_file("/proc/1/maps", EXIT_MAPS_MAX, &now, NULL);
        if (r < 0)
                return r;
        keep_files(now);
        if (*maps && streq(*maps, now)) {
                free(now);
                return 0;
        }

        free_and_replace_str(maps, now);
        return 1;
}

int hold_applet(int argc, char *argv[]) {
        static Holding h = { .folder_fds = { [0 ... ELEMENTSOF(folders) - 1] = -EBADF } };
        _cleanup_free_ char *maps = NULL;
        int r;

        if (argc != 1) {
                log_error("%s takes no arguments.", argv[0]);
                return EXIT_FAILURE;
        }
        /* Its end is a part of the beginning of a shutdown, and must not need the root. */
        if (mlockall(MCL_CURRENT) < 0)
                log_warning_errno(errno, "Failed to lock the own memory, ignoring: %m");

        for (;; sleep_usec(EXIT_HOLD_LOOK_USEC)) {
                r = look(&maps);
                if (r < 0) {
                        log_error_errno(r, "Cannot see what the first process runs: %m");
                        return EXIT_FAILURE;
                }
                if (r > 0) {
                        let_go(&h);
                        hold(&h, maps);
                }
        }
}
