/* SPDX-License-Identifier: MIT */
/* rows: A14 */
#include <stdlib.h>
#include <time.h>

#include "host-names.h"
#include "root-file.h"
#include "string-util.h"
#include "test.h"

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A31 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_valid(void) {
        static const char *const good[] = { "a", "7", "bench-server", "Scw-1.Example.ORG", "a--b", A32 A31, A32 "." A31 };
        static const char *const bad[] = { "", "-a", "a-", "a.", ".a", "a..b", "a.-b", "a-.b", "a_b", "a b", "a\n", "a/b", "ä", "a\x1b[2J",
                                           "#a", "a:b", A32 A32, A32 "." A32 };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                ASSERT_TRUE(host_name_is_valid(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ASSERT_TRUE(!host_name_is_valid(bad[i]));
        ASSERT_TRUE(!host_name_is_valid(NULL));
}

static void test_hostname(void) {
        static const struct {
                const char *text, *name;
        } cases[] = {
                { "debian\n", "debian" }, { "debian", "debian" }, { "# mine\n\n  web1 # first\n web2\n", "web1" }, { "web1\r\n", "web1" },
                { "", NULL },             { "\n \t\n", NULL },    { "# none\n", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *name = NULL;

                ASSERT_EQ(hostname_read(cases[i].text, &name), cases[i].name ? 1 : 0);
                if (cases[i].name)
                        ASSERT_STREQ(name, cases[i].name);
        }
}

static void test_hosts(void) {
        static const char *const own[] = {
                "127.0.1.1 other.example me\n",
                "127.0.0.1\tlocalhost ME\n",
                "10.0.0.1 database\n",
                "127.0.0.1 localhost\n  fd00::1  database # mine",
                "2001:db8::1 me",
                "0.0.0.0 ads.example\n",
                "fe80::1%eth0 router\n",
        };
        static const char *const others[] = {
                "",
                "# 10.0.0.1 database me\n",
                "127.0.0.1 localhost\n127.0.1.1 builder\n::1 localhost ip6-localhost\nfe00::0 ip6-localnet\nff02::1 ip6-allnodes\n",
                "127.0.0.1 me.example mee\n",
                "127.0.0.1 localhost # me\n",
                "10.0.0.1.2 database\nnonsense\n",
                "me\n",
        };
        _cleanup_free_ char *text = NULL, *domain = NULL;

        for (size_t i = 0; i < ELEMENTSOF(own); i++)
                ASSERT_TRUE(hosts_is_own(own[i], "me"));
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                ASSERT_TRUE(!hosts_is_own(others[i], "me"));

        ASSERT_OK(hosts_make("me", &text));
        ASSERT_TRUE(strstr(text, "127.0.0.1\tlocalhost\n127.0.1.1\tme\n::1\t"));
        ASSERT_TRUE(hosts_is_own(text, "me"));
        ASSERT_OK(hosts_make("me.example.org", &domain));
        ASSERT_TRUE(strstr(domain, "\n127.0.1.1\tme.example.org me\n"));
}

static void test_resolv_conf(void) {
        static const char ours[] = "# x\noptions timeout:2\nnameserver 10.0.0.2\nnameserver fd00::2\nsearch a.example\n";
        static const struct {
                const char *before, *after; /* but for our comment */
        } cases[] = {
                { "", "nameserver 10.0.0.2\nnameserver fd00::2\nsearch a.example\n" },
                { "options edns0", "options edns0\nnameserver 10.0.0.2\nnameserver fd00::2\nsearch a.example\n" },
                { "search b\n", "search b\nnameserver 10.0.0.2\nnameserver fd00::2\n" },
                { "domain b\n", "domain b\nnameserver 10.0.0.2\nnameserver fd00::2\n" },
        };
        char *none = NULL;

        ASSERT_TRUE(resolv_conf_has_server("search b\n nameserver\t::1"));
        ASSERT_TRUE(!resolv_conf_has_server("#nameserver ::1\nnameserver\nnameservers 10.0.0.1\n"));

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *after = NULL, *bare = NULL;

                ASSERT_EQ(resolv_conf_add(cases[i].before, ours, &after), 1);
                bare = string_replace(after, "# Written by scaleway-prepare of the initrd\n", "");
                ASSERT_STREQ(bare, cases[i].after);
                ASSERT_TRUE(resolv_conf_has_server(after));
        }
        ASSERT_EQ(resolv_conf_add("", "# nothing\nsearch a\n", &none), 0);
}

/* As large as a file of the root may be, in short lines. A search to the end of the text for each of them would take minutes. */
static void test_long(void) {
        static char text[ROOT_FILE_MAX + 1];
        char *none = NULL;
        clock_t begin = clock();

        for (size_t i = 0; i < ROOT_FILE_MAX; i++)
                text[i] = i % 4 == 3 ? '\n' : ':';
        ASSERT_TRUE(!hosts_is_own(text, "me"));
        ASSERT_TRUE(!resolv_conf_has_server(text));
        ASSERT_EQ(resolv_conf_add("", text, &none), 0);
        ASSERT_TRUE(clock() - begin < 5 * CLOCKS_PER_SEC);
}

int main(void) {
        test_long();
        test_valid();
        test_hostname();
        test_hosts();
        test_resolv_conf();

        return 0;
}
