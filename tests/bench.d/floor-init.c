/* SPDX-License-Identifier: MIT */

/* The floor of `tests/bench boot`: the least a program can do between the kernel and the init of a root on NBD.
 *
 * It is the whole initrd but for its modules: /init, run by the kernel as PID 1. It loads the modules of /modules in
 * the order of their names, gives eth0 the address of the command line, does the newstyle handshake, hands the socket
 * to the kernel, mounts the root and executes its init. No DHCP, no metadata, no state, no udev, no recovery: it is a
 * measuring device, not an initrd for servers. Command line:
 *
 *     floor.ip=ADDRESS/PREFIX floor.nbd=ADDRESS:PORT/EXPORT init=PATH
 *
 * Any failure is said on the console and ends in power-off, so that the bench sees a boot that did not arrive. */

#include <arpa/inet.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Values of the NBD protocol, newstyle; see the chapters "Handshake phase" and "Option haggling" of its description. */
#define NBD_MAGIC UINT64_C(0x4e42444d41474943)
#define NBD_OPTION_MAGIC UINT64_C(0x49484156454f5054)
#define NBD_REPLY_MAGIC UINT64_C(0x0003e889045565a9)
#define NBD_OPT_GO 7
#define NBD_REP_ACK 1
#define NBD_REP_INFO 3
#define NBD_INFO_EXPORT 0
#define NBD_FIXED_NO_ZEROES 3 /* NBD_FLAG_C_FIXED_NEWSTYLE and NBD_FLAG_C_NO_ZEROES */

#define IO_SECONDS 5      /* Nothing on this network takes longer. */
#define LINK_TRIES 5000   /* of one millisecond each */
#define REPLIES_MAX 16

static char command_line[4096];

struct export {
        uint64_t size;
        uint16_t flags;
};

__attribute__((noreturn)) static void fail(const char *what) {
        fprintf(stderr, "floor-init: %s: %s\n", what, strerror(errno));
        (void) reboot(RB_POWER_OFF);
        _exit(1);
}

/* Value of `key` on the command line, as a copy that the caller never frees; fails if it is missing. */
static char *option(const char *key) {
        char *copy = strdup(command_line), *state = NULL;

        for (char *word = strtok_r(copy, " \n", &state); word; word = strtok_r(NULL, " \n", &state))
                if (strncmp(word, key, strlen(key)) == 0 && word[strlen(key)] == '=')
                        return word + strlen(key) + 1;
        errno = EINVAL;
        fail(key);
}

/* ADDRESS, a separator, and the text after it; the address is parsed, the rest returned. */
static char *address_and_rest(char *text, char separator, struct in_addr *ret) {
        char *rest = strchr(text, separator);

        errno = EINVAL;
        if (!rest)
                fail(text);
        *rest++ = 0;
        if (inet_pton(AF_INET, text, ret) != 1)
                fail(text);
        return rest;
}

static void mount_kernel_file_systems(void) {
        int fd;

        if (mount("devtmpfs", "/dev", "devtmpfs", 0, "mode=0755") < 0 && errno != EBUSY)
                fail("mount /dev");
        if (mount("proc", "/proc", "proc", 0, NULL) < 0)
                fail("mount /proc");

        /* The kernel gave us no console: there was no /dev/console in the archive. */
        fd = open("/dev/console", O_RDWR | O_NOCTTY);
        for (int i = 0; i <= STDERR_FILENO; i++)
                (void) dup2(fd, i);

        fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, command_line, sizeof command_line - 1) < 0)
                fail("/proc/cmdline");
}

static void load_modules(void) {
        struct dirent **entries;
        int n = scandir("/modules", &entries, NULL, alphasort);

        for (int i = 0; i < n; i++) {
                char path[512];
                int fd;

                if (entries[i]->d_name[0] == '.')
                        continue;
                (void) snprintf(path, sizeof path, "/modules/%s", entries[i]->d_name);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
                        fail(path);
                (void) unlink(path); /* A file of the initramfs is memory, and would stay below the root for ever. */
        }
}

static void wait_for_link(int fd, struct ifreq *request) {
        const struct timespec pause = { .tv_nsec = 1000000 };

        for (int i = 0; i < LINK_TRIES; i++) {
                if (ioctl(fd, SIOCGIFFLAGS, request) == 0)
                        return;
                (void) nanosleep(&pause, NULL);
        }
        fail("no eth0");
}

static void configure_network(void) {
        struct sockaddr_in address = { .sin_family = AF_INET }, mask = { .sin_family = AF_INET };
        struct ifreq request = { .ifr_name = "eth0" };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        unsigned prefix = (unsigned) strtoul(address_and_rest(option("floor.ip"), '/', &address.sin_addr), NULL, 10);

        if (prefix < 1 || prefix > 32)
                fail("floor.ip");
        wait_for_link(fd, &request);

        request.ifr_flags |= IFF_UP;
        if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
                fail("link up");
        memcpy(&request.ifr_addr, &address, sizeof address);
        if (ioctl(fd, SIOCSIFADDR, &request) < 0)
                fail("address");
        mask.sin_addr.s_addr = htobe32(UINT32_MAX << (32 - prefix));
        memcpy(&request.ifr_netmask, &mask, sizeof mask);
        if (ioctl(fd, SIOCSIFNETMASK, &request) < 0)
                fail("netmask");
}

static void get(int fd, void *buffer, size_t size) {
        /* Asked for no bytes, recv() would still wait for one. */
        if (size > 0 && recv(fd, buffer, size, MSG_WAITALL) != (ssize_t) size)
                fail("NBD server: read");
}

static void put(int fd, const void *buffer, size_t size) {
        if (send(fd, buffer, size, MSG_NOSIGNAL) != (ssize_t) size)
                fail("NBD server: write");
}

/* Connects to ADDRESS:PORT; `ret_name` is the export's name after the slash. */
static int connect_to_server(char **ret_name) {
        const struct timeval limit = { .tv_sec = IO_SECONDS };
        struct sockaddr_in server = { .sin_family = AF_INET };
        char *rest = address_and_rest(option("floor.nbd"), ':', &server.sin_addr);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        server.sin_port = htobe16((uint16_t) strtoul(rest, ret_name, 10));
        if (**ret_name == '/')
                (*ret_name)++;

        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));
        if (connect(fd, (struct sockaddr *) &server, sizeof server) < 0)
                fail("NBD server: connect");
        return fd;
}

static void send_go(int fd, const char *name) {
        struct __attribute__((packed)) {
                uint32_t client_flags;
                uint64_t magic;
                uint32_t option, length, name_length;
        } head = {
                .client_flags = htobe32(NBD_FIXED_NO_ZEROES),
                .magic = htobe64(NBD_OPTION_MAGIC),
                .option = htobe32(NBD_OPT_GO),
                .length = htobe32((uint32_t) (sizeof(uint32_t) + strlen(name) + sizeof(uint16_t))),
                .name_length = htobe32((uint32_t) strlen(name)),
        };

        put(fd, &head, sizeof head);
        put(fd, name, strlen(name));
        put(fd, &(uint16_t) { 0 }, sizeof(uint16_t)); /* No information requests: NBD_INFO_EXPORT comes unasked. */
}

/* Greeting, NBD_OPT_GO, and its replies up to the acknowledgement: after it the socket is in the transmission phase. */
static struct export handshake(int fd, const char *name) {
        struct __attribute__((packed)) { uint64_t magic, option_magic; uint16_t flags; } greeting;
        struct __attribute__((packed)) { uint64_t magic; uint32_t option, type, length; } reply;
        struct __attribute__((packed)) { uint16_t type; uint64_t size; uint16_t flags; } info;
        struct export export = {};
        char body[4096];

        get(fd, &greeting, sizeof greeting);
        errno = EPROTO; /* for every failure from here that is not one of a system call */
        if (be64toh(greeting.magic) != NBD_MAGIC || be64toh(greeting.option_magic) != NBD_OPTION_MAGIC)
                fail("NBD server: not newstyle");
        send_go(fd, name);

        for (int i = 0; i < REPLIES_MAX; i++) {
                get(fd, &reply, sizeof reply);
                if (be64toh(reply.magic) != NBD_REPLY_MAGIC || be32toh(reply.length) > sizeof body)
                        fail("NBD server: bad reply");
                get(fd, body, be32toh(reply.length));

                if (be32toh(reply.type) == NBD_REP_ACK && export.size > 0)
                        return export;
                if (be32toh(reply.type) != NBD_REP_INFO || be32toh(reply.length) < sizeof info)
                        fail("NBD server: refused");
                memcpy(&info, body, sizeof info);
                if (be16toh(info.type) == NBD_INFO_EXPORT)
                        export = (struct export) { .size = be64toh(info.size), .flags = be16toh(info.flags) };
        }
        fail("NBD server: talks without end");
}

/* A generic netlink message that grows attribute by attribute; everything we send fits. */
struct message {
        struct nlmsghdr head;
        struct genlmsghdr generic;
        char attributes[256];
};

static struct nlattr *add(struct message *m, uint16_t type, const void *data, size_t size) {
        struct nlattr *a = (struct nlattr *) ((char *) m + m->head.nlmsg_len);

        *a = (struct nlattr) { .nla_len = (uint16_t) (NLA_HDRLEN + size), .nla_type = type };
        if (size > 0)
                memcpy(a + 1, data, size);
        m->head.nlmsg_len += (uint32_t) NLA_ALIGN(a->nla_len);
        return a;
}

static struct message message_new(uint16_t family, uint8_t command) {
        return (struct message) {
                .head = { .nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN), .nlmsg_type = family,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
                .generic = { .cmd = command, .version = 1 },
        };
}

/* Sends `m` and reads answers up to the acknowledgement, which carries 0 or an errno. Leaves the data in `answer`. */
static void talk(int fd, const struct message *m, void *answer, size_t size) {
        union { struct nlmsghdr head; char bytes[8192]; } reply;

        put(fd, m, m->head.nlmsg_len);
        for (int i = 0; i < REPLIES_MAX; i++) {
                const struct nlmsgerr *end = NLMSG_DATA(&reply.head);
                ssize_t n = recv(fd, &reply, sizeof reply, 0);

                if (n < (ssize_t) sizeof reply.head)
                        fail("netlink: read");
                if (reply.head.nlmsg_type != NLMSG_ERROR) {
                        if (answer)
                                memcpy(answer, &reply, size < (size_t) n ? size : (size_t) n);
                        continue;
                }
                if (end->error == 0)
                        return;
                errno = -end->error;
                fail("netlink: refused");
        }
        fail("netlink: talks without end");
}

static uint16_t nbd_family(int fd) {
        struct message m = message_new(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
        struct message answer = {};
        const char *p = answer.attributes;

        (void) add(&m, CTRL_ATTR_FAMILY_NAME, NBD_GENL_FAMILY_NAME, sizeof NBD_GENL_FAMILY_NAME);
        talk(fd, &m, &answer, sizeof answer);
        while (p < answer.attributes + sizeof answer.attributes - NLA_HDRLEN) {
                const struct nlattr *a = (const struct nlattr *) p;

                if (a->nla_type == CTRL_ATTR_FAMILY_ID)
                        return *(const uint16_t *) (a + 1);
                if (a->nla_len < NLA_HDRLEN)
                        break; /* the zeroes after the last one */
                p += NLA_ALIGN(a->nla_len);
        }
        errno = ENOENT;
        fail("netlink: no nbd family");
}

/* Hands the socket to the kernel as /dev/nbd0. */
static void attach(int sock, struct export export) {
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
        struct message m = message_new(nbd_family(fd), NBD_CMD_CONNECT);
        const struct timeval unlimited = {};
        struct nlattr *sockets, *item;

        /* The kernel would take the end of our time limit for the end of the connection. */
        (void) setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &unlimited, sizeof unlimited);
        (void) setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &unlimited, sizeof unlimited);
        (void) add(&m, NBD_ATTR_INDEX, &(uint32_t) { 0 }, sizeof(uint32_t));
        (void) add(&m, NBD_ATTR_SIZE_BYTES, &export.size, sizeof export.size);
        (void) add(&m, NBD_ATTR_SERVER_FLAGS, &(uint64_t) { export.flags }, sizeof(uint64_t));
        sockets = add(&m, NBD_ATTR_SOCKETS | NLA_F_NESTED, NULL, 0);
        item = add(&m, NBD_SOCK_ITEM | NLA_F_NESTED, NULL, 0);
        (void) add(&m, NBD_SOCK_FD, &(uint32_t) { (uint32_t) sock }, sizeof(uint32_t));
        sockets->nla_len = (uint16_t) ((char *) &m + m.head.nlmsg_len - (char *) sockets);
        item->nla_len = (uint16_t) ((char *) &m + m.head.nlmsg_len - (char *) item);
        talk(fd, &m, NULL, 0);
}

static void switch_root(void) {
        const char *init = option("init");

        if (mount("/dev/nbd0", "/root", "ext4", 0, NULL) < 0)
                fail("mount /dev/nbd0");
        (void) mount("/dev", "/root/dev", NULL, MS_MOVE, NULL);
        (void) mount("/proc", "/root/proc", NULL, MS_MOVE, NULL);

        (void) unlink("/init");
        if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
                fail("switch root");
        (void) execl(init, init, (char *) NULL);
        fail(init);
}

int main(void) {
        char *name;
        int sock;

        mount_kernel_file_systems();
        load_modules();
        configure_network();
        sock = connect_to_server(&name);
        attach(sock, handshake(sock, name));
        switch_root();
}
