/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "string-util.h"

int asprintf_to(char **ret, const char *format, ...) {
        va_list ap;
        char *s;
        int k;

        assert(ret);

        va_start(ap, format);
        k = vasprintf(&s, format, ap);
        va_end(ap);
        if (k < 0)
                return -ENOMEM;

        *ret = s;
        return 0;
}

char *string_replace(const char *s, const char *what, const char *with) {
        size_t n_what = strlen(what), n_with = strlen(with), n = 0;
        const char *p, *hit;
        char *r, *q;

        assert(n_what > 0);

        for (p = s; (hit = strstr(p, what)); p = hit + n_what)
                n++;

        r = malloc(strlen(s) + n * n_with - n * n_what + 1);
        if (!r)
                return NULL;

        for (p = s, q = r; (hit = strstr(p, what)); p = hit + n_what) {
                q = mempcpy(q, p, (size_t) (hit - p));
                q = mempcpy(q, with, n_with);
        }
        strcpy(q, p);

        return r;
}

/* Length of the valid UTF-8 sequence at the beginning of s, which has n > 0 bytes; 0 if there is none. */
static size_t utf8_sequence(const unsigned char *s, size_t n) {
        static const struct {
                unsigned char mask, lead;
                size_t length;
                uint32_t smallest;
        } forms[] = {
                { 0x80, 0x00, 1, 0       },
                { 0xe0, 0xc0, 2, 0x80    },
                { 0xf0, 0xe0, 3, 0x800   },
                { 0xf8, 0xf0, 4, 0x10000 },
        };

        for (size_t i = 0; i < ELEMENTSOF(forms); i++) {
                uint32_t c;

                if ((s[0] & forms[i].mask) != forms[i].lead)
                        continue;
                if (n < forms[i].length)
                        return 0;

                c = s[0] & (unsigned char) ~forms[i].mask;
                for (size_t j = 1; j < forms[i].length; j++) {
                        if ((s[j] & 0xc0) != 0x80)
                                return 0;
                        c = c << 6 | (s[j] & 0x3f);
                }

                /* RFC 3629, section 3: no overlong forms, no surrogates, nothing above U+10FFFF. */
                if (c < forms[i].smallest || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                        return 0;
                return forms[i].length;
        }

        return 0;
}

bool utf8_is_valid(const char *s, size_t n) {
        for (size_t i = 0; i < n;) {
                size_t k = utf8_sequence((const unsigned char *) s + i, n - i);

                if (k == 0)
                        return false;
                i += k;
        }

        return true;
}

bool has_control_characters(const char *s) {
        for (const unsigned char *p = (const unsigned char *) s; *p; p++)
                /* C0 and DEL, and the C1 controls, in UTF-8. */
                if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
                        return true;

        return false;
}

char *printable(const char *s, size_t max) {
        size_t n = strlen(s), i = 0, o = 0;
        char *r;

        r = malloc(MIN(n, max) + sizeof("..."));
        if (!r)
                return NULL;

        while (i < n) {
                const unsigned char *p = (const unsigned char *) s + i;
                size_t k = utf8_sequence(p, n - i);

                if (o + MAX(k, (size_t) 1) > max)
                        break;

                /* C0 and DEL, and the C1 controls, which are U+0080 to U+009F, steer terminals. */
                if (k == 0 || p[0] < 0x20 || p[0] == 0x7f || (k == 2 && p[0] == 0xc2 && p[1] < 0xa0)) {
                        r[o++] = '?';
                        i += MAX(k, (size_t) 1);
                        continue;
                }

                memcpy(r + o, p, k);
                o += k;
                i += k;
        }

        strcpy(r + o, i < n ? "..." : "");
        return r;
}
