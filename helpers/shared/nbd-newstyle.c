/* SPDX-License-Identifier: MIT */
/* Newstyle negotiation by libnbd. The static program, which cannot have libnbd, has a file of its own for it: exit/nbd-newstyle-plain.c. */
#include <errno.h>
#include <fcntl.h>
#include <libnbd.h>
#include <sys/socket.h>

#include "nbd-handshake-internal.h"
#include "nbd-protocol.h"
#include "string-util.h"

static void nbd_closep(struct nbd_handle **h) {
        if (*h)
                nbd_close(*h);
}

static int read_export(struct nbd_handle *h, NbdExport *ret, char **ret_reason) {
        static const struct {
                int (*get)(struct nbd_handle *h);
                uint16_t flag;
        } flags[] = {
                { nbd_is_read_only,   NBD_FLAG_READ_ONLY         },
                { nbd_can_flush,      NBD_FLAG_SEND_FLUSH        },
                { nbd_can_fua,        NBD_FLAG_SEND_FUA          },
                { nbd_is_rotational,  NBD_FLAG_ROTATIONAL        },
                { nbd_can_trim,       NBD_FLAG_SEND_TRIM         },
                { nbd_can_zero,       NBD_FLAG_SEND_WRITE_ZEROES },
                { nbd_can_multi_conn, NBD_FLAG_CAN_MULTI_CONN    },
        };
        int64_t size = nbd_get_size(h), min, preferred;
        int r;

        /* libnbd keeps sizes in 63 bits and has no other error here. */
        r = handshake_check_size(size < 0 ? UINT64_MAX : (uint64_t) size, ret_reason);
        if (r < 0)
                return r;

        min = nbd_get_block_size(h, LIBNBD_SIZE_MINIMUM);
        preferred = nbd_get_block_size(h, LIBNBD_SIZE_PREFERRED);
        *ret = (NbdExport) {
                .fd = -EBADF,
                .size = (uint64_t) size,
                .block_size_min = min > 0 && min <= UINT32_MAX ? (uint32_t) min : 0,
                .block_size_preferred = preferred > 0 && preferred <= UINT32_MAX ? (uint32_t) preferred : 0,
                .flags = NBD_FLAG_HAS_FLAGS,
        };
        for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                if (flags[i].get(h) > 0)
                        ret->flags |= flags[i].flag;

        return 0;
}

/* True if the peer has ended the connection and all that it sent was read. libnbd has no errno of its own for that. */
static bool is_closed(int fd) {
        char c;
        ssize_t k = recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);

        return k == 0 || (k < 0 && errno != EAGAIN && errno != EINTR);
}

/* Turns libnbd's last error into one of ours; error is an errno or 0. */
static int fail_libnbd(int fd, char **ret_reason, int error, const char *export_name) {
        const char *text = nbd_get_error(), *detail;

        switch (error) {
        case ENOENT:
                return handshake_fail(ret_reason, -ENOENT, "the server has no export '%s'", export_name);
        case ENOTSUP:
                /* NBD_REP_ERR_TLS_REQD, NBD_REP_ERR_POLICY and NBD_REP_ERR_PLATFORM: only the text tells them apart. */
                if (text && strstr(text, "TLS"))
                        return handshake_fail(ret_reason, -EOPNOTSUPP, "the server wants TLS, which is not supported");
                return handshake_fail(ret_reason, -EPERM, "the server refuses the export '%s'", export_name);
        case ESHUTDOWN:
                return handshake_fail(ret_reason, -ECONNREFUSED, "the server is shutting down");
        case ENOMEM:
                return handshake_fail_errno(ret_reason, -ENOMEM);
        default:
                if (is_closed(fd))
                        return handshake_fail_closed(ret_reason);
                /* "nbd_poll: handshake: ..." */
                detail = text ? strstr(text, "handshake: ") : NULL;
                return handshake_fail(ret_reason, -EPROTO, "the server does not keep to the NBD protocol (%s)",
                            detail ? detail + strlen("handshake: ") : text ?: "no details");
        }
}

/* Goes on until libnbd waits for us again, see the state diagram in libnbd(3). */
static int drive(struct nbd_handle *h, usec_t deadline) {
        while (nbd_aio_is_connecting(h)) {
                int k = nbd_poll(h, handshake_remaining_msec(deadline));

                if (k < 0)
                        return nbd_get_errno() == 0 ? -EPROTO : -nbd_get_errno();
                if (k == 0 && now_usec() >= deadline)
                        return -ETIMEDOUT;
        }

        return 0;
}

static int option_completed(void *userdata, int *error) {
        *(int *) userdata = *error;
        return 1;
}

/* The kernel knows simple replies only; with anything else negotiated it would end the link at the first answer. */
static int prepare_handle(struct nbd_handle *h, const char *export_name) {
        if (nbd_set_request_structured_replies(h, false) < 0 ||
#ifdef LIBNBD_HAVE_NBD_SET_REQUEST_EXTENDED_HEADERS /* libnbd 1.18 */
            nbd_set_request_extended_headers(h, false) < 0 ||
#endif
#ifdef LIBNBD_HAVE_NBD_SET_REQUEST_META_CONTEXT /* libnbd 1.16 */
            nbd_set_request_meta_context(h, false) < 0 ||
#endif
            nbd_set_opt_mode(h, true) < 0 || nbd_set_export_name(h, export_name) < 0)
                return nbd_get_errno() == 0 ? -EINVAL : -nbd_get_errno();

        return 0;
}

int nbd_handshake_newstyle(int fd, const char *export_name, usec_t deadline, usec_t timeout, NbdExport *ret,
                              char **ret_reason) {
        _cleanup_(nbd_closep) struct nbd_handle *h = NULL;
        int r, copy, refused = 0;

        h = nbd_create();
        if (!h)
                return handshake_fail_errno(ret_reason, -ENOMEM);
        r = prepare_handle(h, export_name);
        if (r < 0)
                return handshake_fail_errno(ret_reason, r);

        /* nbd_close() closes the socket, so libnbd gets one of its own, which it owns also if connecting fails: then the
         * server's first bytes were there already, and wrong. nbd_shutdown() is not for us: it says goodbye. */
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return handshake_fail_errno(ret_reason, -errno);
        if (nbd_aio_connect_socket(h, copy) < 0)
                return fail_libnbd(fd, ret_reason, nbd_get_errno(), export_name);

        r = drive(h, deadline);
        if (r >= 0 && nbd_aio_is_negotiating(h)) {
                if (nbd_aio_opt_go(h, (nbd_completion_callback){ .callback = option_completed,
                                                                 .user_data = &refused }) < 0)
                        return fail_libnbd(fd, ret_reason, nbd_get_errno(), export_name);
                r = drive(h, deadline);
        }
        if (r == -ETIMEDOUT)
                return handshake_fail_timeout(ret_reason, timeout);
        if (r < 0 || refused != 0)
                return fail_libnbd(fd, ret_reason, refused != 0 ? refused : -r, export_name);
        if (!nbd_aio_is_ready(h))
                return handshake_fail_closed(ret_reason);

        return read_export(h, ret, ret_reason);
}
