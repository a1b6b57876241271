/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "network-utab.h"
#include "string-util.h"
#include "test.h"

static const struct {
        const char *before, *after; /* after NULL: nothing to change */
} cases[] = {
        { "ID=102 SRC=/dev/nbd0 TARGET=/sysroot ROOT=/ OPTS=_netdev\n", "SRC=/dev/nbd0 TARGET=/ ROOT=/ OPTS=_netdev\n" },
        /* Older versions of libmount know no ids. */
        { "SRC=/dev/nbd0 TARGET=/sysroot ROOT=/ OPTS=_netdev\n", "SRC=/dev/nbd0 TARGET=/ ROOT=/ OPTS=_netdev\n" },
        { "ID=7 UNIQID=9 SRC=/dev/mapper/a-b TARGET=/sysroot/usr ROOT=/@ OPTS=_netdev,x=ID=3",
          "SRC=/dev/mapper/a-b TARGET=/usr ROOT=/@ OPTS=_netdev,x=ID=3\n" },
        /* Mounts that stay where they are, and lines that are no lines, between two of the root's. */
        { "ID=1 SRC=a TARGET=/sysroot ROOT=/ OPTS=x\nID=2 SRC=b TARGET=/run/c ROOT=/ OPTS=y\n\n?\n"
          "ID=3 SRC=/sysroot TARGET=/sysrooted ROOT=/sysroot OPTS=z\nID=4 SRC=d TARGET=/sysroot/e\\040f ROOT=/ ATTRS=g\n",
          "SRC=a TARGET=/ ROOT=/ OPTS=x\nID=2 SRC=b TARGET=/run/c ROOT=/ OPTS=y\n?\n"
          "ID=3 SRC=/sysroot TARGET=/sysrooted ROOT=/sysroot OPTS=z\nSRC=d TARGET=/e\\040f ROOT=/ ATTRS=g\n" },
        { "ID=102 SRC=/dev/nbd0 TARGET=/ ROOT=/ OPTS=_netdev\n", NULL },
        { "TARGET=\n", NULL },
        { "ID=\n", NULL },
        { " ", NULL },
        { "", NULL },
};

int main(void) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *after = NULL;

                ASSERT_EQ(utab_move_root(cases[i].before, "/sysroot", &after), cases[i].after ? 1 : 0);
                if (cases[i].after)
                        ASSERT_STREQ(after, cases[i].after);
                free(after);
        }

        return 0;
}
