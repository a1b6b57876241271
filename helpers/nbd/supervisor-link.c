/* SPDX-License-Identifier: MIT */
/* The life of a link: lost, tried again, handed to the kernel. */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

#include "bounds.h"
#include "log.h"
#include "nbd-protocol.h"
#include "nbd-watch.h"
#include "poll-util.h"
#include "string-util.h"
#include "supervisor.h"
#include "tcp-connect.h"

/* What the kernel makes use of, and what a server that comes back therefore must still have. */
#define FLAGS_USED (NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_WRITE_ZEROES)

static _printf_(3, 4) int refuse(char reason[static NBD_REASON_MAX], int error, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(reason, NBD_REASON_MAX, format, ap);
        va_end(ap);
        return error;
}

static void reason_of_errno(char reason[static NBD_REASON_MAX], int error) {
        (void) snprintf(reason, NBD_REASON_MAX, "%s", strerror(-error));
        reason[0] = (char) tolower((unsigned char) reason[0]);
}

static short socket_events(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLRDHUP };

        return poll(&p, 1, 0) > 0 ? p.revents : 0;
}

static void link_lost(Supervisor *s, const char *reason) {
        usec_t now = now_usec();

        /* Before anything else: the kernel hangs in sending otherwise, and believes in the link for as long as TCP
         * does. */
        if (s->link_fd >= 0)
                (void) shutdown(s->link_fd, SHUT_RDWR);
        s->link_fd = safe_close(s->link_fd);
        s->stall = (TcpStall){};
        s->n_repeat = 0;
        s->n_invalid = 0;
        s->lost = s->next_try = now;
        s->next_repair = now + SUPERVISOR_REPAIR_AFTER_USEC;
        s->next_warning = now + SUPERVISOR_WARN_INTERVAL_USEC;
        (void) snprintf(s->warned, sizeof(s->warned), "%s", reason);

        (void) snprintf(s->lost_by, sizeof(s->lost_by), "%s", reason);
        log_warning("nbd%u: link to '%s' lost: %s; connecting again", s->options->index, s->uri, reason);
        supervisor_record(s, NBD_LINK_DOWN, reason);
}

/* The kernel's news of it, if it is dead, came before anybody listened, and what it has cannot be looked at. So it is
 * offered another socket: if the link lives after all, it drops that one, and has it offered again when the link dies,
 * see link_news(). */
void link_unknown(Supervisor *s) {
        s->lost = s->next_try = now_usec();
        s->next_repair = s->lost + SUPERVISOR_REPAIR_AFTER_USEC;
        s->next_warning = s->lost + SUPERVISOR_WARN_INTERVAL_USEC;
        s->kernel_knows = true;
        (void) snprintf(s->lost_by, sizeof(s->lost_by), "another process had attached it");

        log_notice("nbd%u: was attached by another process, connecting again to '%s' in case that its link is dead",
                   s->options->index, s->uri);
        supervisor_record(s, NBD_LINK_DOWN, s->lost_by);
}

void link_check(Supervisor *s, short revents) {
        char reason[NBD_REASON_MAX] = "the server closed the connection";
        socklen_t n = sizeof(int);
        int error = 0;

        if (!(revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)))
                return;

        if (getsockopt(s->link_fd, SOL_SOCKET, SO_ERROR, &error, &n) >= 0 && error != 0)
                reason_of_errno(reason, -error);
        link_lost(s, reason);
}

void link_tick(Supervisor *s, usec_t now) {
        struct tcp_info info = {};
        socklen_t n = sizeof(info);

        if (s->link_fd < 0)
                return;

        if (s->n_repeat > 0) {
                s->n_repeat--;
                (void) !nbd_netlink_reconnect(s->netlink, s->options->index, s->link_fd, s->record.identifier);
        }
        if (!s->kept)
                supervisor_keep_link(s);
        if (getsockopt(s->link_fd, IPPROTO_TCP, TCP_INFO, &info, &n) >= 0 && tcp_stall_tick(&s->stall, &info, now))
                link_lost(s, "the server's machine does not answer any more");
}

void link_news(Supervisor *s) {
        if (nbd_watch_read(s->watch_fd, s->options->index) <= 0)
                return;

        if (s->record.link == NBD_LINK_DOWN)
                s->kernel_knows = true;
        else if (s->link_fd < 0 || socket_events(s->link_fd) != 0) {
                link_lost(s, "the kernel has ended the connection");
                s->kernel_knows = true;
        } else
                /* Of the one before, and so the kernel has dropped this one, unless the news is only late: then this
                 * does nothing. */
                (void) !nbd_netlink_reconnect(s->netlink, s->options->index, s->link_fd, s->record.identifier);
}

/* The kernel goes on using what it was told when the volume was attached, so that is what the export must be. */
static int check_export(Supervisor *s, const NbdExport *e, char reason[static NBD_REASON_MAX]) {
        const NbdRecord *known = &s->record;
        uint64_t size = e->size - e->size % known->block_size;

        s->larger = 0;
        if (e->flags & NBD_FLAG_READ_ONLY && !(known->flags & NBD_FLAG_READ_ONLY))
                return refuse(reason, -EROFS, "the export is read-only now");
        if ((known->flags & FLAGS_USED & e->flags) != (known->flags & FLAGS_USED))
                return refuse(reason, -EOPNOTSUPP,
                              "the server cannot do any more what it could (flags 0x%04x, not 0x%04x)",
                              (unsigned) e->flags, (unsigned) known->flags);
        if (e->block_size_min > known->block_size)
                return refuse(reason, -EOPNOTSUPP, "the server wants blocks of %u bytes now, not %u", e->block_size_min,
                              known->block_size);
        if (size < known->size)
                return refuse(reason, -EFBIG, "the export has %llu bytes now, less than the %llu of the volume",
                              (unsigned long long) e->size, (unsigned long long) known->size);
        if (size == known->size)
                return 0;
        if (now_usec() >= s->larger_until)
                return refuse(reason, -EFBIG,
                              "the export has %llu bytes now, more than the %llu of the volume "
                              "('/run/initramfs/usr/bin/scaleway-nbd resize %u' takes them)",
                              (unsigned long long) e->size, (unsigned long long) known->size, s->options->index);

        s->larger = size;
        return 0;
}

static usec_t handshake_timeout(const Supervisor *s) {
        usec_t timeout = SUPERVISOR_HANDSHAKE_TIMEOUT_USEC;

        for (unsigned i = 0; i < s->n_silent && timeout < NBD_TRY_TIMEOUT_USEC; i++)
                timeout *= 2;
        return MIN(timeout, NBD_TRY_TIMEOUT_USEC);
}

/* Returns 0 and a socket in the transmission phase to the same export, 1 if it is another one, or a negative errno, of
 * connect() alone if *ret_reached is false. */
static int connect_server(Supervisor *s, int *ret_fd, bool *ret_reached, char reason[static NBD_REASON_MAX]) {
        _cleanup_(nbd_export_done) NbdExport e = { .fd = -EBADF };
        _cleanup_free_ char *text = NULL;
        int r, fd;

        *ret_reached = false;
        r = tcp_connect_address((struct sockaddr *) &s->peer, s->peer_size, SUPERVISOR_CONNECT_TIMEOUT_USEC, &fd);
        if (r < 0) {
                s->n_silent = 0;
                reason_of_errno(reason, r);
                return r;
        }
        *ret_reached = true;
        r = nbd_socket_tune(fd);
        if (r < 0) {
                safe_close(fd);
                reason_of_errno(reason, r);
                return r;
        }
        r = nbd_handshake(fd, s->options->uri->export_name, handshake_timeout(s), &e, &text);
        s->n_silent = r == -ETIMEDOUT ? s->n_silent + 1 : 0;
        if (r < 0) {
                (void) snprintf(reason, NBD_REASON_MAX, "%s", text ?: strerror(-r));
                return r;
        }
        r = check_export(s, &e, reason);
        if (r < 0)
                return 1;
        r = nbd_socket_be_patient(e.fd);
        if (r < 0)
                log_debug_errno(r, "nbd%u: TCP_USER_TIMEOUT stays, ignoring: %m", s->options->index);

        *ret_fd = TAKE_FD(e.fd);
        return 0;
}

/* A new socket is taken only in the place of one that the kernel knows to be dead, and else dropped without a word. It
 * says when it knows; but where memory is short, that news may be lost. So after a while the socket is handed over all
 * the same, and again a few times: what is too much does nothing. */
static void await_news(Supervisor *s) {
        usec_t deadline = s->lost + SUPERVISOR_NEWS_TIMEOUT_USEC;

        while (!s->kernel_knows && poll_readable(s->watch_fd, deadline))
                if (nbd_watch_read(s->watch_fd, s->options->index) > 0)
                        s->kernel_knows = true;
}

/* It was disconnected while it was open, so sysfs goes on showing it. If it has the root, nobody but us will end the machine when it is
 * to go down. */
static void link_cut(Supervisor *s, char reason[static NBD_REASON_MAX]) {
        s->cut = true;
        (void) refuse(reason, 0, "somebody has disconnected it while it was in use");
        log_warning("nbd%u: %s, and the kernel takes no connection for it any more; waiting until nobody has it open",
                    s->options->index, reason);
}

/* Takes the socket over. */
static int link_install(Supervisor *s, int fd, char reason[static NBD_REASON_MAX]) {
        int r;

        await_news(s);
        /* To get here may have taken some seconds, and what was detached meanwhile is not to be connected. */
        control_serve_detach(s);
        s->gone |= !supervisor_is_attached(s);
        if (s->gone) {
                safe_close(fd);
                return refuse(reason, -ENODEV, "the device was detached");
        }
        r = nbd_netlink_reconnect(s->netlink, s->options->index, fd, s->record.identifier);
        if (r < 0) {
                safe_close(fd);
                reason_of_errno(reason, r);
                s->n_invalid = r == -EINVAL ? s->n_invalid + 1 : 0;
                if (s->n_invalid >= SUPERVISOR_INVALID_MAX)
                        link_cut(s, reason);
                return r;
        }

        s->n_invalid = 0;
        s->n_repeat = s->kernel_knows ? 0 : SUPERVISOR_REPEAT_MAX;
        s->kernel_knows = false;
        s->link_fd = fd;
        supervisor_keep_link(s);
        s->stall = (TcpStall){};
        s->record.reconnects++;
        /* The host may have given the server another address meanwhile. */
        s->record.has_path = network_path_find(fd, &s->record.path) >= 0 || s->record.has_path;
        return 0;
}

/* Never in the message that hands the link over: see nbd-netlink.h. */
static int grow(Supervisor *s, char reason[static NBD_REASON_MAX]) {
        uint64_t size = s->larger;
        int r;

        s->larger = 0;
        s->larger_until = 0;
        r = nbd_netlink_resize(s->netlink, s->options->index, size, s->record.identifier);
        if (r < 0) {
                log_error_errno(r, "nbd%u: the kernel does not take the size of %llu bytes: %m", s->options->index,
                                (unsigned long long) size);
                reason_of_errno(reason, r);
                return r;
        }

        log_notice("nbd%u: grown from %llu to %llu bytes", s->options->index, (unsigned long long) s->record.size,
                   (unsigned long long) size);
        s->record.size = size;
        return 0;
}

/* What takes the connection away is mostly the server, and then this finds nothing to do. The host's network manager may be at it, and is
 * given some seconds; but none in a shutdown, where it has gone and will not come back. */
static void repair_path(Supervisor *s) {
        usec_t now = now_usec();
        int r;

        if (!s->record.has_path || (now < s->next_repair && shutdown_watch_verb(&s->shutdown) < 0))
                return;

        r = network_path_repair(&s->record.path);
        s->next_repair = now_usec() + SUPERVISOR_REPAIR_INTERVAL_USEC;
        if (r < 0)
                log_debug_errno(r, "nbd%u: the path to the server cannot be repaired: %m", s->options->index);
        if (r > 0)
                log_warning("nbd%u: what leads to '%s' over '%s' had been taken away, put back", s->options->index,
                            s->uri, s->record.path.name);
}

/* Once for each reason. Most links are back before it is worth a second line, and of several reasons that take turns
 * not each is said; but that the server is there and is not wanted is said at once, for only a person can change that.
 */
static void warn(Supervisor *s, bool refused, const char *reason) {
        usec_t now = now_usec();

        if (streq(s->warned, reason) || (now < s->next_warning && !refused))
                return;

        (void) snprintf(s->warned, sizeof(s->warned), "%s", reason);
        s->next_warning = now + SUPERVISOR_WARN_INTERVAL_USEC;
        log_warning("nbd%u: %s '%s': %s; trying on", s->options->index, refused ? "not taking" : "no link to", s->uri,
                    reason);
}

static void link_failed(Supervisor *s, bool refused, const char *reason) {
        s->next_try = now_usec() + (refused ? SUPERVISOR_PAUSE_REFUSED_USEC : SUPERVISOR_PAUSE_USEC);
        if (!s->cut)
                warn(s, refused, reason);
        if (!streq(s->record.reason, reason))
                supervisor_record(s, NBD_LINK_DOWN, reason);
}

static void link_is_up(Supervisor *s) {
        char reason[NBD_REASON_MAX];
        usec_t now = now_usec();

        log_notice("nbd%u: link to '%s' is up again after %llu.%llu s", s->options->index, s->uri,
                   (unsigned long long) ((now - s->lost) / USEC_PER_SEC),
                   (unsigned long long) ((now - s->lost) % USEC_PER_SEC / (100 * USEC_PER_MSEC)));
        supervisor_record(s, NBD_LINK_UP, s->lost_by);
        if (s->larger > 0 && grow(s, reason) >= 0)
                supervisor_record(s, NBD_LINK_UP, NULL);
}

void link_try(Supervisor *s) {
        char reason[NBD_REASON_MAX];
        bool reached;
        int r, fd;

        if (s->cut)
                return;
        r = connect_server(s, &fd, &reached, reason);
        if (r != 0) {
                link_failed(s, r > 0, reason);
                if (r < 0 && !reached && r != -ECONNREFUSED)
                        repair_path(s);
                return;
        }
        r = link_install(s, fd, reason);
        if (s->gone)
                return;
        if (r < 0)
                return link_failed(s, /* refused= */ false, reason);

        link_is_up(s);
}

/* Of a link that is up a second connection tells what the export is now; if it has grown, that one takes over. */
static int link_replace(Supervisor *s, char reason[static NBD_REASON_MAX]) {
        bool reached;
        int r, fd;

        r = connect_server(s, &fd, &reached, reason);
        if (r != 0)
                return r < 0 ? r : -EMEDIUMTYPE;
        if (s->larger == 0) {
                safe_close(fd);
                return 0;
        }

        link_lost(s, "a larger export is to be taken");
        r = link_install(s, fd, reason);
        if (r < 0)
                return r;
        link_is_up(s);
        return 1;
}

int link_resize(Supervisor *s, char text[static NBD_CONTROL_LINE_MAX]) {
        uint64_t before = s->record.size;
        char reason[NBD_REASON_MAX] = "";
        int r = 0;

        s->larger_until = now_usec() + SUPERVISOR_LARGER_ALLOWED_USEC;
        if (s->record.link == NBD_LINK_UP)
                r = link_replace(s, reason);
        else {
                link_try(s);
                if (s->record.link != NBD_LINK_UP)
                        r = refuse(reason, -ENOTCONN, "%s", s->record.reason);
        }

        if (s->record.size > before)
                (void) snprintf(text, NBD_CONTROL_LINE_MAX, "grown from %llu to %llu bytes",
                                (unsigned long long) before, (unsigned long long) s->record.size);
        else if (r < 0)
                (void) snprintf(text, NBD_CONTROL_LINE_MAX,
                                "%s (if it is larger within the next 10 minutes, it is taken)", reason);
        else
                (void) snprintf(text, NBD_CONTROL_LINE_MAX,
                                "the export has %llu bytes as before (if it grows within the next "
                                "10 minutes, that is taken when it is connected again)",
                                (unsigned long long) before);
        return r;
}
