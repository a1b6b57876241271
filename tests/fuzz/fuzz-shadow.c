/* SPDX-License-Identifier: MIT */
/* rows: C6 */
/* The input is /etc/shadow of an image. */
#include "alloc-util.h"
#include "fuzz.h"
#include "shadow.h"
#include "string-util.h"

#define HASH "$6$salt$hash"

/* Where root's line goes on behind its password. */
static const char *behind_password(const char *text) {
        const char *p = text;

        while ((p = strstr(p, "root:" HASH ":")) && p > text && p[-1] != '\n')
                p++;
        return p ? p + strlen("root:" HASH ":") : NULL;
}

/* What was before the line, and what follows the day of the change, is as it was. */
static void check_edit(const char *before, const char *after) {
        const char *change = behind_password(after), *rest;
        size_t n;

        require(change);
        n = (size_t) (change - after) - strlen(HASH ":");
        require(strncmp(before, after, n) == 0);
        rest = change + strcspn(change, ":\n");
        require(*rest == ':' && endswith(before, rest) && n + strlen(rest) <= strlen(before));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size), *edited = NULL, *again = NULL;
        int open = shadow_root_is_open(text), r;

        r = shadow_set_root(text, HASH, size % 2 ? 20000 : -1, &edited);
        require((open < 0) ? r == open : r == 0 || r == -22 /* EINVAL */);
        if (r < 0)
                return 0;

        check_edit(text, edited);
        require(shadow_root_is_open(edited) == 0);
        require(shadow_set_root(edited, HASH, size % 2 ? 20000 : -1, &again) == 0 && streq(edited, again));
        return 0;
}
