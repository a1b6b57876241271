/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>

#include "ipv6-settings.h"
#include "test.h"

static void check_good(const char *address, const char *netmask, const char *gateway, bool off_link) {
        char text[INET6_ADDRSTRLEN];
        Ipv6Problem problem;
        Ipv6Settings s;

        ASSERT_OK(ipv6_settings_parse(address, netmask, gateway, &s, &problem));
        ASSERT_STREQ(inet_ntop(AF_INET6, &s.address, text, sizeof(text)), address);
        ASSERT_STREQ(inet_ntop(AF_INET6, &s.gateway, text, sizeof(text)), gateway);
        ASSERT_EQ(s.prefix, atoi(netmask));
        ASSERT_EQ(ipv6_settings_gateway_is_off_link(&s), off_link);
}

static void test_good(void) {
        check_good("2001:db8::3", "127", "2001:db8::2", false);
        check_good("2001:db8::3", "127", "2001:db8::4", true);
        check_good("2001:db8::3", "128", "2001:db8::2", true);
        check_good("2001:db8::3", "64", "2001:db8::ffff:0:0:1", false);
        check_good("2001:db8::3", "64", "2001:db8:0:1::1", true);
        check_good("2001:db8::3", "1", "3fff::1", false);
        check_good("2001:db8::3", "62", "2001:db8:0:3::1", false);
        check_good("2001:db8::3", "62", "2001:db8:0:4::1", true);
        check_good("2001:db8::3", "128", "fe80::1", false);
        check_good("fd00::3", "64", "fd00::1", false);
}

static void check_bad(const char *address, const char *netmask, const char *gateway, const char *key) {
        Ipv6Settings s = { .prefix = 7 };
        Ipv6Problem problem = {};

        ASSERT_ERROR(ipv6_settings_parse(address, netmask, gateway, &s, &problem), EINVAL);
        ASSERT_STREQ(problem.key, key);
        ASSERT_TRUE(problem.value && problem.reason);
        ASSERT_EQ(s.prefix, 7);
}

static void test_bad(void) {
        static const char *const addresses[] = {
                "", "x", "10.0.0.1", "::", "::1", "::ffff:10.0.0.1", "::10.0.0.1", "ff02::1", "2001:db8::1/64", "2001:db8::1%eth0",
                " 2001:db8::1", "[2001:db8::1]", "fe80::1",
        };
        static const char *const gateways[] = {
                "", "x", "10.0.0.1", "::", "::1", "::ffff:10.0.0.1", "ff02::2", "2001:db8::3",
        };
        static const char *const netmasks[] = { "", "0", "129", "200", "-1", "+64", "64 ", "0x40", "ffff::", "18446744073709551680" };

        for (size_t i = 0; i < ELEMENTSOF(addresses); i++)
                check_bad(addresses[i], "64", "2001:db8::1", "address");
        for (size_t i = 0; i < ELEMENTSOF(netmasks); i++)
                check_bad("2001:db8::3", netmasks[i], "2001:db8::1", "netmask");
        for (size_t i = 0; i < ELEMENTSOF(gateways); i++)
                check_bad("2001:db8::3", "64", gateways[i], "gateway");
        check_bad(NULL, "64", "2001:db8::1", "address");
        check_bad("2001:db8::3", NULL, "2001:db8::1", "netmask");
        check_bad("2001:db8::3", "64", NULL, "gateway");
}

int main(void) {
        test_good();
        test_bad();

        return 0;
}
