/* SPDX-License-Identifier: MIT */
/* Those functions of libmnl that this program's sources use, for a link without shared libraries: Debian has no
 * libmnl.a. Linked only where meson finds no static libmnl; the declarations are libmnl's own, and so are the meanings
 * (its documentation). A source that uses one more of them has it added here. */

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "macro.h"

/* The library is one of other people's, so the rule that all functions are hidden does not meet its declarations. */

struct mnl_socket {
        int fd;
        struct sockaddr_nl address;
};

struct mnl_socket *mnl_socket_open2(int bus, int flags) {
        struct mnl_socket *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;

        s->fd = socket(AF_NETLINK, SOCK_RAW | flags, bus);
        if (s->fd < 0) {
                free(s);
                return NULL;
        }
        return s;
}

int mnl_socket_bind(struct mnl_socket *s, unsigned int groups, pid_t pid) {
        socklen_t n = sizeof(s->address);

        s->address = (struct sockaddr_nl){ .nl_family = AF_NETLINK, .nl_groups = groups, .nl_pid = (uint32_t) pid };
        if (bind(s->fd, (struct sockaddr *) &s->address, sizeof(s->address)) < 0 ||
            getsockname(s->fd, (struct sockaddr *) &s->address, &n) < 0)
                return -1;
        if (n != sizeof(s->address) || s->address.nl_family != AF_NETLINK) {
                errno = EINVAL;
                return -1;
        }

        return 0;
}

int mnl_socket_close(struct mnl_socket *s) {
        int r = close(s->fd);

        free(s);
        return r;
}

int mnl_socket_get_fd(const struct mnl_socket *s) {
        return s->fd;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *s) {
        return s->address.nl_pid;
}

int mnl_socket_setsockopt(const struct mnl_socket *s, int type, void *buffer, socklen_t n) {
        return setsockopt(s->fd, SOL_NETLINK, type, buffer, n);
}

ssize_t mnl_socket_sendto(const struct mnl_socket *s, const void *buffer, size_t n) {
        static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

        return sendto(s->fd, buffer, n, 0, (const struct sockaddr *) &kernel, sizeof(kernel));
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *s, void *buffer, size_t n) {
        struct sockaddr_nl from;
        struct iovec part = { .iov_base = buffer, .iov_len = n };
        struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1 };
        ssize_t k;

        k = recvmsg(s->fd, &m, 0);
        if (k < 0)
                return k;
        if (m.msg_flags & MSG_TRUNC) {
                errno = ENOSPC;
                return -1;
        }
        if (m.msg_namelen != sizeof(from)) {
                errno = EINVAL;
                return -1;
        }

        return k;
}

size_t mnl_nlmsg_get_payload_len(const struct nlmsghdr *m) {
        return m->nlmsg_len - MNL_NLMSG_HDRLEN;
}

struct nlmsghdr *mnl_nlmsg_put_header(void *buffer) {
        struct nlmsghdr *m = buffer;

        *m = (struct nlmsghdr){ .nlmsg_len = MNL_NLMSG_HDRLEN };
        return m;
}

void *mnl_nlmsg_put_extra_header(struct nlmsghdr *m, size_t size) {
        void *extra = (char *) m + m->nlmsg_len;
        size_t n = MNL_ALIGN(size);

        m->nlmsg_len += (uint32_t) n;
        return memset(extra, 0, n);
}

bool mnl_nlmsg_ok(const struct nlmsghdr *m, int n) {
        return n >= (int) sizeof(*m) && m->nlmsg_len >= sizeof(*m) && m->nlmsg_len <= INT32_MAX &&
               (int) m->nlmsg_len <= n;
}

struct nlmsghdr *mnl_nlmsg_next(const struct nlmsghdr *m, int *n) {
        *n -= (int) MNL_ALIGN(m->nlmsg_len);
        return (struct nlmsghdr *) ((char *) m + MNL_ALIGN(m->nlmsg_len));
}

void *mnl_nlmsg_get_payload(const struct nlmsghdr *m) {
        return (char *) m + MNL_NLMSG_HDRLEN;
}

void *mnl_nlmsg_get_payload_offset(const struct nlmsghdr *m, size_t offset) {
        return (char *) m + MNL_NLMSG_HDRLEN + MNL_ALIGN(offset);
}

void *mnl_nlmsg_get_payload_tail(const struct nlmsghdr *m) {
        return (char *) m + MNL_ALIGN(m->nlmsg_len);
}

uint16_t mnl_attr_get_type(const struct nlattr *a) {
        return a->nla_type & NLA_TYPE_MASK;
}

uint16_t mnl_attr_get_payload_len(const struct nlattr *a) {
        return (uint16_t) (a->nla_len - MNL_ATTR_HDRLEN);
}

void *mnl_attr_get_payload(const struct nlattr *a) {
        return (char *) a + MNL_ATTR_HDRLEN;
}

bool mnl_attr_ok(const struct nlattr *a, int n) {
        return n >= (int) sizeof(*a) && a->nla_len >= sizeof(*a) && (int) a->nla_len <= n;
}

struct nlattr *mnl_attr_next(const struct nlattr *a) {
        return (struct nlattr *) ((char *) a + MNL_ALIGN(a->nla_len));
}

/* Attributes are aligned to four bytes only, larger values need not be. */
#define ATTRIBUTE_VALUE(type, a)                                          \
        ({                                                                \
                type _value;                                              \
                memcpy(&_value, mnl_attr_get_payload(a), sizeof(_value)); \
                _value;                                                   \
        })

uint8_t mnl_attr_get_u8(const struct nlattr *a) {
        return ATTRIBUTE_VALUE(uint8_t, a);
}

uint16_t mnl_attr_get_u16(const struct nlattr *a) {
        return ATTRIBUTE_VALUE(uint16_t, a);
}

uint32_t mnl_attr_get_u32(const struct nlattr *a) {
        return ATTRIBUTE_VALUE(uint32_t, a);
}

uint64_t mnl_attr_get_u64(const struct nlattr *a) {
        return ATTRIBUTE_VALUE(uint64_t, a);
}

const char *mnl_attr_get_str(const struct nlattr *a) {
        return mnl_attr_get_payload(a);
}

/* Of the types only what our sources ask for. */
int mnl_attr_validate(const struct nlattr *a, enum mnl_attr_data_type type) {
        static const uint16_t sizes[MNL_TYPE_MAX] = {
                [MNL_TYPE_U8] = sizeof(uint8_t),
                [MNL_TYPE_U16] = sizeof(uint16_t),
                [MNL_TYPE_U32] = sizeof(uint32_t),
                [MNL_TYPE_U64] = sizeof(uint64_t),
        };
        uint16_t n = mnl_attr_get_payload_len(a);

        if (type >= MNL_TYPE_MAX) {
                errno = EINVAL;
                return -1;
        }
        if (n < sizes[type]) {
                errno = ERANGE;
                return -1;
        }
        if (type == MNL_TYPE_NUL_STRING && (n == 0 || ((const char *) mnl_attr_get_payload(a))[n - 1] != '\0')) {
                errno = n == 0 ? ERANGE : EINVAL;
                return -1;
        }

        return 0;
}

void mnl_attr_put(struct nlmsghdr *m, uint16_t type, size_t n, const void *data) {
        struct nlattr *a = mnl_nlmsg_get_payload_tail(m);
        size_t padding = MNL_ALIGN(n) - n;

        a->nla_type = type;
        a->nla_len = (uint16_t) (MNL_ATTR_HDRLEN + n);
        if (n > 0)
                memcpy(mnl_attr_get_payload(a), data, n);
        if (padding > 0)
                memset((char *) mnl_attr_get_payload(a) + n, 0, padding);

        m->nlmsg_len += (uint32_t) (MNL_ATTR_HDRLEN + MNL_ALIGN(n));
}

void mnl_attr_put_u8(struct nlmsghdr *m, uint16_t type, uint8_t value) {
        mnl_attr_put(m, type, sizeof(value), &value);
}

void mnl_attr_put_u16(struct nlmsghdr *m, uint16_t type, uint16_t value) {
        mnl_attr_put(m, type, sizeof(value), &value);
}

void mnl_attr_put_u32(struct nlmsghdr *m, uint16_t type, uint32_t value) {
        mnl_attr_put(m, type, sizeof(value), &value);
}

void mnl_attr_put_u64(struct nlmsghdr *m, uint16_t type, uint64_t value) {
        mnl_attr_put(m, type, sizeof(value), &value);
}

void mnl_attr_put_strz(struct nlmsghdr *m, uint16_t type, const char *value) {
        mnl_attr_put(m, type, strlen(value) + 1, value);
}

bool mnl_attr_put_check(struct nlmsghdr *m, size_t size, uint16_t type, size_t n, const void *data) {
        if (n > UINT16_MAX - MNL_ATTR_HDRLEN || m->nlmsg_len + MNL_ATTR_HDRLEN + MNL_ALIGN(n) > size)
                return false;

        mnl_attr_put(m, type, n, data);
        return true;
}

bool mnl_attr_put_strz_check(struct nlmsghdr *m, size_t size, uint16_t type, const char *value) {
        return mnl_attr_put_check(m, size, type, strlen(value) + 1, value);
}

struct nlattr *mnl_attr_nest_start(struct nlmsghdr *m, uint16_t type) {
        struct nlattr *a = mnl_nlmsg_get_payload_tail(m);

        a->nla_type = NLA_F_NESTED | type;
        m->nlmsg_len += MNL_ATTR_HDRLEN;
        return a;
}

void mnl_attr_nest_end(struct nlmsghdr *m, struct nlattr *a) {
        a->nla_len = (uint16_t) ((char *) mnl_nlmsg_get_payload_tail(m) - (char *) a);
}

static int parse(const struct nlattr *a, const void *end, mnl_attr_cb_t callback, void *data) {
        int r = MNL_CB_OK;

        for (; mnl_attr_ok(a, (int) ((const char *) end - (const char *) a)); a = mnl_attr_next(a)) {
                r = callback(a, data);
                if (r <= MNL_CB_STOP)
                        break;
        }

        return r;
}

int mnl_attr_parse(const struct nlmsghdr *m, unsigned int offset, mnl_attr_cb_t callback, void *data) {
        return parse(mnl_nlmsg_get_payload_offset(m, offset), mnl_nlmsg_get_payload_tail(m), callback, data);
}

int mnl_attr_parse_nested(const struct nlattr *a, mnl_attr_cb_t callback, void *data) {
        return parse(mnl_attr_get_payload(a), (const char *) mnl_attr_get_payload(a) + mnl_attr_get_payload_len(a),
                     callback, data);
}

/* NLMSG_ERROR with error 0 is an acknowledgement. */
static int on_error(const struct nlmsghdr *m) {
        const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);

        if (mnl_nlmsg_get_payload_len(m) < sizeof(*e)) {
                errno = EBADMSG;
                return MNL_CB_ERROR;
        }

        errno = e->error < 0 ? -e->error : e->error;
        return e->error == 0 ? MNL_CB_STOP : MNL_CB_ERROR;
}

int mnl_cb_run(const void *buffer, size_t size, unsigned int sequence, unsigned int port, mnl_cb_t callback,
               void *data) {
        const struct nlmsghdr *m = buffer;
        int n = (int) size, r = MNL_CB_OK;

        for (; mnl_nlmsg_ok(m, n) && r > MNL_CB_STOP; m = mnl_nlmsg_next(m, &n)) {
                /* Notifications come from port 0 and have no number. */
                if (m->nlmsg_pid != 0 && port != 0 && m->nlmsg_pid != port) {
                        errno = ESRCH;
                        return MNL_CB_ERROR;
                }
                if (m->nlmsg_seq != 0 && sequence != 0 && m->nlmsg_seq != sequence) {
                        errno = EPROTO;
                        return MNL_CB_ERROR;
                }
                if (m->nlmsg_flags & NLM_F_DUMP_INTR) {
                        errno = EINTR;
                        return MNL_CB_ERROR;
                }

                if (m->nlmsg_type >= NLMSG_MIN_TYPE)
                        r = callback ? callback(m, data) : MNL_CB_OK;
                else if (m->nlmsg_type == NLMSG_ERROR)
                        r = on_error(m);
                else if (m->nlmsg_type == NLMSG_DONE)
                        r = MNL_CB_STOP;
                else
                        r = MNL_CB_OK;
        }

        return r;
}
