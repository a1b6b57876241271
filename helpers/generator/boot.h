/* SPDX-License-Identifier: MIT */
#pragma once

#include "metadata.h"
#include "options.h"
#include "root-spec.h"

/* Where the shipped units are in the initrd. systemd goes by the name of a link, not by what it points to. */
#define SHIPPED_UNITS "/usr/lib/systemd/system"
#define DROP_IN_NAME "50-scaleway.conf"

typedef struct Boot Boot;

/* One of each value of boot=. */
typedef struct BootMode {
        const char *name;
        bool device;      /* the root is a device: RootSpec says which */
        bool network;     /* what is behind the network is needed whatever the root */
        bool all_volumes; /* the root is on none of the volumes, so volume 0 is one of the others */
        bool installs;    /* it may take an hour until there is a root; "booted" is said before */
        bool memory;      /* the root is in memory */
        bool person;      /* it is not known when there will be a root */
        int (*write)(const Boot *b);
} BootMode;

/* What the second phase knows when it decides, and where it writes. */
struct Boot {
        char **cmdline;
        Metadata *metadata; /* NULL: boot from the command line alone */
        Options *options;
        const BootMode *mode;
        RootSpec root; /* of a mode that has a device */
        bool sshd;     /* a person can log in by ssh */
        int unit_fd;   /* /run/systemd/system */
};
