/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "fileio.h"
#include "proc-cmdline.h"
#include "string-util.h"

static bool is_blank(char c) {
        return c == '\0' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Writes the word that begins at text[*i] to out, which has room for what is left of the text and a NUL, and moves
 * *i behind it. */
static void take_word(const char *text, size_t n, size_t *i, char *out) {
        char quote = '\0';
        size_t o = 0;

        for (; *i < n && (quote || !is_blank(text[*i])); (*i)++) {
                char c = text[*i];

                if (quote && c == quote)
                        quote = '\0';
                else if (!quote && (c == '"' || c == '\''))
                        quote = c;
                else
                        /* Inside of quotes a NUL is a blank that does not split. */
                        out[o++] = c ?: ' ';
        }

        out[o] = '\0';
}

int proc_cmdline_split(const char *text, size_t n, char ***ret) {
        _cleanup_(words_freep) char **words = NULL;
        _cleanup_free_ char *word = NULL;
        size_t n_words = 0;

        assert(text || n == 0);
        assert(ret);

        if (n > PROC_CMDLINE_MAX)
                return -E2BIG;

        /* A word and its blank are two bytes at least; one more for the last word, one for the NULL at the end. */
        words = new0(char *, n / 2 + 2);
        word = malloc(n + 1);
        if (!words || !word)
                return -ENOMEM;

        for (size_t i = 0; i < n;) {
                if (is_blank(text[i])) {
                        i++;
                        continue;
                }

                take_word(text, n, &i, word);
                words[n_words] = strdup(word);
                if (!words[n_words])
                        return -ENOMEM;
                n_words++;
        }

        *ret = TAKE_PTR(words);
        return 0;
}

int proc_cmdline_words(char ***ret) {
        const char *seam = secure_getenv("SCALEWAY_PROC_CMDLINE");
        _cleanup_free_ char *text = NULL;
        size_t n;
        int r;

        if (seam)
                return proc_cmdline_split(seam, strlen(seam), ret);

        r = read_file("/proc/cmdline", PROC_CMDLINE_MAX, &text, &n);
        if (r < 0)
                return r == -EFBIG ? -E2BIG : r;

        return proc_cmdline_split(text, n, ret);
}

const char *word_value(const char *word, const char *key) {
        const char *rest = startswith(word, key);

        if (!rest || (*rest != '\0' && *rest != '='))
                return NULL;

        return *rest == '=' ? rest + 1 : rest;
}

void words_free(char **words) {
        if (!words)
                return;

        for (char **w = words; *w; w++)
                free(*w);
        free(words);
}
