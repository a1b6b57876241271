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
        _cleanup_free_ char *text = NULL;

        ASSERT_EQ(resolv_conf_from_networkd(state, &text), expected ? 1 : 0);
        ASSERT_STREQ(text, expected);
}

static void test_from_networkd(void) {
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
}

int main(void) {
        _cleanup_free_ char *text = NULL;

        test_nameserver_is_valid();
        test_from_networkd();

        ASSERT_EQ(resolv_conf_make("10.1.1.1", NULL, &text), 1);
        ASSERT_STREQ(text, HEAD "nameserver 10.1.1.1\n");

        return 0;
}
