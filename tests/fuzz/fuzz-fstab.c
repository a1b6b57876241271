/* SPDX-License-Identifier: MIT */
/* rows: C6 */
/* The input is /etc/fstab of an image. */
#include "alloc-util.h"
#include "fstab.h"
#include "fuzz.h"
#include "string-util.h"

#define ADDED ",nofail"
#define LINES_MAX 64U

/* The one is the other with the word put in at one place. */
static void check_edit(const char *before, const char *after) {
        size_t n = 0, k = strlen(ADDED);

        while (before[n] && before[n] == after[n])
                n++;
        require(strlen(after) == strlen(before) + k);
        /* It may have begun like that. */
        while (!(strncmp(after + n, ADDED, k) == 0 && streq(after + n + k, before + n))) {
                require(n > 0);
                n--;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size);

        for (unsigned i = 0; i < LINES_MAX; i++) {
                char *edited;
                int r;

                r = fstab_add_nofail(text, "/boot/efi", &edited);
                require(r >= 0);
                if (r == 0)
                        break;
                check_edit(text, edited);
                free(text);
                text = edited;
        }

        return 0;
}
