/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "alloc-util.h"
#include "console-out.h"
#include "release.h"
#include "root-file.h"
#include "steps.h"
#include "string-util.h"

#define MIB (1024.0 * 1024.0)

static int show_release(int root_fd) {
        _cleanup_free_ char *text = NULL, *description = NULL, *date = NULL, *line = NULL;
        int r;

        r = root_file_read(root_fd, "/etc/scw-release", &text, NULL);
        if (r == -ENOENT)
                return 0; /* Not every image is one of the platform's. */
        if (r < 0)
                return r;

        r = release_value(text, "IMAGE_DESCRIPTION", &description);
        if (r >= 0)
                r = release_value(text, "IMAGE_RELEASE", &date);
        if (r < 0)
                return r;
        if (!description && !date)
                return 0;

        r = asprintf_to(&line, "%s%s%s%s", description ?: "", description && date ? " (" : "", date ?: "",
                        description && date ? ")" : "");
        return r < 0 ? r : console_value(stdout, "Image", line);
}

static int show_usage(int root_fd) {
        _cleanup_free_ char *line = NULL;
        struct statvfs sv;
        double total, used;
        int r;

        if (fstatvfs(root_fd, &sv) < 0)
                return -errno;
        if (sv.f_blocks == 0)
                return 0;

        total = (double) sv.f_blocks * (double) sv.f_frsize / MIB;
        used = (double) (sv.f_blocks - sv.f_bfree) * (double) sv.f_frsize / MIB;
        r = asprintf_to(&line, "%.0f of %.0f MiB used (%.0f %%)", used, total, 100 * used / total);
        return r < 0 ? r : console_value(stdout, "Root file system", line);
}

int show_image(const Root *root) {
        int r, k;

        /* What one of them cannot say, the other may. */
        r = show_release(root->fd);
        k = show_usage(root->fd);
        r = r < 0 ? r : k;
        k = console_flush(stdout);
        return r < 0 ? r : k;
}
