/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "networkd-state.h"
#include "resolv-conf.h"
#include "string-util.h"

#define DOMAIN_LENGTH_MAX 253U /* RFC 1035, section 2.3.4, without the dot at the end */

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

/* Returns the number of servers written, or -ENOMEM. */
static int write_servers(FILE *f, const char *servers) {
        unsigned n = 0;

        while (n < RESOLV_CONF_SERVERS_MAX) {
                _cleanup_free_ char *word = NULL;
                int r;

                r = next_word(&servers, &word);
                if (r < 0)
                        return r;
                if (r == 0)
                        break;

                word[strcspn(word, "#")] = '\0';
                if (nameserver_is_valid(word)) {
                        (void) fprintf(f, "nameserver %s\n", word);
                        n++;
                }
        }

        return (int) n;
}

static int write_domains(FILE *f, const char *domains) {
        unsigned n = 0;

        while (n < RESOLV_CONF_DOMAINS_MAX) {
                _cleanup_free_ char *word = NULL;
                int r;

                r = next_word(&domains, &word);
                if (r < 0)
                        return r;
                if (r == 0)
                        break;

                if (domain_is_valid(word))
                        (void) fprintf(f, n++ == 0 ? "search %s" : " %s", word);
        }

        if (n > 0)
                (void) fputc('\n', f);
        return 0;
}

int resolv_conf_make(const char *servers, const char *domains, char **ret) {
        char *text = NULL;
        size_t size;
        FILE *f;
        int n, r = 0;

        assert(ret);

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;

        /* The C library's own limits, 5 s for each server, would outlast those of the units that resolve names. */
        (void) fputs("# Written by scaleway-network of the initrd\noptions timeout:2 attempts:2\n", f);
        n = write_servers(f, servers ?: "");
        if (n >= 0)
                r = write_domains(f, domains ?: "");
        if (fclose(f) != 0)
                r = -ENOMEM;
        if (n <= 0 || r < 0) {
                free(text);
                return MIN(n, r);
        }

        *ret = text;
        return 1;
}

int resolv_conf_from_networkd(const char *state, char **ret) {
        _cleanup_free_ char *servers = NULL, *domains = NULL;
        int r;

        assert(state);
        assert(ret);

        r = networkd_state_value(state, "DNS", &servers);
        if (r < 0)
                return r;
        r = networkd_state_value(state, "DOMAINS", &domains);
        if (r < 0)
                return r;

        return resolv_conf_make(servers, domains, ret);
}
