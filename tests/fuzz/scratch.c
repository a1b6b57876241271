/* SPDX-License-Identifier: MIT */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz.h"
#include "scratch.h"

#define EXIT_SKIP 77
#define OPEN_MAX_AT_ONCE 16

static char path[4096];

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *ftw) {
        return ftw->level > 0 ? remove(name) : 0;
}

void scratch_empty(const char *name) {
        require(nftw(name, remove_one, OPEN_MAX_AT_ONCE, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0);
}

static void clean_up(void) {
        scratch_empty(path);
        (void) rmdir(path);
}

const char *scratch_directory(void) {
        const char *above = getenv("TMPDIR");

        (void) snprintf(path, sizeof(path), "%s/fuzz-XXXXXX", above ? above : access("/dev/shm", W_OK) >= 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(path)) {
                perror(path);
                _exit(EXIT_SKIP);
        }
        (void) atexit(clean_up);

        return path;
}
