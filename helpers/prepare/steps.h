/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* The root file system, and what is known of the server that it is for. */
typedef struct Root {
        int fd;                 /* its directory */
        const char *hostname;   /* of the metadata, valid; NULL: not known */
        const char *machine_id; /* the server's id as one; NULL: not known */
        bool partitioned;       /* it is not on a whole disk, see root-source.h */
        bool reset_password;    /* a new one, whatever root has */
} Root;

/* What is done to it before it is switched to. Each step returns 0, also if there was nothing to do, or a negative errno; none of
 * them is worth a boot. */

/* Image and how full the root is, on the console. */
_must_check_ int show_image(const Root *root);

/* The directories that switch-root moves its mounts to, and the device nodes that an init without devtmpfs wants. */
_must_check_ int make_device_nodes(const Root *root);

/* Leases of dhclient that came with the image are those of another server; unless no-initrd-cleanup lies beside them. */
_must_check_ int remove_leases(const Root *root);

/* The EFI system partition of an image that was made for a local disk may not be there over NBD: no boot waits for it. */
_must_check_ int relax_efi(const Root *root);

/* /etc/hostname, if there is no name in it. */
_must_check_ int fill_hostname(const Root *root);

/* /etc/resolv.conf, with the initrd's DNS servers, if there is none in it. */
_must_check_ int fill_resolv_conf(const Root *root);

/* /etc/hosts, once, if it is none of the owner's. */
_must_check_ int fill_hosts(const Root *root);

/* A password for root, if it has none or a new one is asked for. */
_must_check_ int set_root_password(const Root *root);

/* /etc/machine-id if it is empty, and what D-Bus has beside it. */
_must_check_ int set_machine_id(const Root *root);
