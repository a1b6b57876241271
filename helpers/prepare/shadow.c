/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "parse-util.h"
#include "shadow.h"
#include "string-util.h"

#define USER "root:"
#define BLANKS " \t\r"
#define DAY (24L * 60 * 60)

/* The password field of root's first line, NULL if there is none. */
static const char *find_root(const char *text, size_t *ret_n) {
        size_t n;

        for (const char *line = text; *line; line += n + (line[n] ? 1 : 0)) {
                const char *field = startswith(line, USER);

                n = strcspn(line, "\n");
                if (field) {
                        *ret_n = strcspn(field, ":\n");
                        return field;
                }
        }

        return NULL;
}

int shadow_root_is_open(const char *text) {
        const char *field;
        size_t n;

        assert(text);

        field = find_root(text, &n);
        if (!field)
                return -ENOENT;

        return n == 0 || (n == 1 && *field == '*');
}

int shadow_set_root(const char *text, const char *hash, long day, char **ret) {
        _cleanup_free_ char *number = NULL;
        const char *field, *change, *rest;
        size_t n;
        int r;

        assert(text);
        assert(hash);
        assert(ret);

        field = find_root(text, &n);
        if (!field)
                return -ENOENT;
        if (field[n] != ':')
                return -EINVAL;
        change = field + n + 1;
        rest = change + strcspn(change, ":\n");
        if (*rest != ':')
                return -EINVAL;

        r = day < 0 ? strdup_to(&number, "") : asprintf_to(&number, "%ld", day);
        return r < 0 ? r : asprintf_to(ret, "%.*s%s:%s%s", (int) (field - text), text, hash, number, rest);
}

long shadow_day(time_t now, const char *build_date) {
        time_t built;

        if (parse_date(build_date, &built) < 0)
                built = 0;

        return now < MAX(built, (time_t) DAY) ? -1 : (long) (now / DAY);
}

int login_defs_method(const char *text, char **ret) {
        static const char key[] = "ENCRYPT_METHOD";
        const char *value = NULL;
        size_t n_value = 0, n;

        assert(text);
        assert(ret);

        for (const char *line = text; *line; line += n + (line[n] ? 1 : 0)) {
                const char *p = line + strspn(line, BLANKS), *q;

                n = strcspn(line, "\n");
                q = startswith(p, key);
                if (!q || !strchr(BLANKS, *q) || *q == '\0')
                        continue;
                q += strspn(q, BLANKS "\"");
                if (strcspn(q, BLANKS "\"\n") > 0) {
                        value = q;
                        n_value = strcspn(q, BLANKS "\"\n");
                }
        }
        if (!value)
                return 0;

        *ret = strndup(value, n_value);
        return *ret ? 1 : -ENOMEM;
}
