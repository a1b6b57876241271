/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "applet.h"
#include "log.h"
#include "string-util.h"

/* Images that load a kernel by themselves look whether this file exists and whether the way back says "kexec -e"; else
 * they patch it. What they want is done by the verb kexec of shutdown, so there is nothing left to do here. */
int kexec_applet(int argc, char *argv[]) {
        if (argc == 2 && streq(argv[1], "-e"))
                log_error("Instead of 'kexec -e' say '/run/initramfs/shutdown kexec', which detaches the volumes "
                          "first.");
        else
                log_error("This kexec loads nothing; the system's own one does. See scaleway-exit(8).");
        return EXIT_FAILURE;
}
