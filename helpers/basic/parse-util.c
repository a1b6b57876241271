/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <strings.h>

#include "parse-util.h"

int parse_boolean(const char *s, bool *ret) {
        static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
        static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

        assert(s);
        assert(ret);

        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                if (strcasecmp(s, yes[i]) == 0) {
                        *ret = true;
                        return 0;
                }
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                if (strcasecmp(s, no[i]) == 0) {
                        *ret = false;
                        return 0;
                }

        return -EINVAL;
}

int parse_uint64(const char *s, uint64_t *ret) {
        uint64_t v = 0;

        assert(s);
        assert(ret);

        if (!*s)
                return -EINVAL;

        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                if (__builtin_mul_overflow(v, UINT64_C(10), &v) || __builtin_add_overflow(v, (uint64_t) (*s - '0'), &v))
                        return -ERANGE;
        }

        *ret = v;
        return 0;
}

int parse_unsigned(const char *s, unsigned *ret) {
        uint64_t v;
        int r;

        assert(ret);

        r = parse_uint64(s, &v);
        if (r < 0)
                return r;
        if (v > UINT_MAX)
                return -ERANGE;

        *ret = (unsigned) v;
        return 0;
}

int parse_port(const char *s, uint16_t *ret) {
        uint64_t v;
        int r;

        assert(ret);

        r = parse_uint64(s, &v);
        if (r < 0)
                return r;
        if (v == 0 || v > UINT16_MAX)
                return -ERANGE;

        *ret = (uint16_t) v;
        return 0;
}

int parse_date(const char *s, time_t *ret) {
        struct tm tm = {};
        const char *end;

        assert(s);
        assert(ret);

        end = strptime(s, "%Y-%m-%d", &tm);
        if (!end || *end != '\0')
                return -EINVAL;

        *ret = timegm(&tm);
        return 0;
}
