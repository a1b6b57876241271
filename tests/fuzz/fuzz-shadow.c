/* SPDX-License-Identifier: MIT */
/* rows: C6 */
/* The input is /etc/shadow of an image. */
#include "alloc-util.h"
#include "fuzz.h"
#include "shadow.h"
#include "string-util.h"

#define HASH "$6$salt$hash"

/* One line differs, in two fields, and nothing else. */
static void check_edit(const char *before, const char *after) {
        const char *p = before, *q = after, *rest;

        while (*p && *p == *q) {
                p++;
                q++;
        }
        /* What follows the day of the change. */
        rest = strstr(after, "root:" HASH ":");
        require(rest && (rest == after || rest[-1] == '\n'));
        require(p == before || (size_t) (q - after) >= (size_t) (rest - after));
        rest += strlen("root:" HASH ":");
        rest += strcspn(rest, ":\n");
        require(*rest == ':' && endswith(before, rest));
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
