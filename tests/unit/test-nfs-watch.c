/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nfs-path.h"
#include "nfs-watch.h"
#include "test.h"

#define CALL_WORDS 11U

static char run[] = "/tmp/test-nfs-watch-XXXXXX";
static int listen_fd;
static uint16_t port;
static unsigned n_calls; /* that the server has got */

/* How it answers: some words in the place of the reply, in which 0 stands for the id of the call; and it may go on to wait. */
typedef struct Answer {
        uint32_t words[8];
        size_t size;
        bool hold;
} Answer;

static const Answer good = { { 0x80000000U | 24, 0, 1 }, 28, false };
static const Answer *answer = &good;

static void read_call(int fd, uint32_t call[static CALL_WORDS]) {
        size_t size = CALL_WORDS * sizeof(*call);

        ASSERT_EQ(recv(fd, call, size, MSG_WAITALL), (ssize_t) size);
        /* RFC 5531 and 7530: one part of 40 bytes; call, version 2, program 100003, version 4, procedure 0, twice no credentials. */
        ASSERT_EQ(ntohl(call[0]), 0x80000000U | 40);
        ASSERT_EQ(ntohl(call[2]), 0);
        ASSERT_EQ(ntohl(call[3]), 2);
        ASSERT_EQ(ntohl(call[4]), 100003);
        ASSERT_EQ(ntohl(call[5]), 4);
        for (size_t i = 6; i < CALL_WORDS; i++)
                ASSERT_EQ(call[i], 0);
}

static void *serve(void *data) {
        for (;;) {
                uint32_t call[CALL_WORDS], reply[8];
                int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
                char end;

                ASSERT_TRUE(fd >= 0);
                read_call(fd, call);
                n_calls++;
                for (size_t i = 0; i < 8; i++)
                        reply[i] = htonl(answer->words[i]);
                if (answer->words[1] == 0)
                        reply[1] = call[1];
                ASSERT_EQ(send(fd, reply, answer->size, MSG_NOSIGNAL), (ssize_t) answer->size);
                if (answer->hold)
                        ASSERT_TRUE(read(fd, &end, 1) <= 0);
                (void) close(fd);
        }

        return data;
}

static void start_server(void) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(a);
        pthread_t thread;

        listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ASSERT_TRUE(listen_fd >= 0);
        ASSERT_EQ(bind(listen_fd, (struct sockaddr *) &a, size), 0);
        ASSERT_EQ(listen(listen_fd, 8), 0);
        ASSERT_EQ(getsockname(listen_fd, (struct sockaddr *) &a, &size), 0);
        port = ntohs(a.sin_port);
        ASSERT_EQ(pthread_create(&thread, NULL, serve, NULL), 0);
}

static int ask(const Answer *how, usec_t timeout) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

        answer = how;
        return nfs_ask((struct sockaddr *) &a, sizeof(a), timeout);
}

static void test_ask(void) {
        static const struct {
                Answer answer;
                int error;
        } bad[] = {
                { { { 0x80000000U | 24, 7, 1 }, 28, false },    EPROTO     }, /* of another call */
                { { { 0x80000000U | 24, 0, 0 }, 28, false },    EPROTO     }, /* a call, no reply */
                { { { 0x80000000U | 4, 0, 1 }, 28, false },     EPROTO     }, /* too short for a reply */
                { { { 0xffffffffU, 0, 1 }, 28, false },         EPROTO     }, /* too long for this one */
                { { { 0x48545450U, 0x2f312e31U }, 8, false },   ECONNRESET }, /* something of HTTP, and no more */
                { { { 0 }, 0, false },                          ECONNRESET },
                { { { 0 }, 0, true },                           ETIMEDOUT  },
                { { { 0x80000000U | 24 }, 4, true },            ETIMEDOUT  },
        };

        ASSERT_OK(ask(&good, USEC_PER_SEC));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ASSERT_ERROR(ask(&bad[i].answer, USEC_PER_SEC / 5), bad[i].error);
        /* Who does not speak this version has answered: all that counts is the id. */
        ASSERT_OK(ask(&good, USEC_PER_SEC));
}

static void put(const char *name, const char *text) {
        char path[256];
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s/%s", run, name);
        f = fopen(path, "we");
        ASSERT_TRUE(f);
        ASSERT_TRUE(fputs(text, f) >= 0);
        ASSERT_EQ(fclose(f), 0);
}

static void test_path(NfsWatch *w) {
        static const char *const bad[] = { "", "{", "[]", "{}", "{\"path\": 7}", "{\"path\": {\"interface\": \"x\"}, \"port\": 2049}" };

        ASSERT_FALSE(nfs_path_read(&w->path, &w->port));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                put("scaleway/nfs.json", bad[i]);
                ASSERT_FALSE(nfs_path_read(&w->path, &w->port));
        }

        /* As earlier ones have it, and one with a port that is none. */
#define PATH "\"path\": {\"interface\": \"nonexistent0\", \"address\": \"127.0.0.1/8\", \"peer\": \"127.0.0.1\"}"
        put("scaleway/nfs.json", "{" PATH "}");
        ASSERT_TRUE(nfs_path_read(&w->path, &w->port));
        ASSERT_EQ(w->port, 2049);
        put("scaleway/nfs.json", "{" PATH ", \"port\": 65536}");
        ASSERT_TRUE(nfs_path_read(&w->path, &w->port));
        ASSERT_EQ(w->port, 2049);
        put("scaleway/nfs.json", "{" PATH ", \"port\": 2050}");
        ASSERT_TRUE(nfs_path_read(&w->path, &w->port));
        ASSERT_EQ(w->port, 2050);
        ASSERT_TRUE(nfs_path_read(&w->path, NULL));
}

static void test_step(NfsWatch *w) {
        static const Answer silent = { { 0 }, 0, false };
        usec_t now = 1000 * USEC_PER_SEC;
        unsigned before = n_calls;
        char mark[256];

        (void) snprintf(mark, sizeof(mark), "%s/scaleway/shutdown/poweroff", run);

        /* One that has never answered is asked once a minute, and what it does in a shutdown means nothing. */
        w->port = port;
        answer = &silent;
        ASSERT_FALSE(nfs_watch_step(w, now));
        ASSERT_FALSE(nfs_watch_step(w, now + 59 * USEC_PER_SEC));
        ASSERT_EQ(n_calls, before + 1);
        ASSERT_FALSE(nfs_watch_step(w, now += 60 * USEC_PER_SEC));
        ASSERT_EQ(n_calls, before + 2);
        ASSERT_EQ(mkfifo(mark, 0600), 0);
        ASSERT_FALSE(nfs_watch_step(w, now));
        ASSERT_FALSE(nfs_watch_step(w, now += 1000 * USEC_PER_SEC));
        ASSERT_EQ(n_calls, before + 4);
        ASSERT_EQ(unlink(mark), 0);

        /* Then it does. Without a shutdown it is not asked again, and however long it is away the machine stays. */
        answer = &good;
        ASSERT_FALSE(nfs_watch_step(w, now += 1000 * USEC_PER_SEC));
        ASSERT_EQ(n_calls, before + 5);
        answer = &silent;
        ASSERT_FALSE(nfs_watch_step(w, now));
        ASSERT_FALSE(nfs_watch_step(w, now += 1000 * USEC_PER_SEC));
        ASSERT_EQ(n_calls, before + 5);

        /* One that answers is waited for as long as it takes. */
        ASSERT_EQ(mkfifo(mark, 0600), 0);
        answer = &good;
        ASSERT_FALSE(nfs_watch_step(w, now += 1000 * USEC_PER_SEC));
        ASSERT_FALSE(nfs_watch_step(w, now += 1000 * USEC_PER_SEC));
        ASSERT_EQ(n_calls, before + 7);

        answer = &silent;
        ASSERT_FALSE(nfs_watch_step(w, now));
        ASSERT_FALSE(nfs_watch_step(w, now + SHUTDOWN_WATCH_USEC - 1));
        answer = &good;
        ASSERT_FALSE(nfs_watch_step(w, now + SHUTDOWN_WATCH_USEC));
        answer = &silent;
        ASSERT_FALSE(nfs_watch_step(w, now += SHUTDOWN_WATCH_USEC + 1));
        ASSERT_TRUE(nfs_watch_step(w, now + SHUTDOWN_WATCH_USEC));
        ASSERT_EQ(w->shutdown.verb, REBOOT_POWEROFF);

        /* Nobody listens any more. */
        w->port = 1;
        ASSERT_TRUE(nfs_watch_step(w, now + SHUTDOWN_WATCH_USEC));
        ASSERT_EQ(unlink(mark), 0);
        ASSERT_FALSE(nfs_watch_step(w, now + SHUTDOWN_WATCH_USEC));
}

int main(void) {
        char command[64], path[256];
        NfsWatch w = {};

        ASSERT_TRUE(mkdtemp(run));
        ASSERT_EQ(setenv("SCALEWAY_RUN", run, 1), 0);
        (void) snprintf(path, sizeof(path), "%s/scaleway", run);
        ASSERT_EQ(mkdir(path, 0755), 0);
        (void) snprintf(path, sizeof(path), "%s/scaleway/shutdown", run);
        ASSERT_EQ(mkdir(path, 0755), 0);
        ASSERT_OK(shutdown_watch_open(&w.shutdown));
        start_server();
        test_ask();
        test_path(&w);
        test_step(&w);
        shutdown_watch_done(&w.shutdown);

        (void) snprintf(command, sizeof(command), "rm -r %s", run);
        return system(command);
}
