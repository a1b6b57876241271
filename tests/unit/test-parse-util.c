/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "parse-util.h"
#include "test.h"

static void test_parse_boolean(void) {
        bool b = false;

        ASSERT_OK(parse_boolean("1", &b));
        ASSERT_TRUE(b);
        ASSERT_OK(parse_boolean("No", &b));
        ASSERT_FALSE(b);
        ASSERT_ERROR(parse_boolean("", &b), EINVAL);
        ASSERT_ERROR(parse_boolean("2", &b), EINVAL);
        ASSERT_ERROR(parse_boolean("1 ", &b), EINVAL);
}

static void test_parse_numbers(void) {
        uint64_t v = 7;
        unsigned u = 7;
        uint16_t p = 7;

        ASSERT_OK(parse_uint64("18446744073709551615", &v));
        ASSERT_TRUE(v == UINT64_MAX);
        ASSERT_ERROR(parse_uint64("18446744073709551616", &v), ERANGE);
        ASSERT_ERROR(parse_uint64("-1", &v), EINVAL);
        ASSERT_ERROR(parse_uint64("+1", &v), EINVAL);
        ASSERT_ERROR(parse_uint64(" 1", &v), EINVAL);
        ASSERT_ERROR(parse_uint64("0x1", &v), EINVAL);
        ASSERT_ERROR(parse_uint64("", &v), EINVAL);
        ASSERT_ERROR(parse_unsigned("4294967296", &u), ERANGE);
        ASSERT_EQ(u, 7);
        ASSERT_OK(parse_port("65535", &p));
        ASSERT_EQ(p, 65535);
        ASSERT_ERROR(parse_port("0", &p), ERANGE);
        ASSERT_ERROR(parse_port("65536", &p), ERANGE);
        ASSERT_EQ(p, 65535);
}

static void test_parse_date(void) {
        time_t t = 7;

        ASSERT_OK(parse_date("2026-11-27", &t));
        ASSERT_EQ(t, 1795737600);
        ASSERT_OK(parse_date("1970-01-01", &t));
        ASSERT_EQ(t, 0);
        ASSERT_ERROR(parse_date("", &t), EINVAL);
        ASSERT_ERROR(parse_date("2026-11", &t), EINVAL);
        ASSERT_ERROR(parse_date("2026-13-01", &t), EINVAL);
        ASSERT_ERROR(parse_date("2026-11-27 ", &t), EINVAL);
        ASSERT_ERROR(parse_date("some day", &t), EINVAL);
        ASSERT_EQ(t, 0);
}

int main(void) {
        test_parse_boolean();
        test_parse_numbers();
        test_parse_date();
        return EXIT_SUCCESS;
}
