/* SPDX-License-Identifier: MIT */
/* Feeds every file of the folders (or files) given as arguments to the harness: the corpus, replayed by "meson test". */
#include <dirent.h>
#include <stdio.h>

#include "alloc-util.h"
#include "fd-util.h"
#include "fileio.h"
#include "fuzz.h"
#include "string-util.h"

#define SAMPLE_MAX (16U << 20)

static int replay(const char *path) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = read_file(path, SAMPLE_MAX, &data, &size);
        if (r < 0)
                return r;

        fprintf(stderr, "%s (%zu bytes)\n", path, size);
        (void) LLVMFuzzerTestOneInput((const uint8_t *) data, size);
        return 0;
}

int main(int argc, char *argv[]) {
        unsigned n = 0;

        for (int i = 1; i < argc; i++) {
                DIR *d = opendir(argv[i]);

                if (!d) {
                        if (replay(argv[i]) < 0)
                                return EXIT_FAILURE;
                        n++;
                        continue;
                }
                for (struct dirent *e; (e = readdir(d));) {
                        _cleanup_free_ char *path = NULL;

                        if (e->d_name[0] == '.')
                                continue;
                        if (asprintf_to(&path, "%s/%s", argv[i], e->d_name) < 0 || replay(path) < 0)
                                return EXIT_FAILURE;
                        n++;
                }
                (void) closedir(d);
        }

        /* An empty corpus means that the folder has moved, not that all is well. */
        return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
