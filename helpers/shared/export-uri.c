/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <strings.h>

#include "bounds.h"
#include "export-uri.h"
#include "parse-util.h"
#include "string-util.h"

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* Decodes n bytes of s. A NUL would end the string early for everybody who reads it, so %00 is refused. */
static int percent_decode(const char *s, size_t n, size_t max, char **ret) {
        _cleanup_free_ char *d = NULL;
        size_t o = 0;

        d = malloc(n + 1);
        if (!d)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                char c = s[i];

                if (c == '%') {
                        int high, low;

                        if (n - i < 3 || (high = hex_digit(s[i + 1])) < 0 || (low = hex_digit(s[i + 2])) < 0)
                                return -EINVAL;
                        c = (char) (high << 4 | low);
                        i += 2;
                }
                if (c == '\0')
                        return -EINVAL;
                if (o >= max)
                        return -ENAMETOOLONG;
                d[o++] = c;
        }

        d[o] = '\0';
        *ret = TAKE_PTR(d);
        return 0;
}

/* What stands between the brackets: an IPv6 address, perhaps with a zone as RFC 6874 writes it, [fe80::1%25eth0]. */
static int parse_ipv6(const char *s, size_t n, char **ret) {
        _cleanup_free_ char *host = NULL, *address = NULL;
        struct in6_addr ignored;
        const char *zone;
        int r;

        r = percent_decode(s, n, HOST_TEXT_MAX, &host);
        if (r < 0)
                return r;

        zone = strchr(host, '%');
        address = strndup(host, zone ? (size_t) (zone - host) : strlen(host));
        if (!address)
                return -ENOMEM;
        if (inet_pton(AF_INET6, address, &ignored) != 1)
                return -EINVAL;
        if (zone && (zone[1] == '\0' || zone[1 + strspn(zone + 1, ALNUM "-_.")] != '\0'))
                return -EINVAL;

        *ret = TAKE_PTR(host);
        return 0;
}

/* HOST[:PORT], n bytes. No user part: there is nothing to log in to. */
static int parse_authority(const char *s, size_t n, char **ret_host, uint16_t *ret_port) {
        _cleanup_free_ char *host = NULL, *port_text = NULL;
        uint16_t port = NBD_PORT_DEFAULT;
        size_t n_host;
        int r;

        if (n > 0 && s[0] == '[') {
                const char *end = memchr(s, ']', n);

                if (!end)
                        return -EINVAL;
                n_host = (size_t) (end - s) + 1;
                r = parse_ipv6(s + 1, n_host - 2, &host);
                if (r < 0)
                        return r;
        } else {
                n_host = MIN(strspn(s, ALNUM "-._"), n);
                if (n_host == 0)
                        return -EINVAL;
                if (n_host > HOST_TEXT_MAX)
                        return -ENAMETOOLONG;
                host = strndup(s, n_host);
                if (!host)
                        return -ENOMEM;
        }

        if (n_host < n) {
                if (s[n_host] != ':')
                        return -EINVAL;
                port_text = strndup(s + n_host + 1, n - n_host - 1);
                if (!port_text)
                        return -ENOMEM;
                if (parse_port(port_text, &port) < 0)
                        return -EINVAL;
        }

        *ret_host = TAKE_PTR(host);
        *ret_port = port;
        return 0;
}

static int parse_nbd(const char *s, ExportUri *ret) {
        _cleanup_free_ char *host = NULL, *name = NULL;
        size_t n = strcspn(s, "/");
        uint16_t port;
        int r;

        /* A query asks for TLS or a socket by path, which we do not offer; better to say so than to leave it out
         * silently. */
        if (s[strcspn(s, "?#")] != '\0')
                return -EINVAL;

        r = parse_authority(s, n, &host, &port);
        if (r < 0)
                return r;

        /* NBD URI specification: the export name is what follows the first slash, further slashes belong to it. */
        s += n + (s[n] == '/');
        r = percent_decode(s, strlen(s), NBD_EXPORT_NAME_MAX, &name);
        if (r < 0)
                return r;
        if (!utf8_is_valid(name, strlen(name)))
                return -EINVAL;

        *ret = (ExportUri) {
                .scheme = EXPORT_URI_NBD,
                .host = TAKE_PTR(host),
                .port = port,
                .export_name = TAKE_PTR(name),
        };
        return 0;
}

/* The metadata service writes /dev/vda as device://dev/vda. The path must not lead out of /dev. */
static int parse_device(const char *s, ExportUri *ret) {
        _cleanup_free_ char *device = NULL;
        int r;

        if (!startswith(s, "dev/") || s[strspn(s, ALNUM "-_.:+/")] != '\0')
                return -EINVAL;
        if (strlen(s) > EXPORT_DEVICE_MAX)
                return -ENAMETOOLONG;

        for (const char *p = s; p; p = strchr(p, '/')) {
                size_t n;

                p += *p == '/';
                n = strcspn(p, "/");
                if (n == 0 || (n <= 2 && strspn(p, ".") >= n))
                        return -EINVAL;
        }

        r = asprintf_to(&device, "/%s", s);
        if (r < 0)
                return r;

        *ret = (ExportUri) { .scheme = EXPORT_URI_DEVICE, .device = TAKE_PTR(device) };
        return 0;
}

int export_uri_parse(const char *s, ExportUri *ret) {
        static const struct {
                const char *prefix;
                int (*parse)(const char *s, ExportUri *ret);
        } schemes[_EXPORT_URI_SCHEME_MAX] = {
                [EXPORT_URI_NBD] = { "nbd://", parse_nbd },
                [EXPORT_URI_DEVICE] = { "device://", parse_device },
        };

        assert(s);
        assert(ret);

        for (size_t i = 0; i < ELEMENTSOF(schemes); i++) {
                size_t n = strlen(schemes[i].prefix);

                /* RFC 3986, section 3.1: a scheme has no case. */
                if (strncasecmp(s, schemes[i].prefix, n) != 0)
                        continue;
                for (const char *p = s; *p; p++)
                        if ((unsigned char) *p <= ' ' || *p == 0x7f)
                                return -EINVAL;
                return schemes[i].parse(s + n, ret);
        }

        return -EPROTONOSUPPORT;
}

void export_uri_done(ExportUri *u) {
        if (!u)
                return;

        u->host = mfree(u->host);
        u->export_name = mfree(u->export_name);
        u->device = mfree(u->device);
}
