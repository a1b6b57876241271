/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "alloc-util.h"
#include "release.h"
#include "string-util.h"

static bool is_quoted(const char *s, size_t n) {
        return n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n - 1] == s[0];
}

int release_value(const char *text, const char *key, char **ret) {
        const char *value = NULL;
        size_t n_value = 0, n_key, n;
        char *copy;

        assert(text);
        assert(key);
        assert(ret);

        n_key = strlen(key);
        for (const char *line = text; *line; line += n + (line[n] ? 1 : 0)) {
                const char *p = line + strspn(line, " \t");

                n = strcspn(line, "\n");
                if (strncmp(p, key, n_key) != 0 || p[n_key] != '=')
                        continue;
                value = p + n_key + 1;
                n_value = (size_t) (line + n - value);
        }
        if (!value)
                return 0;

        while (n_value > 0 && strchr(" \t\r", value[n_value - 1]))
                n_value--;
        if (is_quoted(value, n_value)) {
                value++;
                n_value -= 2;
        }
        if (n_value == 0)
                return 0;

        copy = strndup(value, n_value);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 1;
}
