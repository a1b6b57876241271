/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "applet.h"

/* dracut-shutdown.service unpacks an initrd of the image over /run/initramfs unless there is a bin/sh, so there is one.
 */
int shell_applet(int argc, char *argv[]) {
        (void) fputs("There is no shell in /run/initramfs, see scaleway-exit(8).\n", stderr);
        return EXIT_FAILURE;
}
