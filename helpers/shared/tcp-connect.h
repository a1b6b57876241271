/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/socket.h>

#include "macro.h"
#include "time-util.h"

/* TCP connection to host (address or name) within timeout; a name's addresses share it. Names are resolved by
 * getaddrinfo(), which has time-outs of its own, see RES_OPTIONS in resolv.conf(5). family is AF_UNSPEC, or AF_INET or
 * AF_INET6 if no other address will do. *ret_fd is non-blocking, CLOEXEC. Returns 0, or a negative errno and in
 * *ret_reason (to be freed, NULL if memory is short) the words for it; -EHOSTUNREACH if the name cannot be resolved. */
_must_check_ int tcp_connect(const char *host, uint16_t port, int family, usec_t timeout, int *ret_fd,
                             char **ret_reason);

/* The same for an address, without any file of the system: what runs when there is none must not call the resolver. Returns 0 or a
 * negative errno, -ETIMEDOUT among them. */
_must_check_ int tcp_connect_address(const struct sockaddr *address, socklen_t size, usec_t timeout, int *ret_fd);

/* The first address of host, for later: the resolver is asked as above. Returns 0, or -EHOSTUNREACH if there is none to be had. */
_must_check_ int tcp_resolve(const char *host, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_size);

/* The words for an error of the above, in *ret_reason as there. Returns error. */
int tcp_connect_reason(int error, usec_t timeout, char **ret_reason);
