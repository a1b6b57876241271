/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "alloc-util.h"

int strdup_to(char **ret, const char *s) {
        char *copy = NULL;

        assert(ret);

        if (s) {
                copy = strdup(s);
                if (!copy)
                        return -ENOMEM;
        }

        *ret = copy;
        return 0;
}
