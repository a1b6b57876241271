/* SPDX-License-Identifier: MIT */
/* Newstyle negotiation by hand, for the static program, which cannot have libnbd; the words are those of nbd-newstyle.c. NBD_OPT_GO, or
 * NBD_OPT_EXPORT_NAME for a server that does not know it. Nothing is read beyond what the server has to say: what follows is the
 * kernel's. */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "bounds.h"
#include "nbd-handshake-internal.h"
#include "string-util.h"

/* NBD protocol, "Newstyle negotiation" */
#define EXPORT_NAME_ZEROES 124U

typedef struct __attribute__((packed)) Greeting {
        uint64_t nbdmagic, newstyle;
        uint16_t flags;
} Greeting;

typedef struct __attribute__((packed)) OptionHead {
        uint64_t magic;
        uint32_t option, length;
} OptionHead;

typedef struct __attribute__((packed)) ReplyHead {
        uint64_t magic;
        uint32_t option, type, length;
} ReplyHead;

typedef struct __attribute__((packed)) InfoExport {
        uint16_t type;
        uint64_t size;
        uint16_t flags;
} InfoExport;

typedef struct __attribute__((packed)) InfoBlockSize {
        uint16_t type;
        uint32_t min, preferred, max;
} InfoBlockSize;

typedef struct Negotiation {
        int fd;
        usec_t deadline, timeout;
        const char *export_name;
        char **reason;
} Negotiation;

static int protocol_error(const Negotiation *g, const char *detail) {
        return handshake_fail(g->reason, -EPROTO, "the server does not keep to the NBD protocol (%s)", detail);
}

/* What came in place of the data, or went wrong with the socket. */
static int socket_error(const Negotiation *g, int error) {
        if (error == -ETIMEDOUT)
                return handshake_fail_timeout(g->reason, g->timeout);
        if (error == -ECONNRESET || error == -EPIPE)
                return handshake_fail_closed(g->reason);

        return handshake_fail_errno(g->reason, error);
}

static int receive_all(const Negotiation *g, void *data, size_t size) {
        for (size_t n = 0; n < size;) {
                ssize_t k;
                int r;

                r = handshake_wait(g->fd, POLLIN, g->deadline);
                if (r < 0)
                        return socket_error(g, r);
                k = recv(g->fd, (uint8_t *) data + n, size - n, MSG_DONTWAIT);
                if (k == 0)
                        return socket_error(g, -ECONNRESET);
                if (k < 0 && errno != EAGAIN && errno != EINTR)
                        return socket_error(g, -errno);
                n += k > 0 ? (size_t) k : 0;
        }

        return 0;
}

static int send_all(const Negotiation *g, const void *data, size_t size) {
        for (size_t n = 0; n < size;) {
                ssize_t k;
                int r;

                r = handshake_wait(g->fd, POLLOUT, g->deadline);
                if (r < 0)
                        return socket_error(g, r);
                k = send(g->fd, (const uint8_t *) data + n, size - n, MSG_DONTWAIT | MSG_NOSIGNAL);
                /* What it has said before it closed says why, if it has said anything. */
                if (k < 0 && errno == EPIPE)
                        return 0;
                if (k < 0 && errno != EAGAIN && errno != EINTR)
                        return socket_error(g, -errno);
                n += k > 0 ? (size_t) k : 0;
        }

        return 0;
}

static int send_option(const Negotiation *g, uint32_t option, const void *data, size_t size) {
        OptionHead head = { .magic = htobe64(NBD_NEWSTYLE_MAGIC), .option = htobe32(option), .length = htobe32((uint32_t) size) };
        int r;

        r = send_all(g, &head, sizeof(head));
        return r < 0 ? r : send_all(g, data, size);
}

static int set_export(const Negotiation *g, uint64_t size, uint16_t flags, NbdExport *ret) {
        int r;

        r = handshake_check_size(size, g->reason);
        if (r < 0)
                return r;

        ret->size = size;
        ret->flags = (flags & NBD_FLAGS_KNOWN) | NBD_FLAG_HAS_FLAGS;
        return 0;
}

/* The server closes the connection if it has no such export. */
static int option_export_name(const Negotiation *g, bool zeroes, NbdExport *ret) {
        struct __attribute__((packed)) {
                uint64_t size;
                uint16_t flags;
                uint8_t zeroes[EXPORT_NAME_ZEROES];
        } answer;
        int r;

        r = send_option(g, NBD_OPT_EXPORT_NAME, g->export_name, strlen(g->export_name));
        if (r < 0)
                return r;
        r = receive_all(g, &answer, sizeof(answer) - (zeroes ? 0 : EXPORT_NAME_ZEROES));
        if (r < 0)
                return r;

        return set_export(g, be64toh(answer.size), be16toh(answer.flags), ret);
}

/* Length of the name, the name, one kind of information that is asked for. */
static int send_go(const Negotiation *g) {
        size_t n = strlen(g->export_name);
        _cleanup_free_ uint8_t *data = malloc(sizeof(uint32_t) + n + 2 * sizeof(uint16_t));
        const uint16_t wanted[] = { htobe16(1), htobe16(NBD_INFO_BLOCK_SIZE) };
        uint32_t length = htobe32((uint32_t) n);

        if (!data)
                return handshake_fail_errno(g->reason, -ENOMEM);
        memcpy(data, &length, sizeof(length));
        memcpy(data + sizeof(length), g->export_name, n);
        memcpy(data + sizeof(length) + n, wanted, sizeof(wanted));

        return send_option(g, NBD_OPT_GO, data, sizeof(length) + n + sizeof(wanted));
}

static int take_info(const Negotiation *g, const uint8_t *data, size_t size, NbdExport *ret) {
        InfoBlockSize block;
        InfoExport export;
        uint16_t type;

        if (size < sizeof(type))
                return protocol_error(g, "an information that is too short");
        memcpy(&type, data, sizeof(type));

        switch (be16toh(type)) {
        case NBD_INFO_EXPORT:
                if (size != sizeof(export))
                        return protocol_error(g, "information on the export of a wrong length");
                memcpy(&export, data, sizeof(export));
                return set_export(g, be64toh(export.size), be16toh(export.flags), ret);
        case NBD_INFO_BLOCK_SIZE:
                if (size != sizeof(block))
                        return protocol_error(g, "information on the block size of a wrong length");
                memcpy(&block, data, sizeof(block));
                ret->block_size_min = be32toh(block.min);
                ret->block_size_preferred = be32toh(block.preferred);
                return 0;
        default:
                return 0;
        }
}

static int refused(const Negotiation *g, uint32_t type) {
        switch (type) {
        case NBD_REP_ERR_UNKNOWN:
                return handshake_fail(g->reason, -ENOENT, "the server has no export '%s'", g->export_name);
        case NBD_REP_ERR_TLS_REQD:
                return handshake_fail(g->reason, -EOPNOTSUPP, "the server wants TLS, which is not supported");
        case NBD_REP_ERR_POLICY:
        case NBD_REP_ERR_PLATFORM:
                return handshake_fail(g->reason, -EPERM, "the server refuses the export '%s'", g->export_name);
        case NBD_REP_ERR_SHUTDOWN:
                return handshake_fail(g->reason, -ECONNREFUSED, "the server is shutting down");
        default:
                return protocol_error(g, "it does not take NBD_OPT_GO");
        }
}

/* Returns 1 if the server is in the transmission phase, 0 if it does not know the option, or an error. */
static int option_go(const Negotiation *g, NbdExport *ret) {
        int r;

        r = send_go(g);
        if (r < 0)
                return r;

        for (unsigned i = 0; i < NBD_REPLIES_MAX; i++) {
                uint8_t data[NBD_REPLY_MAX];
                ReplyHead head;
                uint32_t type, length;

                r = receive_all(g, &head, sizeof(head));
                if (r < 0)
                        return r;
                type = be32toh(head.type);
                length = be32toh(head.length);
                if (be64toh(head.magic) != NBD_REP_MAGIC || be32toh(head.option) != NBD_OPT_GO)
                        return protocol_error(g, "a reply that was not asked for");
                if (length > sizeof(data))
                        return protocol_error(g, "a reply that is too long");
                r = receive_all(g, data, length);
                if (r < 0)
                        return r;

                if (type == NBD_REP_ACK)
                        return ret->size > 0 ? 1 : protocol_error(g, "no size of the export");
                if (type == NBD_REP_ERR_UNSUP)
                        return 0;
                if (type != NBD_REP_INFO)
                        return refused(g, type);
                r = take_info(g, data, length, ret);
                if (r < 0)
                        return r;
        }

        return protocol_error(g, "replies without end");
}

int nbd_handshake_newstyle(int fd, const char *export_name, usec_t deadline, usec_t timeout, NbdExport *ret, char **ret_reason) {
        const Negotiation g = { .fd = fd, .deadline = deadline, .timeout = timeout, .export_name = export_name, .reason = ret_reason };
        NbdExport e = { .fd = -EBADF };
        uint32_t client_flags;
        Greeting greeting;
        uint16_t flags;
        int r;

        r = receive_all(&g, &greeting, sizeof(greeting));
        if (r < 0)
                return r;
        if (be64toh(greeting.nbdmagic) != NBD_INIT_MAGIC || be64toh(greeting.newstyle) != NBD_NEWSTYLE_MAGIC)
                return protocol_error(&g, "it does not begin with the NBD magic");
        if (strlen(export_name) > NBD_EXPORT_NAME_MAX)
                return handshake_fail(ret_reason, -EOPNOTSUPP, "the name of the export is too long");

        flags = be16toh(greeting.flags);
        client_flags = htobe32(flags & (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES));
        r = send_all(&g, &client_flags, sizeof(client_flags));
        if (r < 0)
                return r;

        r = flags & NBD_FLAG_FIXED_NEWSTYLE ? option_go(&g, &e) : 0;
        if (r < 0)
                return r;
        if (r == 0) {
                r = option_export_name(&g, !(flags & NBD_FLAG_NO_ZEROES), &e);
                if (r < 0)
                        return r;
        }

        *ret = e;
        return 0;
}
