/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "version-compare.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define VALID DIGITS LETTERS "~-^."

static int compare(size_t a, size_t b) {
        return a < b ? -1 : a > b;
}

static int compare_bytes(const char *a, size_t n_a, const char *b, size_t n_b) {
        int r = memcmp(a, b, MIN(n_a, n_b));

        return r != 0 ? r : compare(n_a, n_b);
}

/* Moves on both. The side without a number is the older one. */
static int compare_numbers(const char **a, const char **b) {
        size_t n_a, n_b;
        int r;

        r = compare(strspn(*a, DIGITS) > 0, strspn(*b, DIGITS) > 0);
        if (r != 0)
                return r;

        *a += strspn(*a, "0");
        *b += strspn(*b, "0");
        n_a = strspn(*a, DIGITS);
        n_b = strspn(*b, DIGITS);
        r = compare(n_a, n_b);
        if (r == 0)
                r = memcmp(*a, *b, n_a);

        *a += n_a;
        *b += n_b;
        return r;
}

static int compare_words(const char **a, const char **b) {
        size_t n_a = strspn(*a, LETTERS), n_b = strspn(*b, LETTERS);
        int r = compare_bytes(*a, n_a, *b, n_b);

        *a += n_a;
        *b += n_b;
        return r;
}

int version_compare(const char *a, const char *b) {
        /* In the order of their rank, the lowest first: each counts as older than all that is not looked at yet. */
        static const char separators[] = { '-', '^', '.' };

        assert(a);
        assert(b);

        for (;;) {
                bool separated = false;
                int r;

                a += strcspn(a, VALID);
                b += strcspn(b, VALID);

                if (*a == '~' || *b == '~') {
                        r = compare(*a != '~', *b != '~');
                        if (r != 0)
                                return r;
                        a++;
                        b++;
                        continue;
                }
                if (*a == '\0' || *b == '\0')
                        return compare(*a != '\0', *b != '\0');

                for (size_t i = 0; i < ELEMENTSOF(separators) && !separated; i++) {
                        if (*a != separators[i] && *b != separators[i])
                                continue;
                        r = compare(*a != separators[i], *b != separators[i]);
                        if (r != 0)
                                return r;
                        a++;
                        b++;
                        separated = true;
                }
                if (separated)
                        continue;

                r = strspn(a, DIGITS) > 0 || strspn(b, DIGITS) > 0 ? compare_numbers(&a, &b) : compare_words(&a, &b);
                if (r != 0)
                        return r;
        }
}
