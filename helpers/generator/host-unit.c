/* SPDX-License-Identifier: MIT */
#include "bounds.h"
#include "host-unit.h"
#include "drop-in.h"
#include "fileio.h"
#include "log.h"
#include "string-util.h"

int host_unit_copy(const Boot *b, const char *unit, const char *otherwise) {
        const char *seam = secure_getenv("SCALEWAY_UNIT_DIR");
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        _cleanup_free_ char *path = NULL, *text = NULL;
        int r;

        r = asprintf_to(&path, "%s/%s", seam ?: SHIPPED_UNITS, unit);
        if (r < 0)
                return r;
        r = read_file(path, UNIT_SIZE_MAX, &text, NULL);
        if (r < 0) {
                log_warning_errno(r, "Cannot copy '%s', %s: %m", path, otherwise);
                return 0;
        }
        r = unit_file_new(&u);
        if (r < 0)
                return r;

        unit_file_text(u, text);
        return unit_file_write(u, b->unit_fd, unit);
}
