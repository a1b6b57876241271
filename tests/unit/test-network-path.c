/* SPDX-License-Identifier: MIT */
/* In a network namespace of its own, beside another one with the server: the NIC eth0 leads there, others nowhere.
 * Needs root and ip(8). */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "network-path.h"
#include "test.h"

#define MAC "02:00:00:00:00:0a"
#define PORT 10809

static pid_t server;

static __attribute__((format(printf, 1, 2))) void ip(const char *format, ...) {
        char command[256] = "ip ";
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(command + 3, sizeof(command) - 3, format, ap);
        va_end(ap);
        if (system(command) != 0) {
                fprintf(stderr, "'%s' failed\n", command);
                exit(EXIT_FAILURE);
        }
}

static int listen_any(void) {
        struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ASSERT_TRUE(fd >= 0);
        ASSERT_EQ(bind(fd, (struct sockaddr *) &any, sizeof(any)), 0);
        ASSERT_EQ(listen(fd, 128), 0);
        return fd;
}

/* Its NIC has 10.0.0.1 and fd00::1, and behind that it has 192.0.2.1 and fd01::1. Whoever connects gets through, that
 * is all. */
static void run_server(int ready, int go) {
        char c = 0;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        ASSERT_EQ(unshare(CLONE_NEWNET), 0);
        ASSERT_EQ(write(ready, &c, 1), 1);
        ASSERT_EQ(read(go, &c, 1), 1);
        ip("link set lo up");
        ip("addr add 10.0.0.1/24 dev eth0");
        ip("addr add 10.1.0.1/24 dev eth0");
        ip("addr add fd00::1/64 dev eth0 nodad");
        ip("addr add 192.0.2.1/32 dev lo");
        ip("addr add fd01::1/128 dev lo");
        ip("link set eth0 up");
        ip("route add 10.9.9.9 dev eth0");
        (void) listen_any();
        ASSERT_EQ(write(ready, &c, 1), 1);
        for (;;)
                (void) pause();
}

static void start_server(void) {
        int ready[2], go[2];
        char c = 0;

        ASSERT_EQ(pipe(ready), 0);
        ASSERT_EQ(pipe(go), 0);
        server = fork();
        ASSERT_TRUE(server >= 0);
        if (server == 0)
                run_server(ready[1], go[0]);

        ASSERT_EQ(read(ready[0], &c, 1), 1);
        ip("link add eth0 address " MAC " type veth peer name eth0 netns %i", (int) server);
        ip("link add eth1 type veth peer name nowhere");
        ip("link set nowhere up");
        ip("addr add 10.2.0.1/24 dev eth1");
        ip("link set eth1 up");
        ip("link set lo up");
        ASSERT_EQ(write(go[1], &c, 1), 1);
        ASSERT_EQ(read(ready[0], &c, 1), 1);
}

/* The socket, or a negative errno if there is none within 10 s: the kernel may take a second after a NIC came up, and
 * TCP two for another try. */
static int connect_to(const char *address) {
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
        bool is_v6 = strchr(address, ':');
        struct pollfd p = { .events = POLLOUT };
        socklen_t n = sizeof(errno);
        int error, r;

        ASSERT_EQ(inet_pton(is_v6 ? AF_INET6 : AF_INET, address,
                            is_v6 ? (void *) &v6.sin6_addr : (void *) &v4.sin_addr),
                  1);
        p.fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        ASSERT_TRUE(p.fd >= 0);
        r = is_v6 ? connect(p.fd, (struct sockaddr *) &v6, sizeof(v6))
                  : connect(p.fd, (struct sockaddr *) &v4, sizeof(v4));
        if (r < 0 && errno != EINPROGRESS) {
                error = errno;
                (void) close(p.fd);
                return -error;
        }
        if (poll(&p, 1, 10000) <= 0 || getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || error != 0) {
                (void) close(p.fd);
                return -EHOSTUNREACH;
        }
        return p.fd;
}

static void forget_nic(void) {
        ip("link set eth0 down");
        ip("addr flush dev eth0");
        ip("link set eth0 up");
}

static void find(const char *peer, NetworkPath *ret) {
        int fd = connect_to(peer);

        ASSERT_OK(fd);
        ASSERT_OK(network_path_find(fd, ret));
        ASSERT_EQ(network_path_is_usable(ret), 1);
        ASSERT_EQ(network_path_repair(ret), 0);
        (void) close(fd);
}

/* The NIC has nothing any more: one repair and all is well, another one has nothing to do. */
static void expect_repair(const NetworkPath *p, const char *peer) {
        int fd;

        ASSERT_EQ(network_path_repair(p), 1);
        ASSERT_EQ(network_path_is_usable(p), 1);
        ASSERT_EQ(network_path_repair(p), 0);
        fd = connect_to(peer);
        ASSERT_OK(fd);
        (void) close(fd);
}

static const char *text(int family, const struct in6_addr *a) {
        static char buffer[INET6_ADDRSTRLEN];

        return inet_ntop(family, a, buffer, sizeof(buffer));
}

static void test_on_link(NetworkPath *p) {
        forget_nic();
        ip("addr add 10.0.0.10/24 dev eth0");
        find("10.0.0.1", p);
        ASSERT_STREQ(p->name, "eth0");
        ASSERT_TRUE(p->has_mac);
        ASSERT_EQ(p->mac[5], 0x0a);
        ASSERT_EQ(p->family, AF_INET);
        ASSERT_EQ(p->prefix_length, 24);
        ASSERT_FALSE(p->has_gateway);
        ASSERT_STREQ(text(p->family, &p->address), "10.0.0.10");
        ASSERT_STREQ(text(p->family, &p->peer), "10.0.0.1");

        forget_nic();
        ASSERT_EQ(network_path_is_usable(p), 0);
        expect_repair(p, "10.0.0.1");

        ip("link set eth0 down");
        ASSERT_EQ(network_path_is_usable(p), 0);
        expect_repair(p, "10.0.0.1");
}

static void test_gateway(NetworkPath *p) {
        forget_nic();
        ip("addr add 10.0.0.10/24 dev eth0");
        ip("route add default via 10.0.0.1");
        find("192.0.2.1", p);
        ASSERT_TRUE(p->has_gateway);
        ASSERT_STREQ(text(p->family, &p->gateway), "10.0.0.1");

        forget_nic();
        expect_repair(p, "192.0.2.1");

        /* The route alone. */
        ip("route flush 192.0.2.1");
        ASSERT_EQ(network_path_is_usable(p), 0);
        expect_repair(p, "192.0.2.1");
}

/* As on networks where every server is alone. */
static void test_gateway_off_link(void) {
        NetworkPath p;

        forget_nic();
        ip("addr add 10.9.9.9/32 dev eth0");
        ip("route add default via 10.0.0.1 dev eth0 onlink");
        find("192.0.2.1", &p);
        ASSERT_EQ(p.prefix_length, 32);

        forget_nic();
        expect_repair(&p, "192.0.2.1");
}

static void test_ipv6(void) {
        NetworkPath p;

        forget_nic();
        ip("addr add fd00::10/64 dev eth0 nodad");
        ip("route add default via fd00::1");
        find("fd01::1", &p);
        ASSERT_EQ(p.family, AF_INET6);
        ASSERT_STREQ(text(p.family, &p.gateway), "fd00::1");
        ASSERT_STREQ(text(p.family, &p.address), "fd00::10");

        forget_nic();
        expect_repair(&p, "fd01::1");

        /* What a network manager of the host may leave: an address on the link. */
        ip("-6 addr flush dev eth0 scope global");
        expect_repair(&p, "fd01::1");

        find("fd00::1", &p);
        ASSERT_FALSE(p.has_gateway);
        forget_nic();
        expect_repair(&p, "fd00::1");
}

/* The way leads by another NIC, where nobody is. */
static void test_elsewhere(const NetworkPath *p) {
        forget_nic();
        ip("route add default via 10.2.0.9 dev eth1");
        expect_repair(p, "192.0.2.1");

        forget_nic();
        ip("route add 192.0.2.1 via 10.2.0.9 dev eth1");
        expect_repair(p, "192.0.2.1");
        if (system("ip route show 192.0.2.1 dev eth1 | grep -q 10.2.0.9") != 0)
                ASSERT_TRUE(!"a route of somebody else was removed");
        ip("route del 192.0.2.1 dev eth1");
        ip("route del default dev eth1");
}

/* The host has got another address: it is used, the old one does not come back. */
static void test_other_address(const NetworkPath *p) {
        forget_nic();
        ip("addr add 10.0.0.77/24 dev eth0");
        expect_repair(p, "192.0.2.1");
        if (system("ip -4 addr show dev eth0 | grep -q 10.0.0.10") == 0)
                ASSERT_TRUE(!"the old address is back");
}

static void test_nic_by_mac(const NetworkPath *p) {
        NetworkPath other = *p;

        forget_nic();
        ip("link set eth0 down");
        ip("link set eth0 name ens3");
        ip("link set eth1 name eth0");
        expect_repair(p, "192.0.2.1");
        ip("link set ens3 down");
        ip("link set eth0 name eth1");
        ip("link set ens3 name eth0");

        /* By name, if the MAC address is another one by now. */
        forget_nic();
        other.mac[5] = 0x77;
        expect_repair(&other, "192.0.2.1");

        strcpy(other.name, "eth7");
        ASSERT_ERROR(network_path_repair(&other), ENODEV);
        other.has_mac = false;
        ASSERT_ERROR(network_path_repair(&other), ENODEV);
}

static void test_bridge(const NetworkPath *p) {
        forget_nic();
        ip("link add br0 address " MAC " type bridge");
        ip("link set eth0 master br0");
        ip("link set br0 up");
        ip("link set br0 down");
        expect_repair(p, "192.0.2.1");
        if (system("ip -4 addr show dev br0 | grep -q 10.0.0.10") != 0)
                ASSERT_TRUE(!"the bridge has no address");
        ip("link del br0");
}

static void test_no_path(void) {
        NetworkPath p;
        int fd = listen_any(), pair[2], client = connect_to("127.0.0.1");

        ASSERT_OK(client);
        ASSERT_ERROR(network_path_find(client, &p), EOPNOTSUPP);
        ASSERT_ERROR(network_path_find(fd, &p), ENOTCONN);
        (void) close(client);
        (void) close(fd);

        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        ASSERT_ERROR(network_path_find(pair[0], &p), EOPNOTSUPP);
}

/* A socket for both families tells an IPv4 address as an IPv6 one. */
static void test_mapped(void) {
        NetworkPath p;

        forget_nic();
        ip("addr add 10.0.0.10/24 dev eth0");
        find("::ffff:10.0.0.1", &p);
        ASSERT_EQ(p.family, AF_INET);
        ASSERT_STREQ(text(p.family, &p.peer), "10.0.0.1");
}

static void test_json(const NetworkPath *p) {
        static const char *const bad[] = {
                "[]",
                "{}",
                "{\"interface\":\"eth0\",\"address\":\"10.0.0.10\",\"peer\":\"10.0.0.1\"}",
                "{\"interface\":\"eth0\",\"address\":\"10.0.0.10/33\",\"peer\":\"10.0.0.1\"}",
                "{\"interface\":\"eth0\",\"address\":\"10.0.0.10/24\",\"peer\":\"fd00::1\"}",
                "{\"interface\":\"eth0\",\"address\":\"10.0.0.10/24\",\"peer\":7}",
                "{\"interface\":\"\",\"address\":\"10.0.0.10/24\",\"peer\":\"10.0.0.1\"}",
                "{\"interface\":\"abcdefghijklmnop\",\"address\":\"10.0.0.10/24\",\"peer\":\"10.0.0.1\"}",
                "{\"interface\":\"eth0\",\"mac\":\"02:00\",\"address\":\"10.0.0.10/24\",\"peer\":\"10.0.0.1\"}",
                "{\"interface\":\"eth0\",\"mac\":\"02:00:00:00:00:zz\",\"address\":\"10.0.0.10/"
                "24\",\"peer\":\"10.0.0.1\"}",
                "{\"interface\":\"eth0\",\"mac\":\"02:00:00:00:00:0a\",\"address\":\"10.0.0.10/"
                "24\",\"peer\":\"10.0.0.1\",\"gateway\":\"x\"}",
                "{\"interface\":\"eth0\",\"address\":\"00000000000000000000000000000000000000000000000000/"
                "24\",\"peer\":\"10.0.0.1\"}",
        };
        json_t *o = network_path_to_json(p), *null = json_null();
        NetworkPath q;

        ASSERT_TRUE(o);
        ASSERT_STREQ(json_string_value(json_object_get(o, "interface")), "eth0");
        ASSERT_STREQ(json_string_value(json_object_get(o, "mac")), MAC);
        ASSERT_STREQ(json_string_value(json_object_get(o, "address")), "10.0.0.10/24");
        ASSERT_STREQ(json_string_value(json_object_get(o, "gateway")), "10.0.0.1");
        ASSERT_OK(network_path_from_json(o, &q));
        ASSERT_EQ(memcmp(p, &q, sizeof(q)), 0);

        ASSERT_EQ(json_object_set(o, "mac", null), 0);
        ASSERT_EQ(json_object_set(o, "gateway", null), 0);
        ASSERT_OK(network_path_from_json(o, &q));
        ASSERT_FALSE(q.has_mac);
        ASSERT_FALSE(q.has_gateway);
        json_decref(o);
        ASSERT_ERROR(network_path_from_json(NULL, &q), EINVAL);

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                o = json_loads(bad[i], 0, NULL);
                ASSERT_TRUE(o);
                if (network_path_from_json(o, &q) != -EINVAL) {
                        fprintf(stderr, "taken: %s\n", bad[i]);
                        exit(EXIT_FAILURE);
                }
                json_decref(o);
        }
}

int main(void) {
        NetworkPath p = {};

        if (unshare(CLONE_NEWNET) < 0)
                return 77;

        start_server();
        test_on_link(&p);
        test_gateway(&p);
        test_json(&p);
        test_gateway_off_link();
        test_ipv6();
        test_elsewhere(&p);
        test_other_address(&p);
        test_nic_by_mac(&p);
        test_bridge(&p);
        test_no_path();
        test_mapped();

        (void) kill(server, SIGKILL);
        (void) waitpid(server, NULL, 0);
        return EXIT_SUCCESS;
}
