/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each assertion names file, line, expression and both values, then ends the program. */

#define ASSERT_TRUE(expr)                                                                            \
        do {                                                                                         \
                if (!(expr)) {                                                                       \
                        fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #expr);         \
                        exit(EXIT_FAILURE);                                                          \
                }                                                                                    \
        } while (0)

#define ASSERT_FALSE(expr) ASSERT_TRUE(!(expr))

#define ASSERT_EQ(a, b)                                                                              \
        do {                                                                                         \
                long long _a = (long long) (a), _b = (long long) (b);                                \
                if (_a != _b) {                                                                      \
                        fprintf(stderr, "%s:%d: %s is %lld, not %s (%lld)\n", __FILE__, __LINE__,    \
                                #a, _a, #b, _b);                                                     \
                        exit(EXIT_FAILURE);                                                          \
                }                                                                                    \
        } while (0)

#define ASSERT_OK(expr)                                                                              \
        do {                                                                                         \
                long long _r = (long long) (expr);                                                   \
                if (_r < 0) {                                                                        \
                        fprintf(stderr, "%s:%d: %s failed: %s\n", __FILE__, __LINE__, #expr,         \
                                strerror((int) -_r));                                                \
                        exit(EXIT_FAILURE);                                                          \
                }                                                                                    \
        } while (0)

#define ASSERT_ERROR(expr, error) ASSERT_EQ(expr, -(error))

/* NULL equals only NULL. */
#define ASSERT_STREQ(a, b)                                                                           \
        do {                                                                                         \
                const char *_a = (a), *_b = (b);                                                     \
                if (_a && _b ? strcmp(_a, _b) != 0 : _a != _b) {                                     \
                        fprintf(stderr, "%s:%d: %s is '%s', not '%s'\n", __FILE__, __LINE__, #a,     \
                                _a ? _a : "(null)", _b ? _b : "(null)");                             \
                        exit(EXIT_FAILURE);                                                          \
                }                                                                                    \
        } while (0)
