/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "applet.h"
#include "log.h"

int install_applet(int argc, char *argv[]) {
        log_error("Not yet.");
        return EXIT_FAILURE;
}
