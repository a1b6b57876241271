/* SPDX-License-Identifier: MIT */
/* The mount option _netdev of the root is none of the kernel's: libmount keeps it in /run/mount/utab, and there the
 * host's systemd-networkd learns that the root is behind the network and that it has to leave that alone. A line has
 * the id of the mount and the place where it was mounted. After switch-root the place is another one; and the id is
 * right for whoever shares the mounts of the first process, but systemd-networkd has a mount namespace of its own
 * (ProtectSystem=), where all ids are others, and finds nothing. Without an id libmount compares source, root and
 * place, which are the same for everybody. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc-util.h"
#include "bounds.h"
#include "fd-util.h"
#include "fileio.h"
#include "network-utab.h"
#include "paths.h"
#include "string-util.h"

#define RUN_UTAB "mount/utab"

/* NULL if it is none of the root's. */
static const char *place_after_switch(const char *place, const char *sysroot) {
        const char *below = startswith(place, sysroot);

        if (!below || (*below && *below != '/'))
                return NULL;

        return *below ? below : "/";
}

/* Writes the line as it is to be, in any case without a newline. Takes the line apart. Returns 1 if it is one of the
 * root's, 0 if not (and then what was written is no use), or -ENOMEM. */
static int move_line(char *line, const char *sysroot, FILE *f) {
        bool moved = false;
        const char *space = "";

        for (char *word; (word = strsep(&line, " "));) {
                const char *target = startswith(word, "TARGET="), *place = NULL;

                if (startswith(word, "ID=") || startswith(word, "UNIQID="))
                        continue;
                if (target)
                        place = place_after_switch(target, sysroot);
                moved = moved || place;
                if (fprintf(f, "%s%s%s", space, place ? "TARGET=" : "", place ?: word) < 0)
                        return -ENOMEM;
                space = " ";
        }

        return moved;
}

/* Of one line, which is left as it is if it is none of the root's. */
static int add_line(const char *line, const char *sysroot, FILE *out) {
        _cleanup_free_ char *copy = NULL, *text = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        size_t size;
        int r;

        copy = strdup(line);
        f = open_memstream(&text, &size);
        if (!copy || !f)
                return -ENOMEM;

        r = move_line(copy, sysroot, f);
        if (r >= 0 && fflush(f) != 0)
                r = -ENOMEM;
        if (r < 0)
                return r;

        return fprintf(out, "%s\n", r > 0 ? text : line) < 0 ? -ENOMEM : r;
}

int utab_move_root(const char *text, const char *sysroot, char **ret) {
        _cleanup_free_ char *copy = NULL, *result = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        bool changed = false;
        size_t size;

        assert(text);
        assert(sysroot);
        assert(ret);

        copy = strdup(text);
        f = open_memstream(&result, &size);
        if (!copy || !f)
                return -ENOMEM;

        for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
                int r;

                if (isempty(line))
                        continue;
                r = add_line(line, sysroot, f);
                if (r < 0)
                        return r;
                changed = changed || r > 0;
        }
        if (fclose(TAKE_PTR(f)) != 0)
                return -ENOMEM;
        if (!changed)
                return 0;

        *ret = TAKE_PTR(result);
        return 1;
}

int utab_file_move_root(void) {
        _cleanup_free_ char *path = NULL, *before = NULL, *after = NULL;
        int r;

        r = run_path(RUN_UTAB, &path);
        if (r < 0)
                return r;
        r = read_file(path, UTAB_MAX, &before, NULL);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;

        r = utab_move_root(before, sysroot_path(), &after);
        if (r <= 0)
                return r;
        r = write_file_atomic(path, after, strlen(after), 0644);
        return r < 0 ? r : 1;
}
