/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>

#include "bounds.h"
#include "host-names.h"
#include "string-util.h"

#define BLANKS " \t\r"

bool host_name_is_valid(const char *s) {
        size_t n_label = 0;

        if (isempty(s) || strlen(s) > HOST_NAME_MAX)
                return false;

        for (const char *p = s; *p; p++) {
                bool dot = *p == '.', hyphen = *p == '-';

                if (!dot && !hyphen && !((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') && !(*p >= '0' && *p <= '9'))
                        return false;
                /* No label is empty, nor begins or ends with a hyphen. */
                if ((dot || hyphen) && n_label == 0)
                        return false;
                if (hyphen && (p[1] == '.' || p[1] == '\0'))
                        return false;
                n_label = dot ? 0 : n_label + 1;
                if (n_label > HOST_LABEL_MAX)
                        return false;
        }

        return n_label > 0;
}

/* Takes the next line off *text, without its comment: what is left of it begins at *line. Returns false at the end. */
static bool next_line(const char **text, const char **line, size_t *n) {
        size_t length;

        if (**text == '\0')
                return false;

        /* None of the searches goes beyond the line: in a long file that would be the rest of it, once for each line. */
        length = strcspn(*text, "\n");
        *line = *text;
        *n = strcspn(*text, "#\n");
        *text += length + ((*text)[length] ? 1 : 0);
        return true;
}

/* The next word of what is left of a line. Returns false if there is none. */
static bool next_word(const char **line, size_t *n, const char **word, size_t *n_word) {
        size_t blanks = MIN(strspn(*line, BLANKS), *n);

        *line += blanks;
        *n -= blanks;
        *word = *line;
        *n_word = MIN(strcspn(*line, BLANKS "\n"), *n);
        *line += *n_word;
        *n -= *n_word;
        return *n_word > 0;
}

int hostname_read(const char *text, char **ret) {
        const char *line, *word;
        size_t n, n_word;

        assert(text);
        assert(ret);

        while (next_line(&text, &line, &n))
                if (next_word(&line, &n, &word, &n_word)) {
                        *ret = strndup(word, n_word);
                        return *ret ? 1 : -ENOMEM;
                }

        return 0;
}

/* Of those that no installer writes. What is no address does not count: the C library passes over such a line. */
static bool address_is_own(const char *s, size_t n) {
        char text[INET6_ADDRSTRLEN + IF_NAMESIZE];
        struct in6_addr v6;
        struct in_addr v4;

        if (n >= sizeof(text))
                return false;
        memcpy(text, s, n);
        text[n] = '\0';
        /* A zone. */
        text[strcspn(text, "%")] = '\0';

        if (inet_pton(AF_INET, text, &v4) == 1)
                return (ntohl(v4.s_addr) >> 24) != 127;
        if (inet_pton(AF_INET6, text, &v6) != 1)
                return false;

        /* fe00:: is what they call ip6-localnet. */
        return !IN6_IS_ADDR_LOOPBACK(&v6) && !IN6_IS_ADDR_MULTICAST(&v6) && !(v6.s6_addr[0] == 0xfe && v6.s6_addr[1] == 0);
}

bool hosts_is_own(const char *text, const char *name) {
        const char *line, *word;
        size_t n, n_word;

        assert(text);
        assert(name);

        while (next_line(&text, &line, &n)) {
                if (!next_word(&line, &n, &word, &n_word))
                        continue;
                if (address_is_own(word, n_word))
                        return true;
                while (next_word(&line, &n, &word, &n_word))
                        if (n_word == strlen(name) && strncasecmp(word, name, n_word) == 0)
                                return true;
        }

        return false;
}

int hosts_make(const char *name, char **ret) {
        size_t n_label = strcspn(name, ".");
        bool domain = name[n_label] == '.';

        return asprintf_to(ret,
                           "127.0.0.1\tlocalhost\n"
                           "127.0.1.1\t%s%s%.*s\n"
                           "::1\tlocalhost ip6-localhost ip6-loopback\n"
                           "ff02::1\tip6-allnodes\n"
                           "ff02::2\tip6-allrouters\n",
                           name, domain ? " " : "", domain ? (int) n_label : 0, name);
}

static bool has_keyword(const char *text, const char *keyword) {
        const char *line, *word;
        size_t n, n_word;

        while (next_line(&text, &line, &n))
                if (next_word(&line, &n, &word, &n_word) && n_word == strlen(keyword) && strncmp(word, keyword, n_word) == 0 &&
                    next_word(&line, &n, &word, &n_word))
                        return true;

        return false;
}

bool resolv_conf_has_server(const char *text) {
        assert(text);

        return has_keyword(text, "nameserver");
}

int resolv_conf_add(const char *text, const char *other, char **ret) {
        bool search = !has_keyword(text, "search") && !has_keyword(text, "domain");
        char *result = NULL;
        size_t size, n;
        FILE *f;

        assert(ret);

        if (!resolv_conf_has_server(other))
                return 0;

        f = open_memstream(&result, &size);
        if (!f)
                return -ENOMEM;
        n = strlen(text);
        (void) fprintf(f, "%s%s# Written by scaleway-prepare of the initrd\n", text, n > 0 && text[n - 1] != '\n' ? "\n" : "");
        for (const char *line = other; *line; line += n + (line[n] ? 1 : 0)) {
                n = strcspn(line, "\n");
                if (startswith(line, "nameserver ") || (search && startswith(line, "search ")))
                        (void) fprintf(f, "%.*s\n", (int) n, line);
        }
        if (fclose(f) != 0) {
                free(result);
                return -ENOMEM;
        }

        *ret = result;
        return 1;
}
