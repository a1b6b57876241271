/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "release.h"
#include "string-util.h"
#include "test.h"

static const struct {
        const char *text, *value; /* value NULL: there is none */
} cases[] = {
        { "KEY=value\n", "value" },
        { "KEY=value", "value" },
        { "KEY=\"two words\"\n", "two words" },
        { "KEY='it \"is\"'\n", "it \"is\"" },
        { "KEY=\"half\n", "\"half" },
        { "KEY=\"\n", "\"" },
        { "  KEY=value  \r\n", "value" },
        { "OTHER=1\nKEY=a=b\n", "a=b" },
        { "KEY=first\nKEY=last\n", "last" },
        { "KEY=first\nKEY=\n", NULL },
        { "#KEY=value\n", NULL },
        { "KEY2=value\nMY_KEY=value\nKEY =value\n", NULL },
        { "KEY=\"\"\n", NULL },
        { "KEY", NULL },
        { "KEY=", NULL },
        { "", NULL },
};

int main(void) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *value = NULL;

                ASSERT_EQ(release_value(cases[i].text, "KEY", &value), cases[i].value ? 1 : 0);
                if (cases[i].value)
                        ASSERT_STREQ(value, cases[i].value);
                free(value);
        }

        return 0;
}
