/* SPDX-License-Identifier: MIT */
#include "alloc-util.h"
#include "resolv-conf.h"
#include "test.h"

#define HEAD "# Written by scaleway-network of the initrd\noptions timeout:2 attempts:2\n"

static void test_nameserver_is_valid(void) {
        ASSERT_TRUE(nameserver_is_valid("10.1.2.3"));
        ASSERT_TRUE(nameserver_is_valid("fd00:42::42"));
        ASSERT_TRUE(nameserver_is_valid("fe80::1%eth0"));
        ASSERT_FALSE(nameserver_is_valid(""));
        ASSERT_FALSE(nameserver_is_valid("10.1.2"));
        ASSERT_FALSE(nameserver_is_valid("10.1.2.3%eth0"));
        ASSERT_FALSE(nameserver_is_valid("10.1.2.3\nnameserver 6.6.6.6"));
        ASSERT_FALSE(nameserver_is_valid("fe80::1%"));
        ASSERT_FALSE(nameserver_is_valid("fe80::1%eth0\nx"));
        ASSERT_FALSE(nameserver_is_valid("fe80::1%abcdefghijklmnop"));
        ASSERT_FALSE(nameserver_is_valid("1111111111111111111111111111111111111111111111111111111111111111"));
}

static void check(const char *state, const char *expected) {
        const ResolvLink link = { "eth0", state };
        _cleanup_free_ char *text = NULL;

        ASSERT_EQ(resolv_conf_from_links(&link, 1, &text), expected ? 1 : 0);
        ASSERT_STREQ(text, expected);
}

static void test_from_link(void) {
        check("", NULL);
        check("OPER_STATE=routable\nDOMAINS=a.example\n", NULL);
        check("DNS=\nDOMAINS=\n", NULL);
        check("XDNS=1.1.1.1\nDNS_SERVERS=1.1.1.1\n", NULL);
        check("OPER_STATE=routable\nDNS=10.0.0.2 10.0.0.1\nNTP=10.0.0.3\nDOMAINS=b.example a.example\n",
              HEAD "nameserver 10.0.0.2\nnameserver 10.0.0.1\nsearch b.example a.example\n");
        /* No newline at the end; at most three servers. */
        check("DNS=1.1.1.1 2.2.2.2 3.3.3.3 4.4.4.4",
              HEAD "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n");
        /* The forms of DNS over TLS and of other ports. */
        check("DNS=9.9.9.9#dns.example 9.9.9.9:53 [fe80::1]:53 fd00::1\n",
              HEAD "nameserver 9.9.9.9\nnameserver fd00::1\n");
        /* Domains that only route, and what is none. */
        check("DNS=1.1.1.1\nDOMAINS=~. ~x.example a;b -c ok.example\n", HEAD "nameserver 1.1.1.1\nsearch ok.example\n");
        check("DNS=1.1.1.1\nDOMAINS=a b c d e f g h\n", HEAD "nameserver 1.1.1.1\nsearch a b c d e f\n");
        /* Each once. */
        check("DNS=1.1.1.1 1.1.1.1 2.2.2.2\nDOMAINS=a b a b\n", HEAD "nameserver 1.1.1.1\nnameserver 2.2.2.2\nsearch a b\n");
}

static void test_both_families(void) {
        /* One of each, where there is room for all of one only. */
        check("DNS=1.1.1.1 2.2.2.2 3.3.3.3 4.4.4.4 fd00::1 fd00::2\n",
              HEAD "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver fd00::1\n");
        check("DNS=fd00::1 fd00::2 fd00::3 1.1.1.1\n", HEAD "nameserver fd00::1\nnameserver fd00::2\nnameserver 1.1.1.1\n");
        /* There is one already. */
        check("DNS=1.1.1.1 fd00::1 2.2.2.2 fd00::2\n", HEAD "nameserver 1.1.1.1\nnameserver fd00::1\nnameserver 2.2.2.2\n");
        check("DNS=1.1.1.1 2.2.2.2 fd00::1 3.3.3.3\n", HEAD "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver fd00::1\n");
}

static void test_link_local(void) {
        check("DNS=fe80::1 fe80::2%eth1 fd00::1\n", HEAD "nameserver fe80::1%eth0\nnameserver fe80::2%eth1\nnameserver fd00::1\n");
        check("DNS=fe80::1#dns.example\n", HEAD "nameserver fe80::1%eth0\n");
}

static void test_several_links(void) {
        const ResolvLink links[] = {
                { "eth1", "DNS=10.1.0.1 fe80::1\nDOMAINS=one.example both.example\n" },
                { "eth0", "DNS=10.1.0.1 10.0.0.1 fe80::1\nDOMAINS=both.example zero.example\n" },
                { "eth2", "ADMIN_STATE=configured\n" },
        };
        _cleanup_free_ char *text = NULL;

        ASSERT_EQ(resolv_conf_from_links(links, ELEMENTSOF(links), &text), 1);
        ASSERT_STREQ(text, HEAD "nameserver 10.1.0.1\nnameserver fe80::1%eth1\nnameserver 10.0.0.1\n"
                                "search one.example both.example zero.example\n");
}

/* More than anybody has: what is kept is bounded. */
static void test_many(void) {
        _cleanup_free_ char *state = malloc(65536);
        const ResolvLink link = { "eth0", state };
        _cleanup_free_ char *text = NULL;
        size_t n = 4;

        ASSERT_TRUE(state);
        memcpy(state, "DNS=", 4);
        for (unsigned i = 0; n < 65000; i++)
                n += (size_t) sprintf(state + n, "10.%u.%u.%u ", i >> 16 & 255, i >> 8 & 255, i & 255);
        ASSERT_EQ(resolv_conf_from_links(&link, 1, &text), 1);
        ASSERT_STREQ(text, HEAD "nameserver 10.0.0.0\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n");
}

int main(void) {
        _cleanup_free_ char *text = NULL;

        test_nameserver_is_valid();
        test_from_link();
        test_both_families();
        test_link_local();
        test_several_links();
        test_many();

        ASSERT_EQ(resolv_conf_make("10.1.1.1", NULL, &text), 1);
        ASSERT_STREQ(text, HEAD "nameserver 10.1.1.1\n");
        ASSERT_EQ(resolv_conf_from_links(NULL, 0, &text), 0);

        return 0;
}
