/* SPDX-License-Identifier: MIT */
#pragma once

#include "metadata.h"
#include "options.h"
#include "root-spec.h"

/* Where the shipped units are in the initrd. systemd goes by the name of a link, not by what it points to. */
#define SHIPPED_UNITS "/usr/lib/systemd/system"
#define DROP_IN_NAME "50-scaleway.conf"

/* What the second phase knows when it decides, and where it writes. */
typedef struct Boot {
        char **cmdline;
        Metadata *metadata; /* NULL: boot from the command line alone */
        Options *options;
        RootSpec root;
        int unit_fd; /* /run/systemd/system */
} Boot;
