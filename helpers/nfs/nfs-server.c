/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "bounds.h"
#include "fd-util.h"
#include "log.h"
#include "nfs-mount.h"
#include "nfs-server.h"
#include "root-mount.h"
#include "string-util.h"
#include "tcp-connect.h"

void nfs_server_done(NfsServer *s) {
        nfs_source_done(&s->source);
        nfs_options_done(&s->options);
        s->shown = mfree(s->shown);
}

void nfs_try_done(NfsTry *t) {
        t->reason = mfree(t->reason);
}

static int format_address(const struct sockaddr_storage *a, socklen_t n, char ret[static NI_MAXHOST]) {
        int k = getnameinfo((const struct sockaddr *) a, n, ret, NI_MAXHOST, NULL, 0, NI_NUMERICHOST);

        return k == 0 ? 0 : -EAFNOSUPPORT;
}

/* Numeric addresses of both ends. A connection also tells at once if there is no server, which mount(2) does not. */
static int find_server(NfsServer *s, usec_t timeout, NfsTry *t) {
        struct sockaddr_storage peer = {}, local = {};
        socklen_t n_peer = sizeof(peer), n_local = sizeof(local);
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = tcp_connect(s->source.host, s->options.port, s->options.family, MIN(timeout, NFS_CONNECT_USEC), &fd,
                        &t->reason);
        if (r < 0)
                return r;
        if (getpeername(fd, (struct sockaddr *) &peer, &n_peer) < 0 ||
            getsockname(fd, (struct sockaddr *) &local, &n_local) < 0)
                return -errno;

        r = network_path_find(fd, &s->path);
        s->has_path = r >= 0;
        if (r < 0)
                log_debug_errno(r, "The way to the server is not known: %m");

        r = format_address(&peer, n_peer, s->address);
        return r < 0 ? r : format_address(&local, n_local, s->local);
}

int nfs_server_name(NfsServer *s) {
        bool ipv6 = strchr(s->source.host, ':');
        _cleanup_free_ char *path = NULL;
        char *shown = NULL;
        int r;

        path = string_replace(s->source.path, "%s", empty_to_null(s->local) ?: "%s");
        if (!path)
                return -ENOMEM;
        r = asprintf_to(&shown, ipv6 ? "[%s]:%s" : "%s:%s", s->source.host, path);
        if (r < 0)
                return r;

        free_and_replace_str(&s->shown, shown);
        return 0;
}

static void identify(const char *identifier) {
        int r;

        r = nfs_set_identifier(identifier);
        if (r < 0)
                log_warning_errno(r, "Cannot tell the kernel that this client is '%s', going on without: %m",
                                  identifier);
}

static bool version_is_refused(int error) {
        return error == -EPROTONOSUPPORT || error == -EPFNOSUPPORT || error == -EOPNOTSUPP;
}

/* The server has looked, and says no to this path or client. */
static bool is_answer(int error) {
        return error == -EACCES || error == -EPERM || error == -ENOENT || error == -ENOTDIR;
}

static int describe(const NfsServer *s, int error, const char *version, const char *message, char **ret) {
        if (version_is_refused(error))
                return s->options.version
                               ? asprintf_to(ret, "the server does not speak NFS version %s", s->options.version)
                               : asprintf_to(ret, "the server speaks neither version 4 nor 3 of NFS");
        switch (error) {
        case -EACCES:
        case -EPERM:
                return asprintf_to(ret, "the server denies it; its exports must allow %s", s->local);
        case -ENOENT:
        case -ENOTDIR:
                return asprintf_to(ret, "the server has no such path, or does not export it to %s", s->local);
        case -ETIMEDOUT:
                return s->mounted ? asprintf_to(ret, "it is mounted, but the server does not answer any more")
                                  : asprintf_to(ret, "the server takes connections but does not answer");
        case -ECONNREFUSED:
                /* The port of NFS itself took a connection a moment ago. */
                return version[0] == '3' ? asprintf_to(ret,
                                                       "the server's rpcbind or mountd refuses connections; mountport= "
                                                       "in nfsroot= does without the former")
                                         : asprintf_to(ret, "the server refuses connections");
        case -ENODEV:
                return asprintf_to(ret, "the kernel has no NFS of version %s (modules nfs, nfsv3, nfsv4)", version);
        default:
                return strdup_to(ret, message ?: strerror(-error));
        }
}

static int mount_version(NfsServer *s, const char *target, const char *version, usec_t timeout, NfsTry *t) {
        _cleanup_free_ char *options = NULL, *message = NULL;
        int r, k;

        r = nfs_options_format(&s->options, version, s->address, &options);
        if (r < 0)
                return r;
        log_debug("Mounting '%s' with the options '%s'.", s->shown, options);
        r = nfs_mount(s->shown, target, options, timeout, &t->look, &message);
        t->version = version;
        if (r >= 0)
                return 0;
        if (!s->mounted && root_has_mount(target) > 0)
                s->mounted = version;

        log_debug_errno(r, "Version %s: %s: %m", version, message ?: "no words of libmount");
        nfs_try_done(t);
        k = describe(s, r, version, message, &t->reason);
        t->permanent = is_answer(r) || version_is_refused(r) || r == -EINVAL || r == -ENODEV;
        return k < 0 ? k : r;
}

/* As mount.nfs does: the next version if the server does not speak this one, and version 3 also if version 4 knows no
 * such path, for a server may export it under another name there. If that ends no better, people are told what version
 * 4 said. */
static int mount_any(NfsServer *s, const char *target, usec_t deadline, NfsTry *t) {
        const char *versions[NFS_VERSIONS_MAX];
        unsigned n = nfs_options_versions(&s->options, versions);
        _cleanup_(nfs_try_done) NfsTry answer = {};
        int r = -EPROTONOSUPPORT, answered = 0;

        for (unsigned i = 0; i < n; i++) {
                usec_t now = now_usec(), left = now < deadline ? deadline - now : USEC_PER_SEC;

                if (s->mounted && !streq(versions[i], s->mounted))
                        continue;
                if (answered < 0 && versions[i][0] == '4')
                        continue;
                r = mount_version(s, target, versions[i], MIN(left, answered < 0 ? NFS_SECOND_OPINION_USEC : NFS_MOUNT_USEC),
                                  t);
                if (r >= 0 || r == -ENOMEM)
                        return r;
                if (answered < 0 || (!version_is_refused(r) && !is_answer(r)))
                        break;
                if (is_answer(r)) {
                        answered = r;
                        answer = *t;
                        *t = (NfsTry) {};
                }
        }
        if (answered == 0)
                return r;

        nfs_try_done(t);
        *t = answer;
        answer = (NfsTry) {};
        return answered;
}

int nfs_try(NfsServer *s, const char *target, const char *identifier, usec_t left, NfsTry *t) {
        usec_t deadline = now_usec() + left;
        int r;

        assert(s);
        assert(target);
        assert(t);

        r = find_server(s, left, t);
        if (r < 0)
                return r;
        r = nfs_server_name(s);
        if (r < 0)
                return r;
        identify(identifier ?: s->local);

        return mount_any(s, target, deadline, t);
}
