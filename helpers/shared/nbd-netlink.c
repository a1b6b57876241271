/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <sys/time.h>

#include "alloc-util.h"
#include "bounds.h"
#include "nbd-netlink.h"
#include "string-util.h"

struct NbdNetlink {
        struct mnl_socket *socket;
        uint32_t sequence;
        uint16_t family;
        uint32_t group; /* of the multicasts, 0 if the kernel names none */
        uint8_t buffer[NBD_MESSAGE_MAX] __attribute__((aligned(8)));
};

typedef int (*AnswerHandler)(const struct nlmsghdr *m, void *userdata);

typedef struct Answer {
        AnswerHandler handler;
        void *userdata;
        int error;
} Answer;

typedef struct StatusQuery {
        unsigned index;
        bool connected;
} StatusQuery;

static struct nlmsghdr *put_headers(void *buffer, uint16_t type, uint32_t sequence, uint8_t command, uint8_t version) {
        struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
        struct genlmsghdr *g;

        m->nlmsg_type = type;
        m->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
        m->nlmsg_seq = sequence;

        g = mnl_nlmsg_put_extra_header(m, sizeof(*g));
        g->cmd = command;
        g->version = version;
        return m;
}

static void put_socket(struct nlmsghdr *m, int fd) {
        struct nlattr *sockets, *item;

        sockets = mnl_attr_nest_start(m, NBD_ATTR_SOCKETS);
        item = mnl_attr_nest_start(m, NBD_SOCK_ITEM);
        mnl_attr_put_u32(m, NBD_SOCK_FD, (uint32_t) fd);
        mnl_attr_nest_end(m, item);
        mnl_attr_nest_end(m, sockets);
}

static int put_identifier(struct nlmsghdr *m, const char *identifier) {
        if (isempty(identifier))
                return 0;
        if (strlen(identifier) > NBD_IDENTIFIER_MAX ||
            !mnl_attr_put_strz_check(m, NBD_MESSAGE_MAX, NBD_ATTR_BACKEND_IDENTIFIER, identifier))
                return -EMSGSIZE;

        return 0;
}

/* CONNECT with all that the kernel should not choose itself. TIMEOUT is 0 and not left out: an absent one means what
 * the last user of this index had set, and a positive one ends the connection to a server that is slow but alive. No
 * client flags: DISCONNECT_ON_CLOSE would cut the device when udev, its first reader, closes it. */
int nbd_message_connect(void *buffer, uint16_t family, uint32_t sequence, const NbdConnection *c) {
        struct nlmsghdr *m;

        assert(buffer);
        assert(c);

        m = put_headers(buffer, family, sequence, NBD_CMD_CONNECT, NBD_GENL_VERSION);
        mnl_attr_put_u32(m, NBD_ATTR_INDEX, c->index);
        mnl_attr_put_u64(m, NBD_ATTR_SIZE_BYTES, c->size);
        mnl_attr_put_u64(m, NBD_ATTR_BLOCK_SIZE_BYTES, c->block_size);
        mnl_attr_put_u64(m, NBD_ATTR_TIMEOUT, 0);
        mnl_attr_put_u64(m, NBD_ATTR_DEAD_CONN_TIMEOUT, c->dead_timeout);
        mnl_attr_put_u64(m, NBD_ATTR_SERVER_FLAGS, c->flags);
        mnl_attr_put_u64(m, NBD_ATTR_CLIENT_FLAGS, 0);

        put_socket(m, c->fd);
        return put_identifier(m, c->identifier);
}

/* Nothing but what is named here: a size that differs freezes the queue before the socket is there, and then nothing ends
 * that but the time-out for dead connections. */
int nbd_message_reconnect(void *buffer, uint16_t family, uint32_t sequence, unsigned index, int fd, const char *identifier) {
        struct nlmsghdr *m = put_headers(buffer, family, sequence, NBD_CMD_RECONFIGURE, NBD_GENL_VERSION);

        mnl_attr_put_u32(m, NBD_ATTR_INDEX, index);
        put_socket(m, fd);
        return put_identifier(m, identifier);
}

int nbd_message_resize(void *buffer, uint16_t family, uint32_t sequence, unsigned index, uint64_t size, const char *identifier) {
        struct nlmsghdr *m = put_headers(buffer, family, sequence, NBD_CMD_RECONFIGURE, NBD_GENL_VERSION);

        mnl_attr_put_u32(m, NBD_ATTR_INDEX, index);
        mnl_attr_put_u64(m, NBD_ATTR_SIZE_BYTES, size);
        return put_identifier(m, identifier);
}

int nbd_message_dead_timeout(void *buffer, uint16_t family, uint32_t sequence, unsigned index, uint64_t seconds, const char *identifier) {
        struct nlmsghdr *m = put_headers(buffer, family, sequence, NBD_CMD_RECONFIGURE, NBD_GENL_VERSION);

        mnl_attr_put_u32(m, NBD_ATTR_INDEX, index);
        mnl_attr_put_u64(m, NBD_ATTR_DEAD_CONN_TIMEOUT, seconds);
        return put_identifier(m, identifier);
}

void nbd_message_get_family(void *buffer, uint32_t sequence) {
        struct nlmsghdr *m = put_headers(buffer, GENL_ID_CTRL, sequence, CTRL_CMD_GETFAMILY, /* version= */ 1);

        mnl_attr_put_strz(m, CTRL_ATTR_FAMILY_NAME, NBD_GENL_FAMILY_NAME);
}

void nbd_message_index(void *buffer, uint16_t family, uint32_t sequence, uint8_t command, unsigned index) {
        struct nlmsghdr *m = put_headers(buffer, family, sequence, command, NBD_GENL_VERSION);

        mnl_attr_put_u32(m, NBD_ATTR_INDEX, index);
}

int nbd_message_parse_family(const struct nlmsghdr *m, uint16_t *ret) {
        const struct nlattr *a;

        mnl_attr_for_each(a, m, sizeof(struct genlmsghdr))
                if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID && mnl_attr_validate(a, MNL_TYPE_U16) >= 0) {
                        *ret = mnl_attr_get_u16(a);
                        return 0;
                }

        return -ENODATA;
}

/* CTRL_ATTR_MCAST_GROUPS { 1 { CTRL_ATTR_MCAST_GRP_NAME, CTRL_ATTR_MCAST_GRP_ID }, ... } */
int nbd_message_parse_group(const struct nlmsghdr *m, uint32_t *ret) {
        const struct nlattr *groups, *item, *a;

        mnl_attr_for_each(groups, m, sizeof(struct genlmsghdr)) {
                if (mnl_attr_get_type(groups) != CTRL_ATTR_MCAST_GROUPS)
                        continue;
                mnl_attr_for_each_nested(item, groups) {
                        const struct nlattr *name = NULL, *id = NULL;

                        mnl_attr_for_each_nested(a, item) {
                                if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_NAME &&
                                    mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
                                        name = a;
                                if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_ID && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
                                        id = a;
                        }
                        if (name && id && streq(mnl_attr_get_str(name), NBD_GENL_MCAST_GROUP_NAME)) {
                                *ret = mnl_attr_get_u32(id);
                                return 0;
                        }
                }
        }

        return -ENODATA;
}

/* NBD_ATTR_DEVICE_LIST { NBD_DEVICE_ITEM { NBD_DEVICE_INDEX, NBD_DEVICE_CONNECTED }, ... } */
int nbd_message_parse_status(const struct nlmsghdr *m, unsigned index, bool *ret_connected) {
        const struct nlattr *list, *item, *a;

        mnl_attr_for_each(list, m, sizeof(struct genlmsghdr)) {
                if (mnl_attr_get_type(list) != NBD_ATTR_DEVICE_LIST)
                        continue;
                mnl_attr_for_each_nested(item, list) {
                        const struct nlattr *number = NULL, *connected = NULL;

                        mnl_attr_for_each_nested(a, item) {
                                if (mnl_attr_get_type(a) == NBD_DEVICE_INDEX && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
                                        number = a;
                                if (mnl_attr_get_type(a) == NBD_DEVICE_CONNECTED &&
                                    mnl_attr_validate(a, MNL_TYPE_U8) >= 0)
                                        connected = a;
                        }
                        if (number && connected && mnl_attr_get_u32(number) == index) {
                                *ret_connected = mnl_attr_get_u8(connected) != 0;
                                return 0;
                        }
                }
        }

        return -ENODATA;
}

static int on_message(const struct nlmsghdr *m, void *userdata) {
        Answer *a = userdata;

        if (a->handler && mnl_nlmsg_get_payload_len(m) >= sizeof(struct genlmsghdr))
                a->error = a->handler(m, a->userdata);
        return MNL_CB_OK;
}

/* Sends the message in n->buffer and reads up to the kernel's acknowledgement, which comes after the answer. */
static int transact(NbdNetlink *n, AnswerHandler handler, void *userdata) {
        const struct nlmsghdr *m = (const struct nlmsghdr *) n->buffer;
        Answer answer = { .handler = handler, .userdata = userdata, .error = handler ? -ENODATA : 0 };

        if (mnl_socket_sendto(n->socket, m, m->nlmsg_len) < 0)
                return -errno;

        for (;;) {
                ssize_t k;
                int r;

                k = mnl_socket_recvfrom(n->socket, n->buffer, sizeof(n->buffer));
                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return errno == EAGAIN ? -ETIMEDOUT : -errno;

                r = mnl_cb_run(n->buffer, (size_t) k, n->sequence, mnl_socket_get_portid(n->socket), on_message,
                               &answer);
                if (r < 0)
                        return -errno;
                if (r == MNL_CB_STOP)
                        return answer.error;
        }
}

static int on_family(const struct nlmsghdr *m, void *userdata) {
        NbdNetlink *n = userdata;

        /* Only who watches needs it, and that one asks whether there is one. */
        if (nbd_message_parse_group(m, &n->group) < 0)
                n->group = 0;
        return nbd_message_parse_family(m, &n->family);
}

static int on_status(const struct nlmsghdr *m, void *userdata) {
        StatusQuery *q = userdata;

        return nbd_message_parse_status(m, q->index, &q->connected);
}

int nbd_netlink_open(NbdNetlink **ret) {
        struct timeval timeout = { .tv_sec = NBD_ANSWER_TIMEOUT_SEC };
        NbdNetlink *n;
        int r;

        assert(ret);

        n = new0(NbdNetlink, 1);
        if (!n)
                return -ENOMEM;

        n->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
        if (!n->socket || mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
            setsockopt(mnl_socket_get_fd(n->socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0) {
                r = -errno;
                nbd_netlink_close(n);
                return r;
        }

        nbd_message_get_family(n->buffer, ++n->sequence);
        r = transact(n, on_family, n);
        if (r < 0) {
                nbd_netlink_close(n);
                return r;
        }

        *ret = n;
        return 0;
}

void nbd_netlink_close(NbdNetlink *n) {
        if (!n)
                return;

        if (n->socket)
                (void) mnl_socket_close(n->socket);
        free(n);
}

int nbd_netlink_connect(NbdNetlink *n, const NbdConnection *c) {
        int r;

        assert(n);

        r = nbd_message_connect(n->buffer, n->family, ++n->sequence, c);
        if (r < 0)
                return r;

        return transact(n, NULL, NULL);
}

int nbd_netlink_reconnect(NbdNetlink *n, unsigned index, int fd, const char *identifier) {
        int r;

        assert(n);

        r = nbd_message_reconnect(n->buffer, n->family, ++n->sequence, index, fd, identifier);
        if (r < 0)
                return r;

        return transact(n, NULL, NULL);
}

int nbd_netlink_resize(NbdNetlink *n, unsigned index, uint64_t size, const char *identifier) {
        int r;

        assert(n);

        r = nbd_message_resize(n->buffer, n->family, ++n->sequence, index, size, identifier);
        if (r < 0)
                return r;

        return transact(n, NULL, NULL);
}

int nbd_netlink_dead_timeout(NbdNetlink *n, unsigned index, uint64_t seconds, const char *identifier) {
        int r;

        assert(n);

        r = nbd_message_dead_timeout(n->buffer, n->family, ++n->sequence, index, seconds, identifier);
        if (r < 0)
                return r;

        return transact(n, NULL, NULL);
}

uint32_t nbd_netlink_group(const NbdNetlink *n) {
        assert(n);

        return n->group;
}

int nbd_netlink_disconnect(NbdNetlink *n, unsigned index) {
        assert(n);

        nbd_message_index(n->buffer, n->family, ++n->sequence, NBD_CMD_DISCONNECT, index);
        return transact(n, NULL, NULL);
}

int nbd_netlink_status(NbdNetlink *n, unsigned index, bool *ret_connected) {
        StatusQuery q = { .index = index };
        int r;

        assert(n);
        assert(ret_connected);

        nbd_message_index(n->buffer, n->family, ++n->sequence, NBD_CMD_STATUS, index);
        r = transact(n, on_status, &q);
        if (r < 0)
                return r;

        *ret_connected = q.connected;
        return 0;
}
