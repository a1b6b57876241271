/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "console-out.h"
#include "string-util.h"

int console_value(FILE *f, const char *label, const char *value) {
        _cleanup_free_ char *text = NULL;

        assert(f);
        assert(label);

        if (isempty(value))
                return 0;

        text = printable(value, CONSOLE_VALUE_MAX);
        if (!text)
                return -ENOMEM;

        (void) fprintf(f, ">>> %s: %s\n", label, text);
        return 0;
}

int console_flush(FILE *f) {
        assert(f);

        errno = 0;
        if (fflush(f) != 0 || ferror(f))
                return errno > 0 ? -errno : -EIO;

        return 0;
}
