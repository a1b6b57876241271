/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fileio.h"
#include "log.h"
#include "nbd-status.h"
#include "nbd-watch.h"
#include "notify.h"
#include "paths.h"
#include "string-util.h"
#include "supervise.h"
#include "supervisor.h"
#include "tcp-connect.h"
#include "verbs.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57 /* Linux 5.6 */
#endif

#define OMIT_DIR "sendsigs.omit.d"
#define LINK_NAME "link" /* of its socket, with the service manager */
#define TIMER_SLACK_NSEC (50UL * 1000 * 1000)

static void supervisor_done(Supervisor *s) {
        int *const fds[] = { &s->watch_fd, &s->link_fd, &s->control_fd, &s->client_fd,
                             &s->dir_fd,   &s->omit_fd, &s->device_fd,  &s->manager_fd };

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                *fds[i] = safe_close(*fds[i]);
        shutdown_watch_done(&s->shutdown);
        nbd_netlink_close(s->netlink);
        nbd_record_done(&s->record);
        free(s->uri);
}

void supervisor_record(Supervisor *s, NbdLink link, const char *reason) {
        int r;

        if (s->record.link != link)
                s->record.since = (uint64_t) time(NULL);
        s->record.link = link;
        if (reason && reason != s->record.reason)
                (void) snprintf(s->record.reason, sizeof(s->record.reason), "%s", reason);

        r = nbd_record_write_at(s->dir_fd, s->options->index, &s->record);
        if (r < 0)
                log_warning_errno(r, "nbd%u: failed to write the record of the volume, ignoring: %m",
                                  s->options->index);
}

/* With the manager, in case that this process is killed. What it has kept before goes first: that is dead, or was never taken. */
void supervisor_keep_link(Supervisor *s) {
        s->kept = s->manager_fd < 0;
        if (!s->kept)
                s->kept = notify_try_send(s->manager_fd, "FDSTOREREMOVE=1\nFDNAME=" LINK_NAME, -EBADF) >= 0 &&
                          notify_try_send(s->manager_fd, "FDSTORE=1\nFDNAME=" LINK_NAME, s->link_fd) >= 0;
}

/* The one that the process before this one had found, for a name server may be missing. */
static int recorded_peer(Supervisor *s) {
        const NetworkPath *p = &s->record.path;

        if (!s->record.has_path)
                return -EHOSTUNREACH;

        if (p->family == AF_INET) {
                struct sockaddr_in *in = (struct sockaddr_in *) &s->peer;

                *in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(s->options->uri->port) };
                memcpy(&in->sin_addr, &p->peer, sizeof(in->sin_addr));
                s->peer_size = sizeof(*in);
        } else {
                struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &s->peer;

                *in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(s->options->uri->port),
                                              .sin6_addr = p->peer };
                if (IN6_IS_ADDR_LINKLOCAL(&p->peer))
                        in6->sin6_scope_id = if_nametoindex(p->name);
                s->peer_size = sizeof(*in6);
        }

        return 0;
}

/* The address that answered; or, of a volume that was attached by somebody else, one of those that its name has. */
static int find_peer(Supervisor *s) {
        s->peer_size = sizeof(s->peer);
        if (s->link_fd >= 0 && getpeername(s->link_fd, (struct sockaddr *) &s->peer, &s->peer_size) >= 0)
                return 0;
        if (tcp_resolve(s->options->uri->host, s->options->uri->port, &s->peer, &s->peer_size) >= 0)
                return 0;

        return recorded_peer(s);
}

/* sendsigs of sysvinit spares the processes that are named there. */
static int write_omit(Supervisor *s) {
        _cleanup_free_ char *directory = NULL;
        char name[sizeof("nbd.pid") + 10], text[16];
        int r;

        r = run_path(OMIT_DIR, &directory);
        if (r < 0)
                return r;
        r = mkdir_p(directory);
        if (r < 0)
                return r;
        s->omit_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->omit_fd < 0)
                return -errno;

        (void) snprintf(name, sizeof(name), "nbd%u.pid", s->options->index);
        (void) snprintf(text, sizeof(text), "%i\n", (int) getpid());
        return write_file_atomic_at(s->omit_fd, name, text, strlen(text), 0644);
}

static int open_device(Supervisor *s) {
        const char *sys = secure_getenv("SCALEWAY_SYS");
        _cleanup_free_ char *path = NULL;
        int r;

        r = asprintf_to(&path, "%s/block/nbd%u", isempty(sys) ? "/sys" : sys, s->options->index);
        if (r < 0)
                return r;

        s->device_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return s->device_fd < 0 ? -errno : 0;
}

static int open_all(Supervisor *s) {
        int r;

        s->uri = printable(s->options->uri_text, NBD_URI_PRINT_MAX);
        if (!s->uri)
                return -ENOMEM;
        r = nbd_netlink_open(&s->netlink);
        if (r < 0)
                return r;
        s->watch_fd = nbd_watch_open(nbd_netlink_group(s->netlink));
        if (s->watch_fd < 0)
                return s->watch_fd;
        s->dir_fd = nbd_record_open_directory();
        if (s->dir_fd < 0)
                return s->dir_fd;
        r = shutdown_watch_open(&s->shutdown);
        if (r < 0)
                return r;
        r = open_device(s);
        if (r < 0)
                return r;
        r = find_peer(s);
        if (r < 0)
                return r;

        return 0;
}

/* Without these the link is looked after all the same. */
static void open_others(Supervisor *s) {
        int r;

        r = control_open(s);
        if (r < 0)
                log_warning_errno(r, "nbd%u: it cannot be resized, there is no socket to ask for it by: %m",
                                  s->options->index);
        r = write_omit(s);
        if (r < 0)
                log_warning_errno(r, "nbd%u: sysvinit may end what looks after it too early in a shutdown, it cannot be "
                                     "told: %m",
                                  s->options->index);
}

/* A service, or what supervisor_start() has started. */
static bool in_background(void) {
        return notify_is_possible() || getsid(0) == getpid();
}

/* Nothing that may have to wait for the device may be needed to get it back: no page that is not in memory, no
 * write-back on our behalf when memory is short. */
static void harden(void) {
        static const int ignored[] = { SIGPIPE, SIGHUP, SIGINT, SIGTERM };

        /* Who has it in the terminal may end it there. */
        for (size_t i = 0; i < (in_background() ? ELEMENTSOF(ignored) : 1); i++)
                (void) signal(ignored[i], SIG_IGN);

        /* The thread of a handshake is not to have a heap of its own. */
        (void) mallopt(M_ARENA_MAX, 1);
        (void) prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NSEC);
        if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
                log_warning_errno(errno, "Failed to lock the memory, ignoring: %m");
        if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) < 0)
                log_warning_errno(errno, "Failed to have memory without waiting for disks, ignoring: %m");
}

/* The journal may be waiting for the very device, and what waits for the journal then waits as well; the kernel's log
 * never does. By hand, but for who is in the background, the terminal is what is wanted. */
static void leave_the_journal(void) {
        int fd;

        if (!in_background())
                return;

        log_setup(LOG_TARGET_KMSG);
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return;
        for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
                (void) dup2(fd, i);
        safe_close(fd);
}

bool supervisor_is_attached(const Supervisor *s) {
        _cleanup_free_ char *pid = NULL;
        int r;

        r = read_file_at(s->device_fd, "pid", 64, &pid, NULL);
        return r != -ENOENT && r != -ENODEV;
}

/* A shutdown that waits for this volume, whose server does not come back. Without the root nothing else will
 * end the machine; of any other volume those who wait get an error, and the shutdown goes on. */
static void give_up(Supervisor *s) {
        char device[sizeof("nbd") + 10];

        (void) snprintf(device, sizeof(device), "nbd%u", s->options->index);
        if (s->record.root) {
                log_error_errno(shutdown_watch_end(&s->shutdown, device), "%s: the kernel does not end the machine: %m",
                                device);
                return;
        }

        log_error("%s: its server does not come back and the shutdown waits for it, detaching it; what was not yet "
                  "written to it is lost.",
                  device);
        if (nbd_netlink_disconnect(s->netlink, s->options->index) < 0)
                log_error("%s: the kernel does not disconnect it.", device);
        s->gone = true;
}

static int wait_msec(const Supervisor *s, usec_t now) {
        usec_t next = s->next_tick;

        if (s->link_fd < 0 && !s->cut)
                next = MIN(next, s->next_try);
        if (s->client_fd >= 0)
                next = MIN(next, s->client_deadline);
        return next <= now ? 0 : (int) ((next - now) / USEC_PER_MSEC) + 1;
}

static void step(Supervisor *s) {
        struct pollfd fds[] = {
                {.fd = s->link_fd,                                 .events = POLLRDHUP},
                { .fd = s->watch_fd,                               .events = POLLIN   },
                { .fd = s->client_fd,                              .events = POLLIN   },
 /* The next one waits until this one is served. */
                { .fd = s->client_fd < 0 ? s->control_fd : -EBADF, .events = POLLIN   },
        };
        usec_t now = now_usec();

        if (poll(fds, ELEMENTSOF(fds), wait_msec(s, now)) < 0 && errno != EINTR)
                sleep_usec(100 * USEC_PER_MSEC); /* ENOMEM */

        if (fds[0].fd >= 0 && fds[0].revents != 0)
                link_check(s, fds[0].revents);
        if (fds[1].revents != 0)
                link_news(s);
        now = now_usec();
        if (now >= s->next_tick) {
                s->next_tick = now + TCP_STALL_TICK_USEC;
                s->gone |= !supervisor_is_attached(s);
                link_tick(s, now);
                if (shutdown_watch_check(&s->shutdown, s->record.link == NBD_LINK_DOWN, now))
                        give_up(s);
        }
        if (s->client_fd >= 0 && (fds[2].revents != 0 || now >= s->client_deadline))
                control_serve(s);
        else if (fds[3].revents != 0)
                control_accept(s);

        if (!s->gone && !s->cut && s->link_fd < 0 && now >= s->next_try) {
                s->gone |= !supervisor_is_attached(s);
                if (!s->gone)
                        link_try(s);
        }
}

static void remove_files(Supervisor *s) {
        char name[32];

        (void) snprintf(name, sizeof(name), "%u.json", s->options->index);
        (void) unlinkat(s->dir_fd, name, 0);
        (void) snprintf(name, sizeof(name), "%u.control", s->options->index);
        (void) unlinkat(s->dir_fd, name, 0);
        (void) snprintf(name, sizeof(name), "nbd%u.pid", s->options->index);
        (void) unlinkat(s->omit_fd, name, 0);
}

/* What the record says is not enough: two that begin at the same time find none. */
static int lock(unsigned index) {
        _cleanup_close_ int dir_fd = nbd_record_open_directory(), fd = -EBADF;
        char name[sizeof(".lock") + 10];

        (void) snprintf(name, sizeof(name), "%u.lock", index);
        fd = dir_fd < 0 ? dir_fd : openat(dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0) {
                log_warning_errno(dir_fd < 0 ? dir_fd : errno, "nbd%u: failed to make the lock of its supervisor, ignoring: %m", index);
                return 0;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
                return -EBUSY;

        return TAKE_FD(fd);
}

/* Two of them would take the link from each other. *ret is held as long as this process is one. */
static int become_only_one(unsigned index, int *ret) {
        _cleanup_(nbd_record_done) NbdRecord record = {};
        int fd;

        if (nbd_record_read(index, &record) >= 0 && nbd_record_is_supervised(&record))
                return log_error_errno(EBUSY, "Cannot supervise nbd%u: process %llu does so already", index,
                                       (unsigned long long) record.pid);
        fd = lock(index);
        if (fd < 0)
                return log_error_errno(fd, "Cannot supervise nbd%u: another process is about to do so", index);

        *ret = fd > 0 ? fd : -EBADF;
        return 0;
}

/* Nothing of a root is held that is to be unmounted in the end. In the initrd that root is empty by then. */
static void leave_the_root(void) {
        _cleanup_free_ char *path = NULL;

        if (run_path(RUN_INITRAMFS, &path) < 0)
                return;
        if (chdir(path) < 0 || chroot(".") < 0)
                log_warning_errno(errno, "Failed to make '%s' the own root, so that the root cannot be unmounted in the end, ignoring: %m", path);
}

static void tell_ready(void) {
        if (notify_send("READY=1") < 0)
                log_warning("Failed to tell systemd that the volume is attached, ignoring.");
}

static int prepare(Supervisor *s) {
        int r;

        r = open_all(s);
        if (r < 0)
                return r;

        open_others(s);
        s->manager_fd = notify_open();
        if (s->link_fd >= 0 && nbd_socket_be_patient(s->link_fd) < 0)
                log_debug("nbd%u: TCP_USER_TIMEOUT stays.", s->options->index);
        s->record.pid = (uint64_t) getpid();
        if (s->link_fd >= 0) {
                supervisor_keep_link(s);
                supervisor_record(s, NBD_LINK_UP, NULL);
        } else
                link_unknown(s);
        return 0;
}

static void stay(Supervisor *s) {
        while (!s->gone)
                step(s);

        remove_files(s);
        log_notice("nbd%u: detached, nothing to look after any more", s->options->index);
}

/* Takes *a over. */
static void supervisor_init(Supervisor *s, const AttachOptions *o, Attached *a) {
        *s = (Supervisor) {
                .options = o,
                .record = a->record,
                .link_fd = a->fd,
                .watch_fd = -EBADF,
                .control_fd = -EBADF,
                .client_fd = -EBADF,
                .dir_fd = -EBADF,
                .omit_fd = -EBADF,
                .device_fd = -EBADF,
                .manager_fd = -EBADF,
                .shutdown = { .run_fd = -EBADF },
        };
        *a = (Attached) { .fd = -EBADF };
}

int supervise_volume(const AttachOptions *o) {
        _cleanup_close_ int lock_fd = -EBADF;
        _cleanup_(attached_done) Attached a = { .fd = -EBADF };
        _cleanup_(supervisor_done) Supervisor s;
        int r;

        assert(o);

        /* Before anything fails: what there is to be ended must be known. */
        supervisor_init(&s, o, &a);
        r = become_only_one(o->index, &lock_fd);
        if (r < 0)
                return r;
        r = attach_volume_keep(o, &a);
        if (r < 0)
                return r;
        supervisor_init(&s, o, &a);
        s.record.root = o->is_root;

        r = prepare(&s);
        if (r < 0)
                log_warning_errno(r, "nbd%u: is attached, but nobody will look after its link: %m", o->index);
        else
                harden();
        tell_ready();
        if (r < 0)
                return 0;

        leave_the_journal();
        stay(&s);
        return 0;
}

/* The link's socket, if the process that looked after it before has left one: to the service manager, or to us when it started us. One
 * that is dead is as good, the kernel knows that; of several it is not known which the kernel has. */
static int find_kept_link(void) {
        unsigned n = notify_kept_fds();
        int fd = -EBADF;

        for (int i = NOTIFY_KEPT_FIRST; i < NOTIFY_KEPT_FIRST + (int) n; i++) {
                int domain = AF_UNSPEC;
                socklen_t size = sizeof(domain);

                if (n == 1 && getsockopt(i, SOL_SOCKET, SO_DOMAIN, &domain, &size) >= 0 && (domain == AF_INET || domain == AF_INET6))
                        fd = i;
                else
                        safe_close(i);
        }

        return fd;
}

/* What the kernel shows must be what the record says, or somebody else has the device by now. */
static int read_attached(unsigned index, NbdRecord *ret) {
        _cleanup_(nbd_record_done) NbdRecord record = {};
        _cleanup_(nbd_status_done) NbdStatus status = {};
        bool grown;
        int r;

        r = nbd_status_read(index, &status);
        if (r < 0)
                return log_error_errno(r, "Cannot supervise nbd%u: sysfs cannot be read: %m", index);
        if (!nbd_status_attached(&status))
                return log_error_errno(ENODEV, "Cannot supervise nbd%u: it is not attached", index);
        r = nbd_record_read(index, &record);
        if (r < 0) {
                log_error_errno(r, "Cannot supervise nbd%u: its record cannot be read: %m", index);
                return r == -ENOENT ? -EBADMSG : r;
        }
        /* One that was killed between the kernel's taking a larger size and the record. */
        grown = record.identifier && status.size > record.size;
        if ((record.size != status.size && !grown) || !streq_ptr(record.identifier, status.backend))
                return log_error_errno(EBUSY, "Cannot supervise nbd%u: it is not what its record says", index);

        record.size = status.size;
        *ret = record;
        record = (NbdRecord) {};
        return 0;
}

int supervise_again(unsigned index) {
        _cleanup_(attached_done) Attached a = { .fd = find_kept_link() };
        _cleanup_close_ int lock_fd = -EBADF;
        _cleanup_(export_uri_done) ExportUri uri = {};
        _cleanup_free_ char *uri_text = NULL, *identifier = NULL;
        _cleanup_(supervisor_done) Supervisor s;
        AttachOptions o = { .index = index, .uri = &uri };
        int r;

        supervisor_init(&s, &o, &(Attached) { .fd = -EBADF });
        r = become_only_one(index, &lock_fd);
        if (r < 0)
                return r;
        r = read_attached(index, &a.record);
        if (r < 0)
                return r;
        r = strdup_to(&uri_text, a.record.uri);
        if (r >= 0)
                r = strdup_to(&identifier, a.record.identifier);
        if (r < 0)
                return log_oom();
        r = export_uri_parse(uri_text, &uri);
        if (r < 0 || uri.scheme != EXPORT_URI_NBD)
                return log_error_errno(EBADMSG, "Cannot supervise nbd%u: its record has no URI", index);
        o.uri_text = uri_text;
        o.identifier = identifier;

        supervisor_init(&s, &o, &a);
        /* The kernel may have dropped this one: see link_news(). */
        s.n_repeat = s.link_fd >= 0 ? SUPERVISOR_REPEAT_MAX : 0;
        r = prepare(&s);
        if (r < 0) {
                log_error_errno(r, "Cannot supervise nbd%u: %m", index);
                return -EAGAIN;
        }
        log_notice("nbd%u: looking after its link from here on, as nobody did", index);
        harden();
        tell_ready();
        leave_the_journal();
        leave_the_root();
        stay(&s);
        return 0;
}
