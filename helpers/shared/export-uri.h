/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"

typedef enum ExportUriScheme {
        EXPORT_URI_NBD,    /* nbd://HOST[:PORT][/EXPORT]: the NBD URI specification, TCP without TLS */
        EXPORT_URI_DEVICE, /* device://dev/vda: a local disk, as the metadata service writes it */
        _EXPORT_URI_SCHEME_MAX,
        _EXPORT_URI_SCHEME_INVALID = -22,
} ExportUriScheme;

#define NBD_PORT_DEFAULT 10809     /* NBD URI specification */

typedef struct ExportUri {
        ExportUriScheme scheme;
        char *host;        /* NBD: name or address, IPv6 without brackets */
        uint16_t port;     /* NBD */
        char *export_name; /* NBD: percent-decoded, "" is the default export */
        char *device;      /* device: "/dev/vda" */
} ExportUri;

/* Returns 0, -EINVAL (malformed), -EPROTONOSUPPORT (another scheme), -ENAMETOOLONG, -ENOMEM. *ret is written only on success and
 * then to be ended by export_uri_done(). */
_must_check_ int export_uri_parse(const char *s, ExportUri *ret);
void export_uri_done(ExportUri *u);
