/* SPDX-License-Identifier: MIT */
/* tcp-connect.h for the static program: addresses only, as names take libraries that are not there any more. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "string-util.h"
#include "tcp-connect.h"

int tcp_resolve(const char *host, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_size) {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

        assert(host);
        assert(ret);
        assert(ret_size);

        if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
                memcpy(ret, &in, sizeof(in));
                *ret_size = sizeof(in);
        } else if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {
                memcpy(ret, &in6, sizeof(in6));
                *ret_size = sizeof(in6);
        } else
                return -EHOSTUNREACH;

        return 0;
}

int tcp_connect(const char *host, uint16_t port, int family, usec_t timeout, int *ret_fd, char **ret_reason) {
        struct sockaddr_storage address;
        socklen_t size;
        int r;

        assert(host);
        assert(ret_fd);
        assert(ret_reason);

        r = tcp_resolve(host, port, &address, &size);
        if (r < 0 || (family != AF_UNSPEC && address.ss_family != family)) {
                if (asprintf_to(ret_reason, "'%s' is no address%s, and names are not looked up here", host,
                                r < 0 ? "" : " of that family") < 0)
                        *ret_reason = NULL;
                return -EOPNOTSUPP;
        }

        r = tcp_connect_address((struct sockaddr *) &address, size, timeout, ret_fd);
        return r < 0 ? tcp_connect_reason(r, timeout, ret_reason) : 0;
}
