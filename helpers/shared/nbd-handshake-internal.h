/* SPDX-License-Identifier: MIT */
#pragma once

#include "nbd-handshake.h"
#include "nbd-protocol.h"

/* For nbd-handshake.c and what does the newstyle part for it. */

/* What the kernel makes use of; the same set whichever style the server is. */
#define NBD_FLAGS_KNOWN                                                                                                   \
        (NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | NBD_FLAG_ROTATIONAL |     \
         NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_CAN_MULTI_CONN)

/* Returns error, to write return handshake_fail(ret_reason, -EPROTO, ...). */
_printf_(3, 4) int handshake_fail(char **ret_reason, int error, const char *format, ...);
/* The same with the text of the error. "Connection refused" -> "connection refused", because it follows a colon. */
int handshake_fail_errno(char **ret_reason, int error);
int handshake_fail_timeout(char **ret_reason, usec_t timeout);
int handshake_fail_closed(char **ret_reason);

/* 0, or -ENODATA or -EFBIG with the reason. */
_must_check_ int handshake_check_size(uint64_t size, char **ret_reason);

int handshake_remaining_msec(usec_t deadline);
/* Returns the events that came, or -ETIMEDOUT. */
_must_check_ int handshake_wait(int fd, short events, usec_t deadline);

/* On a socket on which the server has begun, of which nothing was read. *ret gets no descriptor. */
_must_check_ int nbd_handshake_newstyle(int fd, const char *export_name, usec_t deadline, usec_t timeout, NbdExport *ret, char **ret_reason);
