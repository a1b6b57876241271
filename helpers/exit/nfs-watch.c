/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include "applet.h"
#include "bounds.h"
#include "fd-util.h"
#include "fileio.h"
#include "log.h"
#include "nfs-path.h"
#include "nfs-watch.h"
#include "paths.h"
#include "poll-util.h"
#include "string-util.h"
#include "tcp-connect.h"

/* RFC 5531: a record over TCP begins with its length and a bit that says that it is the last part of it. */
#define RPC_LAST 0x80000000U
#define RPC_CALL 0U
#define RPC_REPLY 1U
#define RPC_VERSION 2U
#define RPC_NFS 100003U
#define RPC_NULL 0U
/* A server that does not speak this version says so, which is an answer. */
#define NFS_VERSION 4U
#define REPLY_MIN 24U

/* Of PID files that sysvinit's sendsigs and OpenRC's killprocs spare. */
#define OMIT_DIR "sendsigs.omit.d"
#define OMIT_FILE OMIT_DIR "/scaleway-nfs.pid"

static int read_all(int fd, void *data, size_t n, usec_t deadline) {
        for (char *p = data; n > 0;) {
                ssize_t k;

                if (!poll_readable(fd, deadline))
                        return -ETIMEDOUT;
                k = read(fd, p, n);
                if (k == 0)
                        return -ECONNRESET;
                if (k < 0 && errno != EINTR && errno != EAGAIN)
                        return -errno;
                if (k > 0) {
                        p += k;
                        n -= (size_t) k;
                }
        }

        return 0;
}

int nfs_ask(const struct sockaddr *address, socklen_t size, usec_t timeout) {
        usec_t deadline = now_usec() + timeout;
        _cleanup_close_ int fd = -EBADF;
        uint32_t id = (uint32_t) deadline;
        /* Procedure 0 does nothing, and who asks need not be known: no credentials, nothing to verify them. */
        uint32_t call[11] = {
                htonl(RPC_LAST | (sizeof(call) - sizeof(*call))),
                htonl(id),
                htonl(RPC_CALL),
                htonl(RPC_VERSION),
                htonl(RPC_NFS),
                htonl(NFS_VERSION),
                htonl(RPC_NULL),
        };
        uint32_t reply[3], length;
        int r;

        assert(address);

        r = tcp_connect_address(address, size, timeout, &fd);
        if (r < 0)
                return r;
        /* A new connection takes as much at once. */
        if (send(fd, call, sizeof(call), MSG_NOSIGNAL) != (ssize_t) sizeof(call))
                return -EIO;
        r = read_all(fd, reply, sizeof(reply), deadline);
        if (r < 0)
                return r;

        length = ntohl(reply[0]) & ~RPC_LAST;
        if (length < REPLY_MIN || length > NFS_REPLY_MAX || ntohl(reply[1]) != id || ntohl(reply[2]) != RPC_REPLY)
                return -EPROTO;
        return 0;
}

static int ask_by_path(const NfsWatch *w) {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(w->port), .sin6_addr = w->path.peer };
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(w->port) };

        if (w->path.family == AF_INET) {
                memcpy(&in.sin_addr, &w->path.peer, sizeof(in.sin_addr));
                return nfs_ask((struct sockaddr *) &in, sizeof(in), NFS_ANSWER_USEC);
        }

        if (IN6_IS_ADDR_LINKLOCAL(&w->path.peer))
                in6.sin6_scope_id = if_nametoindex(w->path.name);
        return nfs_ask((struct sockaddr *) &in6, sizeof(in6), NFS_ANSWER_USEC);
}

static int ask_server(NfsWatch *w) {
        int r = ask_by_path(w);

        if (r >= 0)
                w->has_answered = true;
        return r;
}

static void acquaint(NfsWatch *w, usec_t now) {
        int r;

        if (w->has_answered || now < w->next_ask)
                return;

        r = ask_server(w);
        if (r < 0 && w->next_ask == 0)
                log_warning_errno(r, "NFS: the server does not answer on another connection than the root's; until it has, no shutdown "
                                     "that hangs is ended: %m");
        w->next_ask = now + NFS_ACQUAINT_USEC;
}

bool nfs_watch_step(NfsWatch *w, usec_t now) {
        bool is_down = false;
        int r;

        assert(w);

        if (shutdown_watch_verb(&w->shutdown) >= 0) {
                is_down = ask_server(w) < 0;
                /* The host's network manager may have taken it down, long before the root is unmounted. */
                r = is_down ? network_path_repair(&w->path) : 0;
                if (r < 0)
                        log_debug_errno(r, "NFS: the way to the server by '%s' cannot be mended: %m", w->path.name);
                else if (r > 0)
                        log_notice("NFS: the way to the server by '%s' was gone, mended.", w->path.name);
        } else
                acquaint(w, now);

        return shutdown_watch_check(&w->shutdown, is_down && w->has_answered, now);
}

/* What images with another init spare. */
static void write_omit(void) {
        _cleanup_free_ char *directory = NULL, *path = NULL;
        char text[16];
        int r;

        (void) snprintf(text, sizeof(text), "%i\n", (int) getpid());
        r = run_path(OMIT_DIR, &directory);
        if (r >= 0)
                r = run_path(OMIT_FILE, &path);
        if (r >= 0)
                r = mkdir_p(directory);
        if (r >= 0)
                r = write_file_atomic(path, text, strlen(text), 0644);
        if (r < 0)
                log_warning_errno(r, "NFS: sysvinit may end what watches the server too early in a shutdown, it cannot "
                                     "be told: %m");
}

/* One that the host has started, in the place of another, has the very root for its own: nothing of that may be held, or looked at, when its server is
 * gone. As nbd/supervise.c. */
static void leave_the_root(void) {
        _cleanup_free_ char *path = NULL;

        if (run_path(RUN_INITRAMFS, &path) < 0)
                return;
        if (chdir(path) < 0 || chroot(".") < 0)
                log_warning_errno(errno, "NFS: failed to make '%s' the own root, ignoring: %m", path);
}

int nfs_watch_applet(int argc, char *argv[]) {
        NfsWatch w = {};
        int r;

        if (argc != 1) {
                log_error("%s takes no arguments.", argv[0]);
                return EXIT_FAILURE;
        }
        /* The journal may be on the root. */
        log_setup(LOG_TARGET_KMSG);
        if (!nfs_path_read(&w.path, &w.port)) {
                log_info("NFS: how the root's server is reached was not noted, not watching it.");
                return EXIT_SUCCESS;
        }
        r = shutdown_watch_open(&w.shutdown);
        if (r < 0) {
                log_error_errno(r, "NFS: cannot watch for a shutdown: %m");
                return EXIT_FAILURE;
        }

        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGHUP, SIG_IGN);
        (void) signal(SIGTERM, SIG_IGN);
        if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
                log_warning_errno(errno, "NFS: failed to lock the memory, ignoring: %m");
        write_omit();
        leave_the_root();

        for (;;) {
                if (nfs_watch_step(&w, now_usec()))
                        log_error_errno(shutdown_watch_end(&w.shutdown, "NFS"), "NFS: the kernel does not end the machine: %m");
                sleep_usec(shutdown_watch_verb(&w.shutdown) < 0 ? NFS_IDLE_USEC : NFS_PAUSE_USEC);
        }
}
