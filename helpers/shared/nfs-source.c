/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>

#include "bounds.h"
#include "nfs-source.h"
#include "string-util.h"

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* An IPv6 address, perhaps with a zone: fe80::1%eth0 */
static bool is_ipv6(const char *s) {
        char address[INET6_ADDRSTRLEN] = {};
        size_t n = strcspn(s, "%");
        struct in6_addr ignored;

        if (n >= sizeof(address))
                return false;
        memcpy(address, s, n);
        if (inet_pton(AF_INET6, address, &ignored) != 1)
                return false;

        return s[n] == '\0' || (s[n + 1] != '\0' && s[n + 1 + strspn(s + n + 1, ALNUM "-_.")] == '\0');
}

/* Returns in *ret_end where the ":" stands that follows the host. */
static int parse_host(const char *s, char **ret, const char **ret_end) {
        _cleanup_free_ char *host = NULL;
        const char *end;

        if (s[0] == '[') {
                end = strchr(s, ']');
                if (!end || end[1] != ':')
                        return -EINVAL;
                host = strndup(s + 1, (size_t) (end - s) - 1);
                if (!host)
                        return -ENOMEM;
                if (!is_ipv6(host))
                        return -EINVAL;
                end++;
        } else {
                end = s + strspn(s, ALNUM "-._");
                if (end == s || s[0] == '-' || *end != ':')
                        return -EINVAL;
                if ((size_t) (end - s) > HOST_TEXT_MAX)
                        return -ENAMETOOLONG;
                host = strndup(s, (size_t) (end - s));
                if (!host)
                        return -ENOMEM;
        }

        *ret = TAKE_PTR(host);
        *ret_end = end;
        return 0;
}

int nfs_source_parse(const char *s, NfsSource *ret) {
        _cleanup_(nfs_source_done) NfsSource n = {};
        size_t size;
        int r;

        assert(s);
        assert(ret);

        r = parse_host(s, &n.host, &s);
        if (r < 0)
                return r;

        /* Also because an IPv6 address without brackets would be taken for a host and a path. */
        s++;
        if (s[0] != '/')
                return -EINVAL;
        size = strcspn(s, ",");
        if (size > NFS_EXPORT_MAX)
                return -ENAMETOOLONG;
        n.path = strndup(s, size);
        n.options = strdup(s + size + (s[size] == ','));
        if (!n.path || !n.options)
                return -ENOMEM;

        *ret = n;
        n = (NfsSource) {};
        return 0;
}

void nfs_source_done(NfsSource *n) {
        if (!n)
                return;

        n->host = mfree(n->host);
        n->path = mfree(n->path);
        n->options = mfree(n->options);
}
