/* SPDX-License-Identifier: MIT */
/* rows: C6 */
/* The input is a command line, a tag, a name of a kernel, or the table of mounts: what is shown of it, and compared. */
#include "alloc-util.h"
#include "boot-files.h"
#include "fuzz.h"
#include "mask.h"
#include "network-utab.h"
#include "string-util.h"
#include "version-compare.h"

#define SHOWN_MAX 40U

/* Nothing that a terminal obeys, and no more than was asked for. */
static void check_printable(const char *text) {
        _cleanup_free_ char *shown = printable(text, SHOWN_MAX);

        require(shown && utf8_is_valid(shown, strlen(shown)) && strlen(shown) <= SHOWN_MAX + strlen("..."));
        for (const char *p = shown; *p; p++)
                require((unsigned char) *p >= 0x20 && *p != 0x7f);
        /* C1 controls. */
        for (const char *p = shown; (p = strchr(p, '\xc2')); p++)
                require((unsigned char) p[1] >= 0xa0);
}

static void check_mask(const char *text) {
        _cleanup_free_ char *line = NULL, *word = NULL, *again = NULL, *middle = NULL;

        require(mask_command_line(text, &line) >= 0 && mask_word(text, &word) >= 0 && mask_middle(text, &middle) >= 0);
        require(strlen(middle) <= strlen(text));
        /* What is masked has nothing left to mask. */
        require(mask_word(word, &again) >= 0 && streq(word, again));
}

static int sign(int x) {
        return (x > 0) - (x < 0);
}

/* An order, or sorting would be anything: three names, separated by newlines. */
static void check_order(char *text, int (*compare)(const char *a, const char *b)) {
        const char *a = strsep(&text, "\n") ?: "", *b = strsep(&text, "\n") ?: "", *c = strsep(&text, "\n") ?: "";

        require(compare(a, a) == 0 && sign(compare(a, b)) == -sign(compare(b, a)));
        if (compare(a, b) <= 0 && compare(b, c) <= 0)
                require(compare(a, c) <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size), *versions = strdup(text), *kernels = strdup(text), *utab = NULL;

        require(versions && kernels);
        check_printable(text);
        check_mask(text);
        check_order(versions, version_compare);
        check_order(kernels, kernel_compare);
        if (utab_move_root(text, "/sysroot", &utab) > 0)
                require(strlen(utab) <= strlen(text) + 1);

        return 0;
}
