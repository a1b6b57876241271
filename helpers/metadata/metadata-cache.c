/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fileio.h"
#include "metadata-cache.h"
#include "metadata-flatten.h"
#include "paths.h"
#include "string-util.h"

static int write_below_run(const char *name, const char *data, size_t size, char **ret_path) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = run_path(name, &path);
        if (r < 0)
                return r;

        r = write_file_atomic(path, data, size, 0644);
        if (r < 0)
                *ret_path = TAKE_PTR(path);
        return r;
}

/* Images of before 2016 read /run/oc-metadata.cache. */
static int write_link(char **ret_path) {
        _cleanup_free_ char *path = NULL, *temporary = NULL;
        char target[sizeof(RUN_METADATA_CACHE) + 1];
        ssize_t n;
        int r;

        r = run_path(RUN_METADATA_CACHE_LINK, &path);
        if (r < 0)
                return r;

        n = readlink(path, target, sizeof(target));
        if (n == (ssize_t) strlen(RUN_METADATA_CACHE) && memcmp(target, RUN_METADATA_CACHE, (size_t) n) == 0)
                return 0;

        r = asprintf_to(&temporary, "%s.%i", path, (int) getpid());
        if (r < 0)
                return r;
        (void) unlink(temporary);
        if (symlink(RUN_METADATA_CACHE, temporary) < 0)
                r = -errno;
        else if (rename(temporary, path) < 0) {
                r = -errno;
                (void) unlink(temporary);
        }
        if (r < 0)
                *ret_path = TAKE_PTR(path);

        return r;
}

static int write_json(const Fetched *f, char **ret_path) {
        _cleanup_free_ char *directory = NULL, *line = NULL;
        int r;

        r = run_path("scaleway", &directory);
        if (r < 0)
                return r;
        r = mkdir_p(directory);
        if (r < 0) {
                *ret_path = TAKE_PTR(directory);
                return r;
        }

        r = write_below_run(RUN_METADATA_JSON, f->json, f->json_size, ret_path);
        if (r < 0 || !f->address)
                return r;

        r = asprintf_to(&line, "%s\n", f->address);
        if (r < 0)
                return r;
        return write_below_run(RUN_METADATA_ADDRESS, line, strlen(line), ret_path);
}

int metadata_cache_write(const Fetched *f, char **ret_path) {
        int r;

        assert(f);
        assert(ret_path);

        *ret_path = NULL;
        if (f->json) {
                r = write_json(f, ret_path);
                if (r < 0)
                        return r;
        }

        r = write_below_run(RUN_METADATA_CACHE, f->text, strlen(f->text), ret_path);
        if (r < 0)
                return r;

        return write_link(ret_path);
}

int metadata_cache_read(char **ret) {
        _cleanup_free_ char *path = NULL;
        struct stat st;
        int r;

        assert(ret);

        r = run_path(RUN_METADATA_CACHE, &path);
        if (r < 0)
                return r;
        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
                return 0;

        r = read_file(path, METADATA_TEXT_MAX, ret, NULL);
        return r < 0 ? r : 1;
}
