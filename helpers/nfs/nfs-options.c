/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <libmount/libmount.h>
#include <sys/socket.h>

#include "bounds.h"
#include "nfs-options.h"
#include "parse-util.h"
#include "string-util.h"

#define PORT_DEFAULT 2049 /* RFC 7530, section 3.1 */

void nfs_options_done(NfsOptions *o) {
        if (!o)
                return;

        o->rest = mfree(o->rest);
        o->version = mfree(o->version);
}

static int bad_value(const char *name, const char *value, const char *expected, char **ret_reason) {
        _cleanup_free_ char *shown = printable(value, NFS_SHOWN_MAX);

        if (!shown ||
            asprintf_to(ret_reason, "the option %s=%s is not for a root over NFS, %s", name, shown, expected) < 0)
                return -ENOMEM;
        return -EINVAL;
}

/* All forms in which a version may be given: vers=4.1, nfsvers=4.1, v4.1, and vers=4 with minorversion=1. Returns 1 if
 * it was one. */
static int take_version(NfsOptions *o, const char *name, const char *value) {
        char *version = NULL;
        int r;

        if (value && (streq(name, "vers") || streq(name, "nfsvers")))
                r = strdup_to(&version, value);
        else if (value && streq(name, "minorversion"))
                r = asprintf_to(&version, "4.%s", value);
        else if (!value && name[0] == 'v' && name[1] >= '0' && name[1] <= '9')
                r = strdup_to(&version, name + 1);
        else
                return 0;
        if (r < 0)
                return r;

        /* "minorversion=1,vers=4" is the same as the other way round. */
        if (streq(version, "4") && o->version && startswith(o->version, "4.")) {
                free(version);
                return 1;
        }
        free_and_replace_str(&o->version, version);
        return 1;
}

/* Returns 1 if the option was one that this program says itself. */
static int take_option(NfsOptions *o, const char *name, const char *value, char **ret_reason) {
        int r;

        r = take_version(o, name, value);
        if (r != 0)
                return r;

        if (streq(name, "port")) {
                if (!value || parse_port(value, &o->port) < 0)
                        return bad_value(name, value ?: "", "which wants a port of TCP", ret_reason);
                return 1;
        }
        if (streq(name, "proto")) {
                if (!value || (!streq(value, "tcp") && !streq(value, "tcp6")))
                        return bad_value(name, value ?: "", "which comes over tcp only", ret_reason);
                o->family = streq(value, "tcp6") ? AF_INET6 : AF_UNSPEC;
                return 1;
        }
        if (streq(name, "udp"))
                return bad_value("proto", name, "which comes over tcp only", ret_reason);

        /* The address is that of the server that was looked up, and tcp is all there is. */
        return streq(name, "addr") || streq(name, "tcp");
}

int nfs_options_parse(const char *s, NfsOptions *ret, char **ret_reason) {
        _cleanup_(nfs_options_done) NfsOptions o = { .port = PORT_DEFAULT, .family = AF_UNSPEC };
        _cleanup_free_ char *copy = NULL;
        char *p, *name, *value;
        size_t n_name, n_value;
        int r;

        assert(s);
        assert(ret);
        assert(ret_reason);

        copy = strdup(s);
        o.rest = strdup("");
        if (!copy || !o.rest)
                return -ENOMEM;

        /* libmount knows of commas in quotes. */
        p = copy;
        while ((r = mnt_optstr_next_option(&p, &name, &n_name, &value, &n_value)) == 0) {
                _cleanup_free_ char *name_copy = strndup(name, n_name), *value_copy = NULL;

                if (value)
                        value_copy = strndup(value, n_value);
                if (!name_copy || (value && !value_copy))
                        return -ENOMEM;

                r = take_option(&o, name_copy, value_copy, ret_reason);
                if (r < 0)
                        return r;
                if (r == 0 && mnt_optstr_append_option(&o.rest, name_copy, value_copy) != 0)
                        return -ENOMEM;
        }
        if (r < 0)
                return bad_value("nfsroot", s, "its options are not a list with commas", ret_reason);

        *ret = o;
        o = (NfsOptions) {};
        return 0;
}

unsigned nfs_options_versions(const NfsOptions *o, const char *ret[static NFS_VERSIONS_MAX]) {
        /* 4.1 before 4.2: the kernel reads from a server of 4.2 by READ_PLUS, and ganesha 4.3 (Debian 12) answers that
         * so that each read is an I/O error. A root gains little by 4.2, and nobody would notice before init is
         * started. */
        static const char *const versions[NFS_VERSIONS_MAX] = { "4.1", "4.2", "4.0", "3" };
        unsigned n = 0;

        assert(o);

        if (o->version && !streq(o->version, "4")) {
                ret[0] = o->version;
                return 1;
        }
        for (size_t i = 0; i < ELEMENTSOF(versions); i++)
                if (!o->version || versions[i][0] == '4')
                        ret[n++] = versions[i];

        return n;
}

int nfs_options_format(const NfsOptions *o, const char *version, const char *address, char **ret) {
        const char *proto = strchr(address, ':') ? "tcp6" : "tcp";

        assert(o);
        assert(version);

        /* In front what the options may say otherwise. A lock of version 3 would need a daemon here; mountproto= is for
         * the question about the path, which only version 3 asks. */
        return asprintf_to(ret, "nolock%s%s%s%s,vers=%s,proto=%s,port=%u,addr=%s",
                           version[0] == '3' ? ",mountproto=" : "", version[0] == '3' ? proto : "",
                           isempty(o->rest) ? "" : ",", o->rest, version, proto, (unsigned) o->port, address);
}
