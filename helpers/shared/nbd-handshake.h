/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "export-uri.h"
#include "fd-util.h"
#include "time-util.h"

/* Phases "connect" and "handshake" of the NBD protocol. What comes out is a socket in the transmission phase, with
 * simple replies only, as the kernel needs it. Every function is bounded in time whatever the server does.
 *
 * On failure they return a negative errno and, in *ret_reason (never NULL as a pointer, to be freed, holds NULL if
 * memory is short), a text that completes "Cannot attach nbd0 to 'nbd://...': ". It may quote what the server sent, but
 * only printable. */

typedef struct NbdExport {
        int fd;                        /* blocking, CLOEXEC */
        uint64_t size;                 /* bytes, as the server says, > 0 and <= INT64_MAX */
        uint32_t block_size_min;       /* 0 if the server did not say */
        uint32_t block_size_preferred; /* 0 if the server did not say */
        uint16_t flags;                /* NBD_FLAG_*, always with NBD_FLAG_HAS_FLAGS */
        bool oldstyle;
} NbdExport;

/* Closes the socket, without NBD_CMD_DISC: the kernel may be using it. */
void nbd_export_done(NbdExport *e);

/* Options by which a dead link is noticed within about 20 s, also when it is idle. They belong to the socket, so each
 * new one needs them. Returns 0 or a negative errno. */
_must_check_ int nbd_socket_tune(int fd);

/* Takes back that part of it which also ends the connection to a server that lives but takes no data for a while: for whoever looks
 * after the link. Returns 0 or a negative errno. */
_must_check_ int nbd_socket_be_patient(int fd);

/* TCP connection to host (address or name) within timeout; names are resolved by getaddrinfo(), which has time-outs of
 * its own, see RES_OPTIONS in resolv.conf(5). *ret_fd is tuned, non-blocking, CLOEXEC. */
_must_check_ int nbd_socket_connect(const char *host, uint16_t port, usec_t timeout, int *ret_fd, char **ret_reason);

/* Handshake of either style on a connected stream socket, which is taken over in any case. Errors:
 * -ENOENT no such export, -EPERM the server does not want us, -ETIMEDOUT, -ECONNRESET it closed the connection,
 * -EPROTO not the NBD protocol, -EOPNOTSUPP TLS only, or a named export from an oldstyle server, -ENODATA size 0,
 * -EFBIG larger than 2^63 - 1. */
_must_check_ int nbd_handshake(int fd, const char *export_name, usec_t timeout, NbdExport *ret, char **ret_reason);

/* nbd_socket_connect() and nbd_handshake() for a URI of scheme EXPORT_URI_NBD, both together within timeout and each
 * within NBD_TRY_TIMEOUT_USEC. */
_must_check_ int nbd_export_open(const ExportUri *uri, usec_t timeout, NbdExport *ret, char **ret_reason);

/* True if another try can hardly end otherwise: the server speaks, but says no. A server that is late, busy or has not
 * yet seen the end of our last session is none of these. */
_const_ bool nbd_error_is_permanent(int error);
