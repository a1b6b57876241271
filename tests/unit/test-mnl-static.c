/* SPDX-License-Identifier: MIT */
/* Our functions of libmnl's names against those of libmnl itself, which is loaded beside them. */
#include <dlfcn.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>

#include "macro.h"
#include "test.h"

static void *library;

/* The library's own function, as a pointer of the type that the header gives it. */
#define THEIRS(name) ((__typeof__(&name)) find_symbol(#name))

static void *find_symbol(const char *name) {
        void *p = dlsym(library, name);

        if (!p) {
                fprintf(stderr, "libmnl has no %s\n", name);
                exit(EXIT_FAILURE);
        }
        return p;
}

#define SIZE 512

/* The same message, by one set of functions or the other. */
#define BUILD(buffer, f)                                                                   \
        do {                                                                               \
                struct nlmsghdr *_m = f(mnl_nlmsg_put_header)(buffer);                     \
                struct genlmsghdr *_g;                                                     \
                struct nlattr *_outer, *_inner;                                            \
                                                                                           \
                _m->nlmsg_type = 0x1234;                                                   \
                _g = f(mnl_nlmsg_put_extra_header)(_m, sizeof(*_g));                       \
                _g->cmd = 7;                                                               \
                f(mnl_attr_put_u8)(_m, 1, 0x12);                                           \
                f(mnl_attr_put_u16)(_m, 2, 0x1234);                                        \
                f(mnl_attr_put_u32)(_m, 3, 0x12345678);                                    \
                f(mnl_attr_put_u64)(_m, 4, 0x123456789abcdef0);                            \
                f(mnl_attr_put_strz)(_m, 5, "text");                                       \
                _outer = f(mnl_attr_nest_start)(_m, 6);                                    \
                _inner = f(mnl_attr_nest_start)(_m, 7);                                    \
                f(mnl_attr_put)(_m, 8, 3, "abc");                                          \
                f(mnl_attr_nest_end)(_m, _inner);                                          \
                f(mnl_attr_nest_end)(_m, _outer);                                          \
                ASSERT_TRUE(f(mnl_attr_put_check)(_m, SIZE, 9, 5, "abcde"));               \
                ASSERT_TRUE(f(mnl_attr_put_strz_check)(_m, SIZE, 10, ""));                 \
                ASSERT_FALSE(f(mnl_attr_put_check)(_m, _m->nlmsg_len + 8, 9, 5, "abcde")); \
                ASSERT_TRUE(f(mnl_attr_put_check)(_m, _m->nlmsg_len + 12, 9, 5, "abcde")); \
        } while (0)

#define OURS(name) name

static void test_build(void) {
        static char ours[SIZE] __attribute__((aligned(8))), theirs[SIZE] __attribute__((aligned(8)));
        const struct nlmsghdr *m = (const struct nlmsghdr *) ours;
        const struct nlattr *a;

        BUILD(ours, OURS);
        BUILD(theirs, THEIRS);
        ASSERT_EQ(memcmp(ours, theirs, SIZE), 0);

        mnl_attr_for_each(a, m, sizeof(struct genlmsghdr)) {
                ASSERT_EQ(mnl_attr_get_type(a), THEIRS(mnl_attr_get_type)(a));
                ASSERT_EQ(mnl_attr_get_payload_len(a), THEIRS(mnl_attr_get_payload_len)(a));
                for (int type = MNL_TYPE_U8; type <= MNL_TYPE_U32; type++)
                        if (mnl_attr_get_payload_len(a) <= 4)
                                ASSERT_EQ(mnl_attr_validate(a, (enum mnl_attr_data_type) type) < 0,
                                          mnl_attr_get_payload_len(a) < (type == MNL_TYPE_U8 ? 1 : type == MNL_TYPE_U16 ? 2 : 4));
                if (mnl_attr_get_type(a) == 4)
                        ASSERT_EQ(mnl_attr_get_u64(a), THEIRS(mnl_attr_get_u64)(a));
                if (mnl_attr_get_type(a) == 5)
                        ASSERT_OK(mnl_attr_validate(a, MNL_TYPE_NUL_STRING));
                if (mnl_attr_get_type(a) == 9)
                        ASSERT_EQ(mnl_attr_validate(a, MNL_TYPE_NUL_STRING), -1);
        }
        ASSERT_EQ(mnl_nlmsg_get_payload_len(m), THEIRS(mnl_nlmsg_get_payload_len)(m));
}

static unsigned n_called;

static int on_message(const struct nlmsghdr *m, void *data) {
        n_called++;
        return *(int *) data;
}

typedef struct Piece {
        uint16_t type, flags;
        uint32_t sequence, port;
        int error;
        uint32_t length; /* 0: the right one */
} Piece;

static size_t put_pieces(char *buffer, const Piece *pieces, size_t n) {
        size_t used = 0;

        for (size_t i = 0; i < n; i++) {
                struct nlmsghdr *m = mnl_nlmsg_put_header(buffer + used);
                struct nlmsgerr *e = mnl_nlmsg_put_extra_header(m, sizeof(*e));

                e->error = pieces[i].error;
                m->nlmsg_type = pieces[i].type;
                m->nlmsg_flags = pieces[i].flags;
                m->nlmsg_seq = pieces[i].sequence;
                m->nlmsg_pid = pieces[i].port;
                used += m->nlmsg_len;
                if (pieces[i].length > 0)
                        m->nlmsg_len = pieces[i].length;
        }

        return used;
}

static void test_run(void) {
        static const struct {
                Piece pieces[3];
                size_t n;
                int answer;
        } cases[] = {
                { { { 0x20, 0, 1, 5, 0, 0 }, { 0x20, 0, 1, 5, 0, 0 } }, 2, MNL_CB_OK },
                { { { 0x20, 0, 1, 5, 0, 0 }, { 0x20, 0, 1, 5, 0, 0 } }, 2, MNL_CB_STOP },
                { { { 0x20, 0, 1, 5, 0, 0 }, { NLMSG_DONE, 0, 1, 5, 0, 0 }, { 0x20, 0, 1, 5, 0, 0 } }, 3, MNL_CB_OK },
                { { { NLMSG_ERROR, 0, 1, 5, 0, 0 } }, 1, MNL_CB_OK },
                { { { NLMSG_ERROR, 0, 1, 5, -EBUSY, 0 } }, 1, MNL_CB_OK },
                { { { NLMSG_ERROR, 0, 1, 5, -EBUSY, 18 } }, 1, MNL_CB_OK },
                { { { NLMSG_NOOP, 0, 1, 5, 0, 0 }, { 0x20, 0, 1, 5, 0, 0 } }, 2, MNL_CB_OK },
                { { { 0x20, 0, 2, 5, 0, 0 } }, 1, MNL_CB_OK },
                { { { 0x20, 0, 1, 6, 0, 0 } }, 1, MNL_CB_OK },
                { { { 0x20, 0, 0, 0, 0, 0 } }, 1, MNL_CB_OK },
                { { { 0x20, NLM_F_DUMP_INTR, 1, 5, 0, 0 } }, 1, MNL_CB_OK },
                { { { 0x20, 0, 1, 5, 0, 9999 } }, 1, MNL_CB_OK },
                { { { 0x20, 0, 1, 5, 0, 3 } }, 1, MNL_CB_OK },
        };
        static char buffer[SIZE] __attribute__((aligned(8)));

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                size_t size = put_pieces(buffer, cases[i].pieces, cases[i].n);
                int answer = cases[i].answer, ours, theirs, error;
                unsigned n;

                n_called = 0;
                errno = 0;
                ours = mnl_cb_run(buffer, size, 1, 5, on_message, &answer);
                error = errno;
                n = n_called;

                n_called = 0;
                errno = 0;
                theirs = THEIRS(mnl_cb_run)(buffer, size, 1, 5, on_message, &answer);
                if (ours != theirs || n != n_called || (ours < 0 && error != errno)) {
                        fprintf(stderr, "case %zu: %i (%s) after %u messages, libmnl %i (%s) after %u\n", i, ours, strerror(error), n,
                                theirs, strerror(errno), n_called);
                        exit(EXIT_FAILURE);
                }
        }
}

static void test_socket(void) {
        char buffer[SIZE] __attribute__((aligned(8)));
        struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
        struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
        struct rtgenmsg *g;
        ssize_t n;

        ASSERT_TRUE(s);
        ASSERT_OK(mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID));
        ASSERT_TRUE(mnl_socket_get_portid(s) != 0);
        ASSERT_TRUE(mnl_socket_get_fd(s) >= 0);
        m->nlmsg_type = RTM_GETLINK;
        m->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        m->nlmsg_seq = 9;
        g = mnl_nlmsg_put_extra_header(m, sizeof(*g));
        g->rtgen_family = AF_UNSPEC;
        ASSERT_EQ(mnl_socket_sendto(s, m, m->nlmsg_len), m->nlmsg_len);
        /* Too small for what comes. */
        n = mnl_socket_recvfrom(s, buffer, 16);
        ASSERT_EQ(n, -1);
        ASSERT_EQ(errno, ENOSPC);
        ASSERT_OK(mnl_socket_close(s));
}

int main(void) {
        library = dlopen("libmnl.so.0", RTLD_NOW | RTLD_LOCAL);
        if (!library)
                return 77;

        test_build();
        test_run();
        test_socket();
        return EXIT_SUCCESS;
}
