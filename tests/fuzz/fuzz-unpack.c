/* SPDX-License-Identifier: MIT */
/* rows: C3 C6 */
/* The input is a whole archive, compressed or not. Whatever it is, nothing outside of the directory is touched, no more is written than
 * was allowed, and it ends. As root it also makes owners, devices and attributes, which are removed again. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "fileio.h"
#include "fuzz.h"
#include "scratch.h"
#include "string-util.h"
#include "tree-dir.h"
#include "unpack.h"

#define BUDGET (1U << 20)
#define ENTRIES_TESTED_MAX 64U
#define CANARY "canary\n"
#define OPEN_MAX_AT_ONCE 16
/* What a file system rounds up to, for each of the entries, and for parents that none of them names. */
#define SLACK (16U << 20)

static uint64_t n_seen, n_blocks;

static int count(const char *name, const struct stat *st, int type, struct FTW *ftw) {
        n_seen++;
        n_blocks += S_ISREG(st->st_mode) ? (uint64_t) st->st_blocks : 0;
        return 0;
}

static const char *directory = NULL;
static char *root, *canary;

static void set_up(void) {
        FILE *f;

        directory = scratch_directory();
        require(asprintf_to(&root, "%s/root", directory) >= 0 && asprintf_to(&canary, "%s/canary", directory) >= 0);
        f = fopen(canary, "we");

        require(f && fputs(CANARY, f) >= 0 && fclose(f) == 0);
}

/* Beside the directory there is what was there before, and that is as it was. */
static void check_outside(void) {
        _cleanup_free_ char *text = NULL;
        _cleanup_(closedirp) DIR *d = opendir(directory);
        struct dirent *e;
        struct stat st;
        unsigned n = 0;

        require(d);
        while ((e = readdir(d)))
                n += e->d_name[0] != '.';
        require(n == 2);
        require(lstat(canary, &st) >= 0 && S_ISREG(st.st_mode) && st.st_nlink == 1);
        require(read_file(canary, 64, &text, NULL) >= 0 && streq(text, CANARY));
}

static void check_inside(int r, const UnpackResult *result) {
        n_seen = n_blocks = 0;
        require(nftw(root, count, OPEN_MAX_AT_ONCE, FTW_PHYS | FTW_MOUNT) == 0);
        require(n_blocks * 512 <= BUDGET + SLACK);
        if (r >= 0)
                require(result->n_entries <= ENTRIES_TESTED_MAX && result->n_bytes <= BUDGET);
}

static void feed(Ring *ring, const uint8_t *data, size_t size) {
        while (size > 0) {
                size_t n = MIN(size, RING_BUFFER_SIZE);
                void *buffer;

                if (ring_take_empty(ring, &buffer) < 0)
                        break;
                memcpy(buffer, data, n);
                ring_put(ring, n);
                data += n;
                size -= n;
        }

        ring_close(ring, /* complete= */ true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_close_ int root_fd = -EBADF;
        Reason reason = REASON_INIT;
        UnpackResult result = {};
        Unpack *u = NULL;
        int r;

        if (!directory)
                set_up();
        require(mkdir(root, 0755) >= 0);
        root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        require(root_fd >= 0);

        require(unpack_start(root_fd, BUDGET, ENTRIES_TESTED_MAX, &reason, &u) >= 0);
        feed(unpack_ring(u), data, size);
        r = unpack_finish(u, &result);
        require(r >= 0 || !isempty(reason.text));
        check_outside();
        check_inside(r, &result);

        /* What the program does after a failure; it keeps lost+found, which mkfs makes. */
        require(tree_empty(root_fd) >= 0);
        scratch_empty(root);
        require(rmdir(root) >= 0);
        free(result.left_out);
        reason_done(&reason);
        return 0;
}
