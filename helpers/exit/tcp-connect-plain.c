/* SPDX-License-Identifier: MIT */
/* tcp-connect.h for the static program: addresses only, as names take libraries that are not there any more. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "string-util.h"
#include "tcp-connect.h"

int tcp_connect(const char *host, uint16_t port, int family, usec_t timeout, int *ret_fd, char **ret_reason) {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
        int r;

        assert(host);
        assert(ret_fd);
        assert(ret_reason);

        if (family != AF_INET6 && inet_pton(AF_INET, host, &in.sin_addr) == 1)
                r = tcp_connect_address((struct sockaddr *) &in, sizeof(in), timeout, ret_fd);
        else if (family != AF_INET && inet_pton(AF_INET6, host, &in6.sin6_addr) == 1)
                r = tcp_connect_address((struct sockaddr *) &in6, sizeof(in6), timeout, ret_fd);
        else {
                if (asprintf_to(ret_reason, "'%s' is no address, and names are not looked up here", host) < 0)
                        *ret_reason = NULL;
                return -EOPNOTSUPP;
        }

        return r < 0 ? tcp_connect_reason(r, timeout, ret_reason) : 0;
}
