/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "applet.h"
#include "log.h"
#include "nbd-netlink.h"
#include "nbd-status.h"

int shutdown_applet(int argc, char *argv[]) {
        NbdNetlink *n = NULL;
        int r;

        r = nbd_netlink_open(&n);
        if (r < 0) {
                log_error_errno(r, "No netlink: %m");
                return EXIT_FAILURE;
        }
        r = nbd_netlink_disconnect(n, 0);
        nbd_netlink_close(n);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
