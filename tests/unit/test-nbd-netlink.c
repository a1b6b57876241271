/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "macro.h"
#include "nbd-netlink.h"
#include "nbd-protocol.h"
#include "nbd-watch.h"
#include "test.h"

#define FAMILY 0x1d

static uint8_t buffer[NBD_MESSAGE_MAX] __attribute__((aligned(8)));
static const struct nlmsghdr *message = (const struct nlmsghdr *) buffer;

static void assert_headers(uint16_t type, uint8_t command) {
        const struct genlmsghdr *g = mnl_nlmsg_get_payload(message);

        ASSERT_TRUE(mnl_nlmsg_ok(message, sizeof(buffer)));
        ASSERT_EQ(message->nlmsg_type, type);
        ASSERT_EQ(message->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
        ASSERT_EQ(message->nlmsg_seq, 77);
        ASSERT_EQ(g->cmd, command);
        ASSERT_EQ(g->version, 1);
}

/* Every attribute at most once: the kernel would take the last one. */
static void collect(const struct nlattr **table, unsigned max) {
        const struct nlattr *a;

        memset(table, 0, (max + 1) * sizeof(*table));
        mnl_attr_for_each(a, message, sizeof(struct genlmsghdr)) {
                ASSERT_TRUE(mnl_attr_get_type(a) <= max);
                ASSERT_TRUE(!table[mnl_attr_get_type(a)]);
                table[mnl_attr_get_type(a)] = a;
        }
}

static void assert_u64(const struct nlattr *a, uint64_t value) {
        ASSERT_TRUE(a && mnl_attr_validate(a, MNL_TYPE_U64) >= 0);
        ASSERT_EQ(mnl_attr_get_u64(a), value);
}

static void test_connect(void) {
        const struct nlattr *a[NBD_ATTR_MAX + 1], *item, *fd = NULL;
        unsigned n_items = 0;
        NbdConnection c = {
                .index = 15,
                .fd = 9,
                .size = UINT64_C(20000000000),
                .block_size = 512,
                .dead_timeout = 315360000,
                .flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH,
                .identifier = "8f3c",
        };

        ASSERT_OK(nbd_message_connect(buffer, FAMILY, 77, &c));
        assert_headers(FAMILY, NBD_CMD_CONNECT);
        collect(a, NBD_ATTR_MAX);

        ASSERT_TRUE(a[NBD_ATTR_INDEX] && mnl_attr_validate(a[NBD_ATTR_INDEX], MNL_TYPE_U32) >= 0);
        ASSERT_EQ(mnl_attr_get_u32(a[NBD_ATTR_INDEX]), 15);
        assert_u64(a[NBD_ATTR_SIZE_BYTES], UINT64_C(20000000000));
        assert_u64(a[NBD_ATTR_BLOCK_SIZE_BYTES], 512);
        assert_u64(a[NBD_ATTR_TIMEOUT], 0);
        assert_u64(a[NBD_ATTR_DEAD_CONN_TIMEOUT], 315360000);
        assert_u64(a[NBD_ATTR_SERVER_FLAGS], NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH);
        assert_u64(a[NBD_ATTR_CLIENT_FLAGS], 0);
        ASSERT_STREQ(mnl_attr_get_str(a[NBD_ATTR_BACKEND_IDENTIFIER]), "8f3c");

        mnl_attr_for_each_nested(item, a[NBD_ATTR_SOCKETS]) {
                n_items++;
                ASSERT_EQ(mnl_attr_get_type(item), NBD_SOCK_ITEM);
                mnl_attr_for_each_nested(fd, item) {
                        ASSERT_EQ(mnl_attr_get_type(fd), NBD_SOCK_FD);
                        ASSERT_EQ(mnl_attr_get_u32(fd), 9);
                }
        }
        ASSERT_EQ(n_items, 1);
}

static void test_identifier(void) {
        const struct nlattr *a[NBD_ATTR_MAX + 1];
        char id[NBD_IDENTIFIER_MAX + 2];
        NbdConnection c = { .block_size = 512, .size = 512 };

        ASSERT_OK(nbd_message_connect(buffer, FAMILY, 77, &c));
        collect(a, NBD_ATTR_MAX);
        ASSERT_TRUE(!a[NBD_ATTR_BACKEND_IDENTIFIER]);

        c.identifier = "";
        ASSERT_OK(nbd_message_connect(buffer, FAMILY, 77, &c));
        collect(a, NBD_ATTR_MAX);
        ASSERT_TRUE(!a[NBD_ATTR_BACKEND_IDENTIFIER]);

        memset(id, 'x', sizeof(id));
        id[NBD_IDENTIFIER_MAX + 1] = '\0';
        c.identifier = id;
        ASSERT_ERROR(nbd_message_connect(buffer, FAMILY, 77, &c), EMSGSIZE);
        id[NBD_IDENTIFIER_MAX] = '\0';
        ASSERT_OK(nbd_message_connect(buffer, FAMILY, 77, &c));
}

/* A message for an attached device has what it is about, and nothing by which the kernel would do more. */
static void test_reconfigure(void) {
        const struct nlattr *a[NBD_ATTR_MAX + 1];

        ASSERT_OK(nbd_message_reconnect(buffer, FAMILY, 77, 3, 9, "8f3c"));
        assert_headers(FAMILY, NBD_CMD_RECONFIGURE);
        collect(a, NBD_ATTR_MAX);
        for (unsigned i = 0; i <= NBD_ATTR_MAX; i++)
                ASSERT_EQ(a[i] != NULL, i == NBD_ATTR_INDEX || i == NBD_ATTR_SOCKETS || i == NBD_ATTR_BACKEND_IDENTIFIER);
        ASSERT_EQ(mnl_attr_get_u32(a[NBD_ATTR_INDEX]), 3);
        ASSERT_STREQ(mnl_attr_get_str(a[NBD_ATTR_BACKEND_IDENTIFIER]), "8f3c");
        ASSERT_OK(nbd_message_reconnect(buffer, FAMILY, 77, 3, 9, NULL));
        collect(a, NBD_ATTR_MAX);
        ASSERT_TRUE(!a[NBD_ATTR_BACKEND_IDENTIFIER]);

        ASSERT_OK(nbd_message_resize(buffer, FAMILY, 77, 3, UINT64_C(20000000000), "8f3c"));
        assert_headers(FAMILY, NBD_CMD_RECONFIGURE);
        collect(a, NBD_ATTR_MAX);
        for (unsigned i = 0; i <= NBD_ATTR_MAX; i++)
                ASSERT_EQ(a[i] != NULL, i == NBD_ATTR_INDEX || i == NBD_ATTR_SIZE_BYTES || i == NBD_ATTR_BACKEND_IDENTIFIER);
        assert_u64(a[NBD_ATTR_SIZE_BYTES], UINT64_C(20000000000));

        ASSERT_OK(nbd_message_dead_timeout(buffer, FAMILY, 77, 3, 315360000, "8f3c"));
        assert_headers(FAMILY, NBD_CMD_RECONFIGURE);
        collect(a, NBD_ATTR_MAX);
        for (unsigned i = 0; i <= NBD_ATTR_MAX; i++)
                ASSERT_EQ(a[i] != NULL, i == NBD_ATTR_INDEX || i == NBD_ATTR_DEAD_CONN_TIMEOUT || i == NBD_ATTR_BACKEND_IDENTIFIER);
        assert_u64(a[NBD_ATTR_DEAD_CONN_TIMEOUT], 315360000);
}

static void test_disconnect(void) {
        const struct nlattr *a[NBD_ATTR_MAX + 1];

        nbd_message_index(buffer, FAMILY, 77, NBD_CMD_DISCONNECT, 3);
        assert_headers(FAMILY, NBD_CMD_DISCONNECT);
        collect(a, NBD_ATTR_MAX);
        ASSERT_EQ(mnl_attr_get_u32(a[NBD_ATTR_INDEX]), 3);
}

static void test_family(void) {
        const struct nlattr *a[CTRL_ATTR_MAX + 1];
        struct nlmsghdr *m = (struct nlmsghdr *) buffer;
        uint16_t family = 0;

        nbd_message_get_family(buffer, 77);
        assert_headers(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
        collect(a, CTRL_ATTR_MAX);
        ASSERT_STREQ(mnl_attr_get_str(a[CTRL_ATTR_FAMILY_NAME]), "nbd");
        ASSERT_ERROR(nbd_message_parse_family(m, &family), ENODATA);

        /* An id of the wrong width is no id. */
        mnl_attr_put_u8(m, CTRL_ATTR_FAMILY_ID, 1);
        ASSERT_ERROR(nbd_message_parse_family(m, &family), ENODATA);
        mnl_attr_put_u16(m, CTRL_ATTR_FAMILY_ID, FAMILY);
        ASSERT_OK(nbd_message_parse_family(m, &family));
        ASSERT_EQ(family, FAMILY);
}

static void put_group(struct nlmsghdr *m, uint16_t number, const char *name, uint32_t id) {
        struct nlattr *item = mnl_attr_nest_start(m, number);

        mnl_attr_put_strz(m, CTRL_ATTR_MCAST_GRP_NAME, name);
        mnl_attr_put_u32(m, CTRL_ATTR_MCAST_GRP_ID, id);
        mnl_attr_nest_end(m, item);
}

static void test_group(void) {
        struct nlmsghdr *m = (struct nlmsghdr *) buffer;
        struct nlattr *groups;
        uint32_t group = 0;

        nbd_message_get_family(buffer, 77);
        ASSERT_ERROR(nbd_message_parse_group(m, &group), ENODATA);
        groups = mnl_attr_nest_start(m, CTRL_ATTR_MCAST_GROUPS);
        put_group(m, 1, "another", 4);
        put_group(m, 2, NBD_GENL_MCAST_GROUP_NAME, 5);
        mnl_attr_nest_end(m, groups);
        ASSERT_OK(nbd_message_parse_group(m, &group));
        ASSERT_EQ(group, 5);
}

/* A datagram socket in the place of the kernel's. */
static void test_watch(void) {
        int ends[2];

        ASSERT_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
        ASSERT_EQ(nbd_watch_read(ends[0], 3), 0);
        for (unsigned index = 2; index <= 3; index++) {
                nbd_message_index(buffer, FAMILY, 0, NBD_CMD_LINK_DEAD, index);
                ASSERT_TRUE(send(ends[1], buffer, message->nlmsg_len, 0) > 0);
        }
        ASSERT_EQ(nbd_watch_read(ends[0], 3), 1);
        ASSERT_EQ(nbd_watch_read(ends[0], 3), 0);

        /* For another one, another message, a cut one, nothing at all. */
        nbd_message_index(buffer, FAMILY, 0, NBD_CMD_LINK_DEAD, 2);
        ASSERT_TRUE(send(ends[1], buffer, message->nlmsg_len, 0) > 0);
        nbd_message_index(buffer, FAMILY, 0, NBD_CMD_STATUS, 3);
        ASSERT_TRUE(send(ends[1], buffer, message->nlmsg_len, 0) > 0);
        nbd_message_index(buffer, FAMILY, 0, NBD_CMD_LINK_DEAD, 3);
        ASSERT_TRUE(send(ends[1], buffer, message->nlmsg_len - 1, 0) > 0);
        ASSERT_TRUE(send(ends[1], buffer, 3, 0) > 0);
        ASSERT_EQ(nbd_watch_read(ends[0], 3), 0);
        ASSERT_ERROR(nbd_watch_open(0), EOPNOTSUPP);
        close(ends[0]);
        close(ends[1]);
}

static void put_device(struct nlmsghdr *m, uint32_t index, uint8_t connected) {
        struct nlattr *item = mnl_attr_nest_start(m, NBD_DEVICE_ITEM);

        mnl_attr_put_u32(m, NBD_DEVICE_INDEX, index);
        mnl_attr_put_u8(m, NBD_DEVICE_CONNECTED, connected);
        mnl_attr_nest_end(m, item);
}

static void test_status(void) {
        struct nlmsghdr *m = (struct nlmsghdr *) buffer;
        struct nlattr *list;
        bool connected = false;

        nbd_message_index(buffer, FAMILY, 77, NBD_CMD_STATUS, 4);
        ASSERT_ERROR(nbd_message_parse_status(m, 4, &connected), ENODATA);

        list = mnl_attr_nest_start(m, NBD_ATTR_DEVICE_LIST);
        put_device(m, 3, 0);
        put_device(m, 4, 1);
        mnl_attr_nest_end(m, list);

        ASSERT_OK(nbd_message_parse_status(m, 4, &connected));
        ASSERT_TRUE(connected);
        ASSERT_OK(nbd_message_parse_status(m, 3, &connected));
        ASSERT_FALSE(connected);
        ASSERT_ERROR(nbd_message_parse_status(m, 5, &connected), ENODATA);
}

/* Here the kernel answers for real; whether it has the driver depends on the machine, but it never takes long or says
 * nonsense. */
static void test_open(void) {
        NbdNetlink *n = NULL;
        int r;

        r = nbd_netlink_open(&n);
        fprintf(stderr, "nbd_netlink_open: %s\n", r < 0 ? strerror(-r) : "driver present");
        ASSERT_TRUE(r == 0 || r == -ENOENT || r == -EPERM || r == -EPROTONOSUPPORT);
        ASSERT_EQ(n != NULL, r == 0);
        nbd_netlink_close(n);
        nbd_netlink_close(NULL);
}

int main(void) {
        test_connect();
        test_identifier();
        test_reconfigure();
        test_disconnect();
        test_family();
        test_group();
        test_watch();
        test_status();
        test_open();
        return EXIT_SUCCESS;
}
