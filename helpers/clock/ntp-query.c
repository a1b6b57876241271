/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bounds.h"
#include "fd-util.h"
#include "ntp-query.h"
#include "poll-util.h"
#include "random-util.h"
#include "string-util.h"

#define PORT "123"

typedef struct Server {
        const char *name;
        bool asked;
        const char *reason; /* why it has not told the time; constant */
} Server;

/* One address of a server. */
typedef struct Peer {
        Server *server;
        int fd; /* < 0: it is not asked any more */
        unsigned n_sent;
        usec_t next;
        uint64_t nonces[NTP_REMEMBERED];
        usec_t sent_at[NTP_REMEMBERED];
} Peer;

typedef struct Query {
        Server servers[NTP_SERVERS_MAX + 1];
        size_t n_servers;
        bool has_fallback; /* the last of them */
        usec_t fallback_at, deadline;
        Peer peers[(NTP_SERVERS_MAX + 1) * NTP_ADDRESSES_MAX];
        size_t n_peers;
        unsigned n_lookups; /* under way */
        int found_fds[2];   /* what they have found comes through this pipe */
        int64_t earliest;
} Query;

/* What the thread of a look-up is given, and what it gives back. */
typedef struct Lookup {
        char *name;
        size_t server;
        int fd;
} Lookup;

typedef struct Found {
        size_t server;
        int error;
        struct addrinfo *addresses;
} Found;

void ntp_time_done(NtpTime *t) {
        free(t->server);
        t->server = NULL;
}

static const char *port(void) {
        const char *seam = secure_getenv("SCALEWAY_NTP_PORT");

        return isempty(seam) ? PORT : seam;
}

static void lookup_free(Lookup *l) {
        free(l->name);
        free(l);
}

static int resolve(const char *name, int flags, struct addrinfo **ret) {
        struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = flags | AI_NUMERICSERV };

        return getaddrinfo(name, port(), &hints, ret);
}

/* In a thread of its own, because the C library knows no limit but that of resolv.conf(5), for each of its servers. */
static void *look_up(void *userdata) {
        Lookup *l = userdata;
        Found found = { .server = l->server };

        found.error = resolve(l->name, AI_ADDRCONFIG, &found.addresses);
        /* Less than PIPE_BUF: all or nothing. The pipe stays open as long as this program runs. */
        if (write(l->fd, &found, sizeof(found)) != sizeof(found) && found.error == 0)
                freeaddrinfo(found.addresses);
        lookup_free(l);
        return NULL;
}

static int start_lookup(Query *q, size_t server) {
        pthread_t thread;
        Lookup *l;
        int r;

        l = new0(Lookup, 1);
        if (!l)
                return -ENOMEM;
        *l = (Lookup) { .name = strdup(q->servers[server].name), .server = server, .fd = q->found_fds[1] };
        if (!l->name) {
                lookup_free(l);
                return -ENOMEM;
        }

        r = pthread_create(&thread, NULL, look_up, l);
        if (r != 0) {
                lookup_free(l);
                return -r;
        }
        (void) pthread_detach(thread);
        q->n_lookups++;
        return 0;
}

static void give_up(Peer *p, const char *reason) {
        p->fd = safe_close(p->fd);
        p->server->reason = reason;
}

static const char *reason_of_errno(int error) {
        return error == ECONNREFUSED ? "connection refused" : "unreachable";
}

/* Connected, so that the kernel passes on nothing from another address or port, and tells of a port where nobody is. */
static void add_peer(Query *q, Server *server, const struct addrinfo *a) {
        _cleanup_close_ int fd = -EBADF;

        if (q->n_peers >= ELEMENTSOF(q->peers))
                return;

        fd = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
                server->reason = reason_of_errno(errno);
                return;
        }

        q->peers[q->n_peers++] = (Peer) { .server = server, .fd = TAKE_FD(fd) };
}

static void add_peers(Query *q, Server *server, const struct addrinfo *addresses) {
        unsigned n = 0;

        server->reason = "no address";
        for (const struct addrinfo *a = addresses; a && n < NTP_ADDRESSES_MAX; a = a->ai_next, n++)
                add_peer(q, server, a);
}

/* An address needs no look-up. */
static void ask(Query *q, size_t i) {
        struct addrinfo *addresses;
        Server *server = q->servers + i;

        server->asked = true;
        if (resolve(server->name, AI_NUMERICHOST, &addresses) == 0) {
                add_peers(q, server, addresses);
                freeaddrinfo(addresses);
        } else
                server->reason = start_lookup(q, i) < 0 ? "could not be looked up" : "no answer of a name server";
}

static void collect_found(Query *q) {
        Found found;

        if (read(q->found_fds[0], &found, sizeof(found)) != sizeof(found))
                return;

        q->n_lookups--;
        if (found.error == 0) {
                add_peers(q, q->servers + found.server, found.addresses);
                freeaddrinfo(found.addresses);
        } else
                q->servers[found.server].reason = "unknown host";
}

static void send_request(Peer *p, usec_t now) {
        uint8_t packet[NTP_PACKET_SIZE];
        unsigned i = p->n_sent++ % NTP_REMEMBERED;

        p->next = now + NTP_RETRY_AFTER;
        /* Only a stranger's answer depends on it that nobody guesses it, so it is never waited for. */
        p->nonces[i] = random_number();
        ntp_request(p->nonces[i], packet);
        p->sent_at[i] = now_usec();
        if (send(p->fd, packet, sizeof(packet), 0) < 0)
                give_up(p, reason_of_errno(errno));
}

/* The time in between belongs half to each way. Returns false if the server says that it had the request longer than it was away. */
static bool measure(const NtpSample *sample, usec_t sent_at, usec_t now, NtpTime *ret) {
        int64_t there = sample->sent - sample->received, away = (int64_t) (now - sent_at);

        if (there > away + (int64_t) NTP_TOLERANCE)
                return false;

        ret->stratum = sample->stratum;
        ret->time = sample->sent + MAX(away - there, (int64_t) 0) / 2;
        ret->at = now;
        return true;
}

/* Returns 1 and the time, or 0. */
static int receive(const Query *q, Peer *p, NtpTime *ret) {
        uint8_t packet[NTP_PACKET_SIZE];
        NtpVerdict verdict = NTP_NO_ANSWER;
        usec_t now = now_usec();
        NtpSample sample;
        unsigned which = 0;
        ssize_t n;

        n = recv(p->fd, packet, sizeof(packet), 0);
        if (n < 0) {
                if (errno != EAGAIN && errno != EINTR)
                        give_up(p, reason_of_errno(errno));
                return 0;
        }

        for (unsigned i = 0; i < MIN(p->n_sent, NTP_REMEMBERED) && verdict == NTP_NO_ANSWER; i++) {
                verdict = ntp_answer(packet, (size_t) n, p->nonces[i], q->earliest, &sample);
                which = i;
        }
        if (verdict == NTP_GOOD && !measure(&sample, p->sent_at[which], now, ret))
                verdict = NTP_IMPLAUSIBLE;
        if (verdict == NTP_GOOD)
                return 1;

        /* Whoever guesses at requests can send what is no answer, so the server's own may still come. */
        if (verdict != NTP_NO_ANSWER)
                give_up(p, ntp_verdict_to_string(verdict));
        return 0;
}

/* Sends what is due. Returns when to come back, or 0 if nobody is left who could tell the time. */
static usec_t advance(Query *q) {
        usec_t now = now_usec(), until = q->deadline;
        bool left = q->n_lookups > 0;

        for (size_t i = 0; i < q->n_peers; i++) {
                Peer *p = q->peers + i;

                if (p->fd >= 0 && now >= p->next)
                        send_request(p, now);
                if (p->fd >= 0) {
                        left = true;
                        until = MIN(until, p->next);
                }
        }

        if (q->has_fallback && !q->servers[q->n_servers - 1].asked) {
                if (!left || now >= q->fallback_at) {
                        ask(q, q->n_servers - 1);
                        return advance(q);
                }
                until = MIN(until, q->fallback_at);
        }

        return left ? until : 0;
}

/* Returns 1 and the time, or 0. */
static int wait_for_answer(Query *q, usec_t until, NtpTime *ret) {
        struct pollfd fds[1 + ELEMENTSOF(q->peers)] = { { .fd = q->found_fds[0], .events = POLLIN } };
        size_t n = q->n_peers;

        for (size_t i = 0; i < n; i++)
                fds[1 + i] = (struct pollfd) { .fd = q->peers[i].fd, .events = POLLIN };
        if (poll_until(fds, 1 + n, until) <= 0)
                return 0;

        if (fds[0].revents & POLLIN)
                collect_found(q);
        for (size_t i = 0; i < n; i++)
                if (fds[1 + i].revents != 0 && receive(q, q->peers + i, ret) > 0)
                        return strdup_to(&ret->server, q->peers[i].server->name) < 0 ? -ENOMEM : 1;

        return 0;
}

/* What became of a server. One of its addresses may be unreachable while another one was waited for. */
static const char *reason_of_server(const Query *q, const Server *s) {
        if (!s->asked)
                return "not asked";
        for (size_t i = 0; i < q->n_peers; i++)
                if (q->peers[i].server == s && q->peers[i].fd >= 0)
                        return ntp_verdict_to_string(NTP_NO_ANSWER);

        return s->reason;
}

static int describe(const Query *q, char **ret) {
        char *text = NULL;
        size_t size;
        FILE *f;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < q->n_servers; i++) {
                _cleanup_free_ char *name = printable(q->servers[i].name, 80);

                fprintf(f, "%s%s: %s", i > 0 ? "; " : "", name ?: "?", reason_of_server(q, q->servers + i));
        }
        if (fclose(f) != 0) {
                free(text);
                return -ENOMEM;
        }

        *ret = text;
        return 0;
}

static void query_done(Query *q) {
        for (size_t i = 0; i < q->n_peers; i++)
                safe_close(q->peers[i].fd);
        /* A look-up that is still under way will write to the pipe. */
        if (q->n_lookups > 0)
                return;
        safe_close(q->found_fds[0]);
        safe_close(q->found_fds[1]);
}

int ntp_query(char *const *servers, size_t n, const char *fallback, int64_t earliest, usec_t timeout, NtpTime *ret, char **ret_reasons) {
        _cleanup_(query_done) Query q = { .found_fds = { -EBADF, -EBADF }, .earliest = earliest };
        usec_t now = now_usec(), until;

        assert(n <= NTP_SERVERS_MAX);
        assert(ret);
        assert(ret_reasons);

        if (pipe2(q.found_fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;

        q.deadline = now + timeout;
        q.fallback_at = now + NTP_FALLBACK_AFTER;
        for (size_t i = 0; i < n; i++)
                q.servers[q.n_servers++].name = servers[i];
        if (fallback) {
                q.servers[q.n_servers++].name = fallback;
                q.has_fallback = true;
        }
        for (size_t i = 0; i < n; i++)
                ask(&q, i);

        while (now_usec() < q.deadline && (until = advance(&q)) > 0) {
                NtpTime time = {};
                int r;

                r = wait_for_answer(&q, until, &time);
                if (r < 0)
                        return r;
                if (r > 0) {
                        *ret = time;
                        return 1;
                }
        }

        return describe(&q, ret_reasons);
}
