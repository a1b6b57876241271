/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "string-util.h"
#include "tcp-connect.h"

static int resolve(const char *host, uint16_t port, int family, usec_t timeout, struct addrinfo **ret, char **ret_reason) {
        struct addrinfo hints = {
                .ai_family = family,
                .ai_socktype = SOCK_STREAM,
                .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
        };
        char service[sizeof("65535")];
        int k;

        (void) snprintf(service, sizeof(service), "%u", (unsigned) port);

        /* An address must never cost a question to a name server, which may not be there. */
        k = getaddrinfo(host, service, &hints, ret);
        if (k == EAI_NONAME) {
                hints.ai_flags = AI_NUMERICSERV;
                k = getaddrinfo(host, service, &hints, ret);
        }
        if (k == 0)
                return 0;
        if (k == EAI_SYSTEM && errno != 0)
                return tcp_connect_reason(-errno, timeout, ret_reason);
        if (k == EAI_MEMORY)
                return tcp_connect_reason(-ENOMEM, timeout, ret_reason);

        /* Also for a name that is said not to exist: early in the boot that is often said too soon. */
        if (asprintf_to(ret_reason, "cannot resolve '%s': %s", host, gai_strerror(k)) < 0)
                *ret_reason = NULL;
        return -EHOSTUNREACH;
}

int tcp_resolve(const char *host, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_size) {
        _cleanup_free_ char *reason = NULL;
        struct addrinfo *list;

        assert(host);
        assert(ret);
        assert(ret_size);

        if (resolve(host, port, AF_UNSPEC, /* timeout= */ 0, &list, &reason) < 0)
                return -EHOSTUNREACH;

        memcpy(ret, list->ai_addr, list->ai_addrlen);
        *ret_size = list->ai_addrlen;
        freeaddrinfo(list);
        return 0;
}

int tcp_connect(const char *host, uint16_t port, int family, usec_t timeout, int *ret_fd, char **ret_reason) {
        struct addrinfo *list;
        usec_t deadline;
        unsigned n = 0;
        int r;

        assert(host);
        assert(ret_fd);
        assert(ret_reason);

        r = resolve(host, port, family, timeout, &list, ret_reason);
        if (r < 0)
                return r;

        for (struct addrinfo *ai = list; ai; ai = ai->ai_next)
                n++;

        /* A silent first address leaves its share of the time to the others. */
        deadline = now_usec() + timeout;
        r = -EHOSTUNREACH;
        for (struct addrinfo *ai = list; ai; ai = ai->ai_next, n--) {
                usec_t now = now_usec();

                r = tcp_connect_address(ai->ai_addr, ai->ai_addrlen, now >= deadline ? 0 : (deadline - now) / n, ret_fd);
                if (r >= 0)
                        break;
        }
        freeaddrinfo(list);

        return r < 0 ? tcp_connect_reason(r, timeout, ret_reason) : 0;
}
