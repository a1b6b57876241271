/* SPDX-License-Identifier: MIT */
/* The supervisor of a volume, against a server that goes and comes and a kernel that is played here: it is told of dead
 * links by an epoll instance in the place of the netlink socket, and takes a socket as the real one does. */
#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "fileio.h"
#include "nbd-control.h"
#include "nbd-netlink.h"
#include "nbd-protocol.h"
#include "nbd-record.h"
#include "nbd-watch.h"
#include "string-util.h"
#include "supervise.h"
#include "test.h"

#define SIZE UINT64_C(1048576)
#define FLAGS (NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH)

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Under valgrind: fewer, and what it takes for itself is not looked at. */
#define SELDOM secure_getenv("TEST_RECONNECTS")
#define N_RECONNECTS (SELDOM ? (unsigned) atoi(SELDOM) : SANITIZED ? 400U : 2000U)

/* What the processes share. */
typedef struct World {
        /* the server */
        volatile uint64_t size;
        volatile uint16_t flags;
        volatile bool stay; /* with a session once begun; else it ends each at once, in turns in several ways */
        volatile bool silent; /* it says nothing */
        volatile bool late;   /* but what it has to say when that is over, else it ends the session then */
        volatile bool newstyle;
        volatile unsigned n_sessions;
        /* the kernel */
        volatile unsigned n_taken, n_dropped, n_disconnected;
        volatile uint64_t resized;
        volatile bool lose_news; /* nobody is told of a dead link */
        volatile bool invalid;   /* the device was disconnected, but is open */
        volatile uint64_t dead_timeout;
} World;

static World *world;
/* In memory, as /run is: the record is written twice for each reconnect. */
static char directory[] = "/dev/shm/test-supervise-XXXXXX";

/* The kernel, in the process of the supervisor. */

struct NbdNetlink {
        int unused;
};

static int kernel_socket = -EBADF, kernel_events = -EBADF;
static bool kernel_dead = true, kernel_tells = true;

#if SANITIZED
/* It would make all of the sanitizer's shadow real. */
int mlockall(int flags) {
        return 0;
}
#endif

int nbd_netlink_open(NbdNetlink **ret) {
        static NbdNetlink n;

        *ret = &n;
        return 0;
}

void nbd_netlink_close(NbdNetlink *n) {
}

uint32_t nbd_netlink_group(const NbdNetlink *n) {
        return 1;
}

int nbd_netlink_connect(NbdNetlink *n, const NbdConnection *c) {
        return -EOPNOTSUPP;
}

int nbd_netlink_disconnect(NbdNetlink *n, unsigned index) {
        world->n_disconnected++;
        return 0;
}

int nbd_netlink_status(NbdNetlink *n, unsigned index, bool *ret_connected) {
        return -EOPNOTSUPP;
}

int nbd_netlink_reconnect(NbdNetlink *n, unsigned index, int fd, const char *identifier) {
        struct pollfd p = { .fd = kernel_socket, .events = POLLRDHUP };
        struct epoll_event event = { .events = EPOLLRDHUP };

        ASSERT_EQ(index, 3);
        ASSERT_STREQ(identifier, "volume");
        if (world->invalid)
                return -EINVAL;
        if (!kernel_tells && poll(&p, 1, 0) > 0)
                kernel_dead = true;
        if (!kernel_dead) {
                world->n_dropped++;
                return 0;
        }

        kernel_socket = safe_close(kernel_socket);
        kernel_socket = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        ASSERT_TRUE(kernel_socket >= 0);
        kernel_dead = false;
        world->n_taken++;
        kernel_tells = !world->lose_news;
        if (kernel_tells)
                ASSERT_OK(epoll_ctl(kernel_events, EPOLL_CTL_ADD, kernel_socket, &event));
        return 0;
}

int nbd_netlink_resize(NbdNetlink *n, unsigned index, uint64_t size, const char *identifier) {
        world->resized = size;
        return 0;
}

int nbd_netlink_dead_timeout(NbdNetlink *n, unsigned index, uint64_t seconds, const char *identifier) {
        ASSERT_STREQ(identifier, "volume");
        world->dead_timeout = seconds;
        return 0;
}

/* The first link, which is there without the supervisor's doing, is dead from the beginning, and was told of before. */
int nbd_watch_open(uint32_t group) {
        struct epoll_event event = { .events = EPOLLRDHUP };

        kernel_events = epoll_create1(EPOLL_CLOEXEC);
        ASSERT_TRUE(kernel_events >= 0);
        if (kernel_socket >= 0)
                ASSERT_OK(epoll_ctl(kernel_events, EPOLL_CTL_ADD, kernel_socket, &event));
        return fcntl(kernel_events, F_DUPFD_CLOEXEC, 3);
}

int nbd_watch_read(int fd, unsigned index) {
        struct epoll_event event;

        if (epoll_wait(kernel_events, &event, 1, 0) <= 0)
                return 0;

        (void) epoll_ctl(kernel_events, EPOLL_CTL_DEL, kernel_socket, NULL);
        kernel_dead = true;
        return 1;
}

/* The server. Oldstyle, all that it says is one message. */

static pid_t fork_helper(void) {
        pid_t pid = fork();

        ASSERT_TRUE(pid >= 0);
        if (pid == 0)
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        return pid;
}

static bool receive_all(int fd, void *buffer, size_t size) {
        return recv(fd, buffer, size, MSG_WAITALL) == (ssize_t) size;
}

static void reply(int fd, uint32_t option, uint32_t type, const void *data, uint32_t size) {
        uint8_t message[64];
        const uint64_t magic = htobe64(NBD_REP_MAGIC);
        const uint32_t numbers[] = { htobe32(option), htobe32(type), htobe32(size) };

        memcpy(message, &magic, sizeof(magic));
        memcpy(message + sizeof(magic), numbers, sizeof(numbers));
        memcpy(message + sizeof(magic) + sizeof(numbers), data, size);
        (void) !send(fd, message, sizeof(magic) + sizeof(numbers) + size, MSG_NOSIGNAL);
}

/* Newstyle: up to NBD_OPT_GO, and no other option. Ends in the middle if it is not to go to the end. */
static void haggle(int fd, bool to_the_end) {
        static const struct timeval timeout = { .tv_sec = 5 };
        const uint64_t magics[] = { htobe64(NBD_INIT_MAGIC), htobe64(NBD_NEWSTYLE_MAGIC) };
        const uint16_t flags = htobe16(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
        uint8_t hello[sizeof(magics) + sizeof(flags)], data[1024], export[12];
        uint32_t client_flags;

        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));
        memcpy(hello, magics, sizeof(magics));
        memcpy(hello + sizeof(magics), &flags, sizeof(flags));
        (void) !send(fd, hello, sizeof(hello), MSG_NOSIGNAL);
        if (!to_the_end || !receive_all(fd, &client_flags, sizeof(client_flags)))
                return;

        for (;;) {
                struct {
                        uint64_t magic;
                        uint32_t option, size;
                } request;

                if (!receive_all(fd, &request, sizeof(request)) || be32toh(request.size) > sizeof(data) ||
                    !receive_all(fd, data, be32toh(request.size)))
                        return;
                if (be32toh(request.option) != NBD_OPT_GO) {
                        reply(fd, be32toh(request.option), NBD_REP_ERR_UNSUP, "", 0);
                        continue;
                }
                *(uint16_t *) export = htobe16(NBD_INFO_EXPORT);
                for (size_t i = 0; i < 8; i++)
                        export[2 + i] = (uint8_t) (world->size >> (56 - 8 * i));
                export[10] = (uint8_t) (world->flags >> 8);
                export[11] = (uint8_t) world->flags;
                reply(fd, NBD_OPT_GO, NBD_REP_INFO, export, sizeof(export));
                reply(fd, NBD_OPT_GO, NBD_REP_ACK, "", 0);
                return;
        }
}

static void serve(int listener) {
        static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

        (void) signal(SIGCHLD, SIG_IGN);
        for (unsigned n = 0;; n++) {
                _cleanup_close_ int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                NbdOldstyleHandshake hello = {
                        .nbdmagic = htobe64(NBD_INIT_MAGIC),
                        .version = htobe64(NBD_OLDSTYLE_MAGIC),
                        .export_size = htobe64(world->size),
                        .transmission_flags = htobe16(world->flags),
                };
                struct pollfd p = { .fd = fd, .events = POLLRDHUP };
                /* Now and then it ends in the middle of what it has to say. */
                bool silent = world->silent;
                size_t size = !world->stay && n % 500 == 499 ? 20 : sizeof(hello);

                world->n_sessions++;
                if (!silent && world->newstyle)
                        haggle(fd, size == sizeof(hello));
                else if (!silent)
                        (void) !send(fd, &hello, size, MSG_NOSIGNAL);
                if (world->stay || silent) {
                        if (fork_helper() != 0)
                                continue;
                        while ((silent ? world->silent : world->stay) && poll(&p, 1, 20) == 0)
                                ;
                        if (silent && world->late) {
                                (void) !send(fd, &hello, size, MSG_NOSIGNAL);
                                while (poll(&p, 1, 20) == 0)
                                        ;
                        }
                        _exit(0);
                } else if (n % 2 == 1)
                        (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        }
}

static int listen_somewhere(uint16_t *ret_port) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ASSERT_TRUE(fd >= 0);
        ASSERT_OK(bind(fd, (struct sockaddr *) &address, sizeof(address)));
        ASSERT_OK(listen(fd, 64));
        ASSERT_OK(getsockname(fd, (struct sockaddr *) &address, &size));
        *ret_port = ntohs(address.sin_port);
        return fd;
}

/* The test itself. */

static void write_text(const char *name, const char *text) {
        _cleanup_free_ char *path = NULL;

        ASSERT_OK(asprintf_to(&path, "%s/%s", directory, name));
        ASSERT_OK(write_file_atomic(path, text, strlen(text), 0644));
}

static void write_record(const char *uri) {
        NbdRecord record = {
                .uri = (char *) uri,
                .identifier = (char *) "volume",
                .size = SIZE,
                .block_size = 512,
                .flags = FLAGS,
                .oldstyle = true,
        };

        ASSERT_OK(nbd_record_write(3, &record));
}

static void prepare(const char *uri) {
        _cleanup_free_ char *device = NULL;

        ASSERT_TRUE(mkdtemp(directory));
        ASSERT_OK(asprintf_to(&device, "%s/block/nbd3", directory));
        ASSERT_OK(mkdir_p(device));
        ASSERT_OK(setenv("SCALEWAY_SYS", directory, 1));
        ASSERT_OK(setenv("SCALEWAY_RUN", directory, 1));
        write_text("block/nbd3/pid", "1\n");
        write_text("block/nbd3/size", "2048\n");
        write_text("block/nbd3/backend", "volume\n");
        write_record(uri);
}

static int supervise(const char *uri) {
        ExportUri parsed;
        int r;
        AttachOptions o = {
                .index = 3, .uri_text = uri, .uri = &parsed, .identifier = "volume", .timeout = USEC_PER_SEC
        };

        ASSERT_OK(export_uri_parse(uri, &parsed));
        r = supervise_volume(&o);
        export_uri_done(&parsed);
        return r;
}

/* A number of /proc/PID/status, KiB. */
static unsigned long status_of(pid_t pid, const char *key) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        char *line;

        ASSERT_OK(asprintf_to(&path, "/proc/%i/status", (int) pid));
        ASSERT_OK(read_file(path, 65536, &text, NULL));
        line = strstr(text, key);
        ASSERT_TRUE(line);
        return strtoul(line + strlen(key), NULL, 10);
}

static unsigned count_fds_once(pid_t pid) {
        _cleanup_free_ char *path = NULL;
        _cleanup_(closedirp) DIR *d = NULL;
        unsigned n = 0;

        ASSERT_OK(asprintf_to(&path, "/proc/%i/fd", (int) pid));
        d = opendir(path);
        ASSERT_TRUE(d);
        while (readdir(d))
                n++;
        return n;
}

/* Those that stay: a record can be read a moment before its writer has closed it. */
static unsigned count_fds(pid_t pid) {
        unsigned n = UINT_MAX;

        for (unsigned i = 0; i < 20; i++) {
                n = MIN(n, count_fds_once(pid));
                sleep_usec(10 * USEC_PER_MSEC);
        }

        return n;
}

/* Waits until the record says so; reason is a part of the record's, NULL for any. */
static void await(NbdLink link, const char *reason) {
        usec_t deadline = now_usec() + 20 * USEC_PER_SEC;

        for (;;) {
                NbdRecord record = {};
                bool done;

                ASSERT_OK(nbd_record_read(3, &record));
                done = record.link == link && (!reason || strstr(record.reason, reason));
                if (!done && now_usec() >= deadline) {
                        fprintf(stderr, "link is %s, '%s'; expected %s, '%s'\n", nbd_link_to_string(record.link),
                                record.reason, nbd_link_to_string(link), reason ?: "");
                        exit(EXIT_FAILURE);
                }
                nbd_record_done(&record);
                if (done)
                        return;
                sleep_usec(5 * USEC_PER_MSEC);
        }
}

static void await_taken(unsigned n) {
        usec_t deadline = now_usec() + 120 * USEC_PER_SEC;

        while (world->n_taken < n) {
                ASSERT_TRUE(now_usec() < deadline);
                sleep_usec(USEC_PER_MSEC);
        }
}

/* The server goes, and comes back as something else. */
static void test_another_export(uint64_t size, uint16_t flags, const char *reason) {
        unsigned taken;

        world->size = size;
        world->flags = flags;
        world->stay = false;
        await(NBD_LINK_DOWN, reason);
        taken = world->n_taken;
        world->size = SIZE;
        world->flags = FLAGS;
        world->stay = true;
        await(NBD_LINK_UP, NULL);
        ASSERT_EQ(world->n_taken, taken + 1);
}

static void test_resize(void) {
        _cleanup_free_ char *text = NULL;

        /* Nothing to take yet, and the link stays. */
        ASSERT_EQ(nbd_control_ask(3, "resize", 10 * USEC_PER_SEC, &text), 1);
        ASSERT_TRUE(strstr(text, "1048576 bytes as before"));
        text = mfree(text);
        ASSERT_EQ(world->resized, 0);
        await(NBD_LINK_UP, NULL);

        /* Larger: taken while the link is up, for it was asked for, and the size comes after the socket. */
        world->size = 2 * SIZE;
        ASSERT_EQ(nbd_control_ask(3, "resize", 10 * USEC_PER_SEC, &text), 1);
        ASSERT_TRUE(strstr(text, "grown from 1048576 to 2097152 bytes"));
        ASSERT_EQ(world->resized, 2 * SIZE);
        await(NBD_LINK_UP, "larger");
        text = mfree(text);

        /* Smaller is not taken whoever asks. */
        world->size = SIZE;
        ASSERT_EQ(nbd_control_ask(3, "resize", 10 * USEC_PER_SEC, &text), 0);
        ASSERT_TRUE(strstr(text, "less than the 2097152"));
        world->size = 2 * SIZE;
        ASSERT_EQ(nbd_control_ask(3, "nonsense", 10 * USEC_PER_SEC, NULL), 0);
        await(NBD_LINK_UP, NULL);
}

/* Where memory is short, the kernel says nothing; a socket it has not taken is handed over again. */
static void test_lost_news(void) {
        unsigned taken = world->n_taken;

        world->stay = false;
        world->lose_news = true;
        await_taken(taken + 2);
        world->stay = true;
        await(NBD_LINK_UP, NULL);
        world->lose_news = false;
        world->stay = false;
        await(NBD_LINK_DOWN, NULL);
        world->stay = true;
        await(NBD_LINK_UP, NULL);
}

/* A server's machine may be gone after it has taken the connection, and its return is not to be missed for long. */
static void test_silent(void) {
        unsigned sessions = world->n_sessions;
        usec_t begin = now_usec();

        world->silent = true;
        world->stay = false;
        await(NBD_LINK_DOWN, "did not finish the NBD handshake within 3 s");
        ASSERT_TRUE(world->n_sessions > sessions);
        ASSERT_TRUE(now_usec() - begin < 5 * USEC_PER_SEC);
        world->stay = true;
        world->silent = false;
        await(NBD_LINK_UP, NULL);
}

/* Neither memory nor descriptors: what a reconnect takes, it gives back. */
static void test_many(pid_t supervisor, bool newstyle, unsigned n) {
        unsigned long size, resident, taken = world->n_taken;
        unsigned n_fds;

        world->newstyle = newstyle;
        world->stay = false;
        await_taken(taken + n / 10);
        world->stay = true;
        await(NBD_LINK_UP, NULL);
        sleep_usec(200 * USEC_PER_MSEC);
        await(NBD_LINK_UP, NULL);
        size = status_of(supervisor, "\nVmSize:");
        resident = status_of(supervisor, "\nVmRSS:");
        n_fds = count_fds(supervisor);

        world->stay = false;
        await_taken(taken + n);
        world->stay = true;
        await(NBD_LINK_UP, NULL);
        /* That the link is up may still be said of a session before. */
        for (usec_t deadline = now_usec() + 10 * USEC_PER_SEC; count_fds(supervisor) != n_fds; sleep_usec(USEC_PER_MSEC))
                ASSERT_TRUE(now_usec() < deadline);
        printf("%s, after %u and %u reconnects: VmSize %lu and %lu KiB, VmRSS %lu and %lu KiB, %u descriptors\n",
               newstyle ? "newstyle" : "oldstyle", n / 10, n, size, status_of(supervisor, "\nVmSize:"), resident,
               status_of(supervisor, "\nVmRSS:"), n_fds);
        world->newstyle = false;
        if (!SANITIZED && !SELDOM) {
                ASSERT_EQ(status_of(supervisor, "\nVmSize:"), size);
                ASSERT_EQ(status_of(supervisor, "\nVmRSS:"), resident);
        }
}

/* Who asks in the middle of a try is served before what that leads to is handed over; and the supervisor is there until the device is
 * disconnected. */
static void test_detach(pid_t supervisor) {
        _cleanup_free_ char *path = NULL;
        NbdRecord record;
        unsigned sessions = world->n_sessions, taken = world->n_taken;
        int status;

        world->late = true;
        world->silent = true;
        world->stay = false;
        while (world->n_sessions == sessions)
                sleep_usec(USEC_PER_MSEC);
        if (fork_helper() == 0) {
                sleep_usec(USEC_PER_SEC);
                world->silent = false;
                _exit(0);
        }
        ASSERT_EQ(nbd_control_ask(3, "detach", 10 * USEC_PER_SEC, NULL), 1);
        ASSERT_FALSE(world->silent);
        ASSERT_EQ(world->n_taken, taken);
        ASSERT_EQ(world->n_disconnected, 1);
        ASSERT_EQ(waitpid(supervisor, &status, 0), supervisor);
        ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        ASSERT_ERROR(nbd_record_read(3, &record), ENOENT);
        ASSERT_ERROR(nbd_control_ask(3, "detach", USEC_PER_SEC, NULL), ENOENT);
        ASSERT_OK(asprintf_to(&path, "%s/sendsigs.omit.d/nbd3.pid", directory));
        ASSERT_TRUE(access(path, F_OK) < 0);
}

static pid_t fork_supervisor(int listener, const char *uri) {
        pid_t pid = fork_helper();

        if (pid == 0) {
                safe_close(listener);
                _exit(-supervise(uri));
        }
        return pid;
}

static void test_second(int listener, const char *uri) {
        pid_t pid = fork_supervisor(listener, uri);
        int status;

        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFEXITED(status));
        ASSERT_EQ(WEXITSTATUS(status), EBUSY);
        ASSERT_EQ(nbd_control_ask(3, "nonsense", 10 * USEC_PER_SEC, NULL), 0);
}

/* Neither the socket nor sysvinit's file can be made; and a record that is left by one that is dead is no hindrance. */
static void test_without_files(int listener, const char *uri) {
        _cleanup_free_ char *control = NULL, *omit = NULL, *pid_file = NULL;
        unsigned taken;
        pid_t pid;
        int status;

        ASSERT_OK(asprintf_to(&control, "%s/scaleway/nbd/3.control", directory));
        ASSERT_OK(mkdir_p(control));
        ASSERT_OK(asprintf_to(&omit, "%s/sendsigs.omit.d", directory));
        ASSERT_OK(rmdir(omit));
        write_text("sendsigs.omit.d", "");
        write_record(uri);
        taken = world->n_taken;
        world->size = SIZE;
        world->stay = true;
        pid = fork_supervisor(listener, uri);
        await_taken(taken + 1);
        await(NBD_LINK_UP, NULL);
        world->stay = false;
        await_taken(taken + 2);

        ASSERT_OK(asprintf_to(&pid_file, "%s/block/nbd3/pid", directory));
        ASSERT_OK(unlink(pid_file));
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        ASSERT_OK(rmdir(control));
        ASSERT_OK(unlink(omit));
}

/* A service manager, as far as it keeps descriptors: what it was given, and not told to forget. */
static int manager_fd = -EBADF, manager_kept = -EBADF;

static void manager_open(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", directory);
        manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ASSERT_TRUE(manager_fd >= 0);
        ASSERT_OK(bind(manager_fd, (struct sockaddr *) &address, sizeof(address)));
}

/* Reads until that was said. */
static void manager_await(const char *word) {
        char text[256];
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control;
        bool done = false;

        while (!done) {
                struct pollfd p = { .fd = manager_fd, .events = POLLIN };
                struct iovec v = { .iov_base = text, .iov_len = sizeof(text) - 1 };
                struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
                ssize_t n;

                ASSERT_EQ(poll(&p, 1, 20000), 1);
                n = recvmsg(manager_fd, &m, MSG_CMSG_CLOEXEC);
                ASSERT_TRUE(n > 0);
                text[n] = '\0';
                if (startswith(text, "FDSTOREREMOVE=1\nFDNAME=link"))
                        manager_kept = safe_close(manager_kept);
                else if (startswith(text, "FDSTORE=1\nFDNAME=link")) {
                        ASSERT_EQ(manager_kept, -EBADF);
                        ASSERT_TRUE(CMSG_FIRSTHDR(&m));
                        memcpy(&manager_kept, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
                }
                done = startswith(text, word) != NULL;
        }
}

/* As scaleway-nbd@.service does on the host. The kernel has the link that was kept, if one was. */
static pid_t start_again(int listener) {
        pid_t pid = fork_helper();
        _cleanup_free_ char *path = NULL;
        char number[16];

        if (pid != 0)
                return pid;

        safe_close(listener);
        ASSERT_OK(asprintf_to(&path, "%s/notify", directory));
        ASSERT_OK(setenv("NOTIFY_SOCKET", path, 1));
        if (manager_kept >= 0) {
                kernel_socket = fcntl(manager_kept, F_DUPFD_CLOEXEC, 100);
                kernel_dead = false;
                ASSERT_TRUE(dup2(manager_kept, 3) == 3);
                (void) snprintf(number, sizeof(number), "%i", (int) getpid());
                ASSERT_OK(setenv("LISTEN_PID", number, 1));
                ASSERT_OK(setenv("LISTEN_FDS", "1", 1));
        }
        _exit(-supervise_again(3));
}

static void kill_supervisor(pid_t pid) {
        int status;

        ASSERT_OK(kill(pid, SIGKILL));
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFSIGNALED(status));
}

static void await_pid(pid_t pid) {
        usec_t deadline = now_usec() + 20 * USEC_PER_SEC;

        for (;; sleep_usec(5 * USEC_PER_MSEC)) {
                NbdRecord record = {};
                bool done;

                ASSERT_OK(nbd_record_read(3, &record));
                done = record.pid == (uint64_t) pid;
                nbd_record_done(&record);
                if (done)
                        return;
                ASSERT_TRUE(now_usec() < deadline);
        }
}

/* One that was killed has another one in its place, that knows from the record and from the manager what there is to be known. */
static pid_t test_replaced(int listener, const char *uri) {
        _cleanup_free_ char *root = NULL, *own_root = NULL;
        char target[PATH_MAX] = "";
        unsigned sessions, taken;
        NbdRecord record;
        pid_t pid;

        manager_open();
        ASSERT_OK(asprintf_to(&root, "%s/initramfs", directory));
        ASSERT_OK(mkdir_p(root));
        write_text("block/nbd3/pid", "1\n");
        write_record(uri);
        world->stay = true;
        taken = world->n_taken;

        /* Nothing was kept: it connects, and what it has then is kept. */
        pid = start_again(listener);
        manager_await("READY=1");
        await_pid(pid);
        manager_await("FDSTORE=1");
        await(NBD_LINK_UP, NULL);
        ASSERT_EQ(world->n_taken, taken + 1);
        /* It holds no file system that is to be unmounted in the end. */
        ASSERT_OK(asprintf_to(&own_root, "/proc/%i/root", (int) pid));
        for (usec_t deadline = now_usec() + 10 * USEC_PER_SEC; !streq(target, root); sleep_usec(USEC_PER_MSEC)) {
                ssize_t n = readlink(own_root, target, sizeof(target) - 1);

                ASSERT_TRUE(n > 0 && now_usec() < deadline);
                target[n] = '\0';
        }

        /* The link lives on, and the server does not notice anything. */
        sessions = world->n_sessions;
        kill_supervisor(pid);
        pid = start_again(listener);
        manager_await("READY=1");
        await_pid(pid);
        await(NBD_LINK_UP, NULL);
        ASSERT_EQ(world->n_sessions, sessions);
        /* And it knows when it is lost. */
        world->stay = false;
        await_taken(taken + 2);
        world->stay = true;
        await(NBD_LINK_UP, NULL);
        ASSERT_OK(nbd_record_read(3, &record));
        ASSERT_EQ(record.pid, pid);
        ASSERT_FALSE(record.root);
        nbd_record_done(&record);

        /* The root is found on it, and that is known to the one after it, as is what was asked to be the limit. */
        ASSERT_EQ(nbd_control_ask(3, NBD_CONTROL_ROOT, 10 * USEC_PER_SEC, NULL), 1);
        ASSERT_EQ(world->dead_timeout, NBD_DEAD_TIMEOUT_ROOT_SEC);
        world->dead_timeout = 0;
        ASSERT_EQ(nbd_control_ask(3, NBD_CONTROL_ROOT, 10 * USEC_PER_SEC, NULL), 1);
        ASSERT_EQ(world->dead_timeout, 0);

        /* The link is lost while nobody looks after it. */
        sleep_usec(200 * USEC_PER_MSEC);
        while (recv(manager_fd, target, sizeof(target), MSG_DONTWAIT | MSG_PEEK) > 0)
                manager_await("");
        ASSERT_TRUE(manager_kept >= 0);
        kill_supervisor(pid);
        taken = world->n_taken;
        world->stay = false;
        for (struct pollfd p = { .fd = manager_kept, .events = POLLRDHUP }; poll(&p, 1, 20000) == 0;)
                ;
        world->stay = true;
        pid = start_again(listener);
        await_pid(pid);
        await_taken(taken + 1);
        await(NBD_LINK_UP, NULL);
        ASSERT_OK(nbd_record_read(3, &record));
        ASSERT_TRUE(record.root);
        nbd_record_done(&record);

        /* Whom systemd has started is not ended by a mistake. */
        ASSERT_OK(kill(pid, SIGTERM));
        ASSERT_EQ(nbd_control_ask(3, "nonsense", 10 * USEC_PER_SEC, NULL), 0);

        /* What is another device by now is left alone; and so is one that is not attached. */
        write_text("block/nbd3/backend", "another\n");
        ASSERT_ERROR(supervise_again(3), EBUSY);
        write_text("block/nbd3/backend", "volume\n");
        ASSERT_ERROR(supervise_again(3), EBUSY); /* one of them is enough */
        return pid;
}

/* It was disconnected, but somebody has it open; perhaps it has the root, and then somebody has to be there when the machine goes down. */
static void test_cut(pid_t pid) {
        _cleanup_free_ char *pid_file = NULL;
        unsigned sessions;
        NbdRecord record;
        int status;

        world->invalid = true;
        world->stay = false;
        await(NBD_LINK_DOWN, "somebody has disconnected it while it was in use");
        sessions = world->n_sessions;
        sleep_usec(USEC_PER_SEC + 500 * USEC_PER_MSEC);
        ASSERT_EQ(world->n_sessions, sessions);
        ASSERT_EQ(waitpid(pid, &status, WNOHANG), 0);
        ASSERT_EQ(nbd_control_ask(3, "resize", 10 * USEC_PER_SEC, NULL), 0);
        ASSERT_EQ(world->n_sessions, sessions);

        ASSERT_OK(asprintf_to(&pid_file, "%s/block/nbd3/pid", directory));
        ASSERT_OK(unlink(pid_file));
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        ASSERT_ERROR(nbd_record_read(3, &record), ENOENT);
        ASSERT_ERROR(supervise_again(3), ENODEV);
}

int main(int argc, char *argv[]) {
        _cleanup_free_ char *uri = NULL, *path = NULL, *text = NULL, *remove = NULL;
        pid_t server, supervisor;
        uint16_t port;
        int listener;

        /* A supervisor is known by its name. */
        if (!streq(argv[0], "@xnbd-client"))
                return execl("/proc/self/exe", "@xnbd-client", NULL);

        world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ASSERT_TRUE(world != MAP_FAILED);
        world->size = SIZE;
        world->flags = FLAGS;
        world->stay = true;
        listener = listen_somewhere(&port);
        ASSERT_OK(asprintf_to(&uri, "nbd://localhost:%u", port));
        prepare(uri);

        server = fork_helper();
        if (server == 0)
                serve(listener);
        supervisor = fork_supervisor(listener, uri);
        await_taken(1);
        await(NBD_LINK_UP, NULL);
        ASSERT_OK(asprintf_to(&path, "%s/sendsigs.omit.d/nbd3.pid", directory));
        ASSERT_OK(read_file(path, 64, &text, NULL));
        ASSERT_EQ(strtol(text, NULL, 10), supervisor);

        if (SELDOM) {
                test_many(supervisor, /* newstyle= */ true, N_RECONNECTS);
                test_many(supervisor, /* newstyle= */ false, N_RECONNECTS);
                test_detach(supervisor);
                goto end;
        }

        test_second(listener, uri);
        test_another_export(SIZE - 512, FLAGS, "1048064 bytes now, less than");
        test_another_export(SIZE * 2, FLAGS, "2097152 bytes now, more than");
        test_another_export(SIZE, FLAGS | NBD_FLAG_READ_ONLY, "read-only now");
        test_another_export(SIZE, NBD_FLAG_HAS_FLAGS, "cannot do any more what it could");
        test_lost_news();
        test_silent();
        test_many(supervisor, /* newstyle= */ false, N_RECONNECTS / 4 * 3);
        test_many(supervisor, /* newstyle= */ true, N_RECONNECTS / 4);
        test_resize();
        test_detach(supervisor);
        test_without_files(listener, uri);
        test_cut(test_replaced(listener, uri));

end:
        ASSERT_OK(kill(server, SIGKILL));
        ASSERT_OK(asprintf_to(&remove, "rm -r '%s'", directory));
        return system(remove) == 0 ? 0 : EXIT_FAILURE;
}
