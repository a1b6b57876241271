/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "fstab.h"
#include "string-util.h"
#include "test.h"

static const struct {
        const char *before, *after; /* after NULL: nothing to change */
} cases[] = {
        { "UUID=1 /boot/efi vfat rw 0 1\n", "UUID=1 /boot/efi vfat rw,nofail 0 1\n" },
        { "UUID=1 /boot/efi vfat umask=0077", "UUID=1 /boot/efi vfat umask=0077,nofail" },
        { "UUID=1\t/boot/efi\t\tvfat   defaults\t0 1", "UUID=1\t/boot/efi\t\tvfat   defaults,nofail\t0 1" },
        { "  UUID=1 /boot/efi vfat rw", "  UUID=1 /boot/efi vfat rw,nofail" },
        { "# c\n\n/dev/x / ext4 rw 0 1\r\nUUID=1 /boot/efi vfat rw 0 1\n#end",
          "# c\n\n/dev/x / ext4 rw 0 1\r\nUUID=1 /boot/efi vfat rw,nofail 0 1\n#end" },
        { "UUID=1 /boot/efi vfat rw,nofail 0 1\n", NULL },
        { "UUID=1 /boot/efi vfat noauto 0 1\n", NULL },
        { "UUID=1 /boot/efi vfat rw,nofailure 0 1\n", "UUID=1 /boot/efi vfat rw,nofailure,nofail 0 1\n" },
        { "#UUID=1 /boot/efi vfat rw 0 1\n", NULL },
        { "UUID=1 /boot/efi2 vfat rw 0 1\n", NULL },
        { "UUID=1 /boot vfat rw 0 1\n", NULL },
        { "UUID=1 /boot/efi vfat\n", NULL },
        { "UUID=1 /boot/efi vfat  \n  rw\n", NULL },
        { "UUID=1 /boot/efi vfat noauto\nUUID=2 /boot/efi vfat rw", "UUID=1 /boot/efi vfat noauto\nUUID=2 /boot/efi vfat rw,nofail" },
        { "", NULL },
        { "\n\n", NULL },
        { " ", NULL },
};

int main(void) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *after = NULL;

                ASSERT_EQ(fstab_add_nofail(cases[i].before, "/boot/efi", &after), cases[i].after ? 1 : 0);
                if (cases[i].after)
                        ASSERT_STREQ(after, cases[i].after);
                free(after);
        }

        return 0;
}
