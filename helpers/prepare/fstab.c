/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "alloc-util.h"
#include "fstab.h"
#include "string-util.h"

#define BLANKS " \t"
#define FIELD_OPTIONS 3

typedef struct Field {
        const char *begin;
        size_t n;
} Field;

static bool field_is(const Field *f, const char *s) {
        return f->n == strlen(s) && strncmp(f->begin, s, f->n) == 0;
}

/* The fields of the line up to the options. Returns false if it has fewer, or is a comment. */
static bool split_line(const char *line, size_t n, Field fields[static FIELD_OPTIONS + 1]) {
        const char *p = line, *end = line + n;

        for (size_t i = 0; i <= FIELD_OPTIONS; i++) {
                p += MIN(strspn(p, BLANKS), (size_t) (end - p));
                if (p == end || (i == 0 && *p == '#'))
                        return false;
                fields[i] = (Field) { p, MIN(strcspn(p, BLANKS "\n"), (size_t) (end - p)) };
                p += fields[i].n;
        }

        return true;
}

static bool has_option(const Field *options, const char *name) {
        const char *p = options->begin, *end = p + options->n;

        while (p < end) {
                Field f = { p, MIN(strcspn(p, "," BLANKS "\n"), (size_t) (end - p)) };

                if (field_is(&f, name))
                        return true;
                p += f.n + (p + f.n < end ? 1 : 0);
        }

        return false;
}

int fstab_add_nofail(const char *text, const char *mount_point, char **ret) {
        size_t n;

        assert(text);
        assert(mount_point);
        assert(ret);

        for (const char *line = text; *line; line += n + (line[n] ? 1 : 0)) {
                Field fields[FIELD_OPTIONS + 1];
                const Field *options = fields + FIELD_OPTIONS;
                const char *end;
                int r;

                n = strcspn(line, "\n");
                if (!split_line(line, n, fields) || !field_is(&fields[1], mount_point))
                        continue;
                if (has_option(options, "nofail") || has_option(options, "noauto"))
                        continue;

                end = options->begin + options->n;
                r = asprintf_to(ret, "%.*s,nofail%s", (int) (end - text), text, end);
                return r < 0 ? r : 1;
        }

        return 0;
}
