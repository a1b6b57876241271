/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "bounds.h"
#include "networkd-state.h"
#include "resolv-conf.h"
#include "string-util.h"

static bool interface_is_valid(const char *s) {
        size_t n = strlen(s);

        if (n == 0 || n >= IF_NAMESIZE)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char) s[i]) && !strchr("._-", s[i]))
                        return false;

        return true;
}

bool nameserver_is_valid(const char *s) {
        const char *percent = strchr(s, '%');
        char address[INET6_ADDRSTRLEN];
        struct in6_addr a;
        size_t n;

        if (inet_pton(AF_INET, s, &a) > 0)
                return true;

        n = percent ? (size_t) (percent - s) : strlen(s);
        if (n >= sizeof(address) || (percent && !interface_is_valid(percent + 1)))
                return false;
        memcpy(address, s, n);
        address[n] = '\0';

        return inet_pton(AF_INET6, address, &a) > 0;
}

static bool domain_is_valid(const char *s) {
        size_t n = strlen(s);

        if (n == 0 || n > DOMAIN_LENGTH_MAX || s[0] == '.' || s[0] == '-')
                return false;
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char) s[i]) && !strchr("._-", s[i]))
                        return false;

        return true;
}

/* Takes the next word off *p into *ret (to be freed). Returns 1, 0 at the end, -ENOMEM. */
static int next_word(const char **p, char **ret) {
        size_t n;

        *p += strspn(*p, " \t");
        n = strcspn(*p, " \t");
        if (n == 0)
                return 0;

        *ret = strndup(*p, n);
        if (!*ret)
                return -ENOMEM;
        *p += n;
        return 1;
}

typedef struct Words {
        char *words[RESOLV_CONF_WORDS_MAX];
        size_t n;
} Words;

static void words_done(Words *w) {
        for (size_t i = 0; i < w->n; i++)
                free(w->words[i]);
}

static bool words_have(const Words *w, const char *word) {
        for (size_t i = 0; i < w->n; i++)
                if (streq(w->words[i], word))
                        return true;

        return false;
}

/* The first words of the list that are valid, each once. A name of the server behind '#' is cut off. */
static int read_words(const char *list, bool (*is_valid)(const char *word), size_t max, Words *ret) {
        while (ret->n < MIN(max, (size_t) RESOLV_CONF_WORDS_MAX)) {
                _cleanup_free_ char *word = NULL;
                int r;

                r = next_word(&list, &word);
                if (r <= 0)
                        return r;

                word[strcspn(word, "#")] = '\0';
                if (is_valid(word) && !words_have(ret, word))
                        ret->words[ret->n++] = TAKE_PTR(word);
        }

        return 0;
}

static bool is_ipv6(const char *name) {
        return strchr(name, ':');
}

/* The first one of another family than the first of all; the number of servers if there is none. */
static size_t first_of_other_family(const Words *servers) {
        size_t i;

        for (i = 1; i < servers->n; i++)
                if (is_ipv6(servers->words[i]) != is_ipv6(servers->words[0]))
                        break;

        return i;
}

static void write_servers(FILE *f, const Words *servers) {
        size_t other = first_of_other_family(servers);

        for (size_t i = 0; i < MIN(servers->n, (size_t) RESOLV_CONF_SERVERS_MAX); i++) {
                bool take_other = i == RESOLV_CONF_SERVERS_MAX - 1 && other > i && other < servers->n;

                (void) fprintf(f, "nameserver %s\n", servers->words[take_other ? other : i]);
        }
}

static int write_domains(FILE *f, const char *list) {
        _cleanup_(words_done) Words domains = {};
        int r;

        r = read_words(list, domain_is_valid, RESOLV_CONF_DOMAINS_MAX, &domains);
        if (r < 0)
                return r;

        for (size_t i = 0; i < domains.n; i++)
                (void) fprintf(f, i == 0 ? "search %s" : " %s", domains.words[i]);
        if (domains.n > 0)
                (void) fputc('\n', f);
        return 0;
}

int resolv_conf_make(const char *servers, const char *domains, char **ret) {
        _cleanup_(words_done) Words all = {};
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f;
        int r;

        assert(ret);

        r = read_words(servers ?: "", nameserver_is_valid, RESOLV_CONF_WORDS_MAX, &all);
        if (r < 0)
                return r;
        if (all.n == 0)
                return 0;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;

        /* The C library's own limits, 5 s for each server, would outlast those of the units that resolve names. */
        (void) fputs("# Written by scaleway-network of the initrd\noptions timeout:2 attempts:2\n", f);
        write_servers(f, &all);
        r = write_domains(f, domains ?: "");
        if (fclose(f) != 0)
                r = -ENOMEM;
        if (r < 0)
                return r;

        *ret = TAKE_PTR(text);
        return 1;
}

static bool is_link_local(const char *server) {
        struct in6_addr a;

        return inet_pton(AF_INET6, server, &a) > 0 && IN6_IS_ADDR_LINKLOCAL(&a);
}

/* Adds the words of the list, with the NIC's name where it is needed. */
static int add_servers(FILE *f, const char *nic, const char *list) {
        for (;;) {
                _cleanup_free_ char *word = NULL;
                int r;

                r = next_word(&list, &word);
                if (r <= 0)
                        return r;
                word[strcspn(word, "#")] = '\0';
                (void) fprintf(f, "%s%s%s ", word, is_link_local(word) ? "%" : "", is_link_local(word) ? nic : "");
        }
}

static int add_link(FILE *servers, FILE *domains, const ResolvLink *link) {
        _cleanup_free_ char *dns = NULL, *search = NULL;
        int r;

        r = networkd_state_value(link->state, "DNS", &dns);
        if (r < 0)
                return r;
        r = networkd_state_value(link->state, "DOMAINS", &search);
        if (r < 0)
                return r;

        (void) fprintf(domains, "%s ", search ?: "");
        return add_servers(servers, link->nic, dns ?: "");
}

int resolv_conf_from_links(const ResolvLink *links, size_t n, char **ret) {
        _cleanup_free_ char *servers = NULL, *domains = NULL;
        size_t n_servers, n_domains;
        FILE *s, *d;
        int r = 0;

        assert(links || n == 0);
        assert(ret);

        s = open_memstream(&servers, &n_servers);
        if (!s)
                return -ENOMEM;
        d = open_memstream(&domains, &n_domains);
        if (!d) {
                (void) fclose(s);
                return -ENOMEM;
        }

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = add_link(s, d, links + i);
        if (fclose(s) != 0)
                r = -ENOMEM;
        if (fclose(d) != 0)
                r = -ENOMEM;
        if (r < 0)
                return r;

        return resolv_conf_make(servers, domains, ret);
}
