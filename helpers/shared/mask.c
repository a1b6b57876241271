/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "mask.h"
#include "string-util.h"

#define MASK "***"

bool key_is_secret(const char *key, size_t n) {
        static const char *const words[] = { "passw", "passphrase", "secret", "token", "credential" };
        static const char *const ends[] = { "key", "pass" };

        for (size_t w = 0; w < ELEMENTSOF(words); w++) {
                size_t k = strlen(words[w]);

                for (size_t i = 0; i + k <= n; i++)
                        if (strncasecmp(key + i, words[w], k) == 0)
                                return true;
        }

        for (size_t e = 0; e < ELEMENTSOF(ends); e++) {
                size_t k = strlen(ends[e]);

                if (n >= k && strncasecmp(key + n - k, ends[e], k) == 0)
                        return true;
        }

        return false;
}

/* Writes the URL's scheme, host and path; the user part and the query become MASK. url begins at the scheme,
 * authority behind its "://". */
static void write_url(FILE *f, const char *url, const char *authority) {
        size_t n_authority = strcspn(authority, "/?#\""), n_rest;
        const char *at = memrchr(authority, '@', n_authority), *rest = authority + n_authority;

        (void) fwrite(url, 1, (size_t) (authority - url), f);
        if (at) {
                (void) fputs(MASK, f);
                (void) fwrite(at, 1, (size_t) (rest - at), f);
        } else
                (void) fwrite(authority, 1, n_authority, f);

        n_rest = strcspn(rest, "?");
        (void) fwrite(rest, 1, n_rest, f);
        if (rest[n_rest])
                (void) fputs("?" MASK, f);
}

static void write_word(FILE *f, const char *word) {
        const char *equals = strchr(word, '='), *url = strstr(word, "://");

        /* RESET_PASSWORD=1 is a switch, and nobody's password has one character. A '=' inside a URL ends no key. */
        if (equals && !(url && url < equals) && equals[1] && equals[2] && key_is_secret(word, (size_t) (equals - word))) {
                (void) fwrite(word, 1, (size_t) (equals - word) + 1, f);
                (void) fputs(MASK, f);
                return;
        }

        if (url)
                write_url(f, word, url + strlen("://"));
        else
                (void) fputs(word, f);
}

int mask_word(const char *word, char **ret) {
        char *text = NULL;
        size_t size;
        FILE *f;

        assert(word);
        assert(ret);

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;

        write_word(f, word);
        if (fclose(f) != 0) {
                free(text);
                return -ENOMEM;
        }

        *ret = text;
        return 0;
}

/* A blank inside double quotes belongs to the word, as in the kernel's next_arg(). */
static size_t word_length(const char *p) {
        bool quoted = false;
        size_t n;

        for (n = 0; p[n]; n++) {
                if (p[n] == '"')
                        quoted = !quoted;
                else if (isspace((unsigned char) p[n]) && !quoted)
                        break;
        }

        return n;
}

int mask_command_line(const char *line, char **ret) {
        char *text = NULL;
        bool first = true;
        size_t size;
        FILE *f;
        int r = 0;

        assert(line);
        assert(ret);

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;

        for (const char *p = line; r >= 0;) {
                _cleanup_free_ char *word = NULL;
                size_t n;

                while (isspace((unsigned char) *p))
                        p++;
                if (!*p)
                        break;

                n = word_length(p);
                word = strndup(p, n);
                if (!word)
                        r = -ENOMEM;
                else {
                        if (!first)
                                (void) fputc(' ', f);
                        write_word(f, word);
                }
                first = false;
                p += n;
        }

        if (fclose(f) != 0)
                r = -ENOMEM;
        if (r < 0) {
                free(text);
                return r;
        }

        *ret = text;
        return 0;
}

int mask_middle(const char *s, char **ret) {
        size_t n = strlen(s);
        int r;

        assert(ret);

        r = strdup_to(ret, s);
        if (r < 0)
                return r;

        for (size_t i = 0; i < n; i++) {
                bool edge = i == 0 || i == n - 1;

                /* Half of a character of several bytes would not be printable. */
                if (!edge || n <= 2 || (unsigned char) s[i] >= 0x80)
                        (*ret)[i] = 'x';
        }

        return 0;
}
