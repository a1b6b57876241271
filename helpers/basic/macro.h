/* SPDX-License-Identifier: MIT */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _const_ __attribute__((const))
#define _hidden_ __attribute__((visibility("hidden")))
#define _must_check_ __attribute__((warn_unused_result))
#define _nonnull_(...) __attribute__((nonnull(__VA_ARGS__)))
#define _noreturn_ __attribute__((noreturn))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _pure_ __attribute__((pure))
#define _sentinel_ __attribute__((sentinel))
#define _unused_ __attribute__((unused))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))

#define MIN(a, b)                                  \
        ({                                         \
                __typeof__(a) _min_a = (a);        \
                __typeof__(b) _min_b = (b);        \
                _min_a < _min_b ? _min_a : _min_b; \
        })
#define MAX(a, b)                                  \
        ({                                         \
                __typeof__(a) _max_a = (a);        \
                __typeof__(b) _max_b = (b);        \
                _max_a > _max_b ? _max_a : _max_b; \
        })

/* Hands a pointer over: evaluates to its value and leaves NULL behind, so that a cleanup attribute has nothing to do. */
#define TAKE_PTR(p)                          \
        ({                                   \
                __typeof__(p) *_pp = &(p);   \
                __typeof__(p) _ret = *_pp;   \
                *_pp = NULL;                 \
                _ret;                        \
        })

/* Declares foo_freep() for a cleanup attribute out of foo_free(). */
#define DEFINE_TRIVIAL_CLEANUP_FUNC(type, func)             \
        static inline _unused_ void func##p(type *p) {      \
                if (*p)                                     \
                        (void) func(*p);                    \
        }
