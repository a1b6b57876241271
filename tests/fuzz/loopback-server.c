/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd-util.h"
#include "fuzz.h"
#include "loopback-server.h"

#define EXIT_SKIP 77

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LoopbackAnswer answers[LOOPBACK_ANSWERS_MAX];
static size_t n_answers, n_connections;

/* The threads that are made after this share the namespace. */
static void leave_network(void) {
        struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
        _cleanup_close_ int fd = -EBADF;

        if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
                perror("unshare");
                _exit(EXIT_SKIP);
        }
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        require(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &loopback) >= 0);
}

static void answer(int fd) {
        char request[4096];

        /* Closing with unread bytes would make a reset of what is sent. */
        if (read(fd, request, sizeof(request)) <= 0)
                return;

        pthread_mutex_lock(&lock);
        if (n_answers > 0) {
                const LoopbackAnswer *a = answers + MIN(n_connections, n_answers - 1);

                for (size_t n = 0; n < a->size;) {
                        ssize_t k = send(fd, a->data + n, a->size - n, MSG_NOSIGNAL);

                        if (k <= 0)
                                break;
                        n += (size_t) k;
                }
                n_connections++;
        }
        pthread_mutex_unlock(&lock);
        (void) shutdown(fd, SHUT_WR);
}

static void *serve(void *userdata) {
        int listener = *(int *) userdata;

        for (;;) {
                _cleanup_close_ int fd = accept(listener, NULL, NULL);

                if (fd >= 0)
                        answer(fd);
        }

        return NULL;
}

uint16_t loopback_server_start(void) {
        static int listener;
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof(address);
        pthread_t thread;

        leave_network();
        listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        require(listener >= 0 && bind(listener, (struct sockaddr *) &address, n) >= 0 && listen(listener, 16) >= 0 &&
                getsockname(listener, (struct sockaddr *) &address, &n) >= 0);
        require(pthread_create(&thread, NULL, serve, &listener) == 0);
        (void) pthread_detach(thread);

        return ntohs(address.sin_port);
}

void loopback_server_set(const LoopbackAnswer *list, size_t n) {
        require(n <= LOOPBACK_ANSWERS_MAX);

        pthread_mutex_lock(&lock);
        if (n > 0)
                memcpy(answers, list, n * sizeof(*list));
        n_answers = n;
        n_connections = 0;
        pthread_mutex_unlock(&lock);
}
