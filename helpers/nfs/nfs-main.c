/* SPDX-License-Identifier: MIT */
/* Runs from scaleway-nfs.service, when the network is settled, and leaves the root mounted on /sysroot. It does without
 * mount.nfs of nfs-utils, which looks up names and versions as this does, but takes minutes to give up, and says little: the
 * kernel asks for the path (version 3) and does the rest. The mount itself is hard, as a root has to be; only the tries are
 * bounded. */

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "alloc-util.h"
#include "fd-util.h"
#include "log.h"
#include "main-func.h"
#include "nfs-mount.h"
#include "nfs-options.h"
#include "nfs-source.h"
#include "parse-util.h"
#include "retry.h"
#include "root-mount.h"
#include "string-util.h"
#include "tcp-connect.h"

#define TIMEOUT_MAX 86400U
#define CONNECT_USEC (10 * USEC_PER_SEC)
#define MOUNT_USEC (30 * USEC_PER_SEC)
/* What version 3 gets when version 4 has said no: there may be nobody who answers for it. */
#define SECOND_OPINION_USEC (10 * USEC_PER_SEC)
#define WARN_INTERVAL_USEC (15 * USEC_PER_SEC)

static const char *arg_options = NULL;
static const char *arg_identifier = NULL;
static unsigned arg_timeout = 90;
static const char *arg_source = NULL;
static const char *arg_target = NULL;

/* What is to be mounted, and from where. */
typedef struct Server {
        NfsSource source;
        NfsOptions options;
        char address[NI_MAXHOST]; /* of the server, numeric */
        char local[NI_MAXHOST];   /* ours, as it sees us */
        char *shown;              /* SERVER:/PATH for people and for the kernel */
} Server;

/* Outcome of one try. reason completes "Cannot mount '...': ". */
typedef struct Try {
        const char *version; /* the one that it was */
        char *reason;
        bool permanent; /* the next try can hardly end otherwise */
} Try;

static void server_done(Server *s) {
        nfs_source_done(&s->source);
        nfs_options_done(&s->options);
        s->shown = mfree(s->shown);
}

static void try_done(Try *t) {
        t->reason = mfree(t->reason);
}

static int help(void) {
        printf("%s mount [OPTION…] SERVER:/PATH[,OPTIONS] TARGET\n\n"
               "Mounts the root file system over NFS.\n\n"
               "     --options=OPTIONS        Mount options, as in fstab\n"
               "     --identifier=IDENTIFIER  How the server tells this client from others; default: its address\n"
               "     --timeout=SECONDS        How long to try, default %u\n"
               "  -h --help                   Show this help\n"
               "     --version                Show the version\n",
               program_invocation_short_name, arg_timeout);
        return 0;
}

static int parse_argv(int argc, char *argv[]) {
        static const struct option options[] = {
                { "options",    required_argument, NULL, 'o' },
                { "identifier", required_argument, NULL, 'i' },
                { "timeout",    required_argument, NULL, 'T' },
                { "help",       no_argument,       NULL, 'h' },
                { "version",    no_argument,       NULL, 'V' },
                {}
        };
        int c, r;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 'o':
                        arg_options = empty_to_null(optarg);
                        break;
                case 'i':
                        arg_identifier = empty_to_null(optarg);
                        break;
                case 'T':
                        r = parse_unsigned(optarg, &arg_timeout);
                        if (r < 0 || arg_timeout > TIMEOUT_MAX)
                                return log_error_errno(EINVAL, "--timeout= takes a number of seconds up to %u.",
                                                       TIMEOUT_MAX);
                        break;
                case 'h':
                        return help();
                case 'V':
                        puts(PROJECT_VERSION " (" BUILD_COMMIT ")");
                        return 0;
                default:
                        return log_error_errno(EINVAL, "Unknown option, see --help.");
                }

        if (argc - optind != 3 || !streq(argv[optind], "mount"))
                return log_error_errno(EINVAL, "Say 'mount SERVER:/PATH TARGET', see --help.");

        arg_source = argv[optind + 1];
        arg_target = argv[optind + 2];
        return 1;
}

/* The options of the source come first, so that --options= may say otherwise. */
static int load(Server *s) {
        _cleanup_free_ char *options = NULL, *reason = NULL, *shown = NULL;
        int r;

        shown = printable(arg_source, 256);
        if (!shown)
                return log_oom();
        r = nfs_source_parse(arg_source, &s->source);
        if (r == -ENOMEM)
                return log_oom();
        if (r < 0)
                return log_error_errno(r, "'%s' is not SERVER:/PATH[,OPTIONS].", shown);

        r = asprintf_to(&options, "%s%s%s", s->source.options, s->source.options[0] && arg_options ? "," : "",
                        arg_options ?: "");
        if (r < 0)
                return log_oom();
        r = nfs_options_parse(options, &s->options, &reason);
        if (r == -ENOMEM)
                return log_oom();
        if (r < 0)
                return log_error_errno(r, "Cannot mount '%s': %s.", shown, reason ?: "bad options");

        return 0;
}

/* Numeric addresses of both ends. A connection also tells at once whether there is a server, which mount(2) does not. */
static int find_server(Server *s, usec_t timeout, Try *t) {
        struct sockaddr_storage peer = {}, local = {};
        socklen_t n_peer = sizeof(peer), n_local = sizeof(local);
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = tcp_connect(s->source.host, s->options.port, s->options.family, MIN(timeout, CONNECT_USEC), &fd, &t->reason);
        if (r < 0)
                return r;
        if (getpeername(fd, (struct sockaddr *) &peer, &n_peer) < 0 ||
            getsockname(fd, (struct sockaddr *) &local, &n_local) < 0)
                return -errno;
        if (getnameinfo((struct sockaddr *) &peer, n_peer, s->address, sizeof(s->address), NULL, 0, NI_NUMERICHOST) != 0 ||
            getnameinfo((struct sockaddr *) &local, n_local, s->local, sizeof(s->local), NULL, 0, NI_NUMERICHOST) != 0)
                return -EAFNOSUPPORT;

        return 0;
}

/* As in the kernel's own nfsroot=, %s is the address of this client. */
static int name_source(Server *s) {
        bool ipv6 = strchr(s->source.host, ':');
        _cleanup_free_ char *path = NULL;
        char *shown = NULL;
        int r;

        path = string_replace(s->source.path, "%s", s->local);
        if (!path)
                return -ENOMEM;
        r = asprintf_to(&shown, ipv6 ? "[%s]:%s" : "%s:%s", s->source.host, path);
        if (r < 0)
                return r;

        free_and_replace_str(&s->shown, shown);
        return 0;
}

static void identify(const Server *s) {
        const char *identifier = arg_identifier ?: s->local;
        int r;

        r = nfs_set_identifier(identifier);
        if (r < 0)
                log_warning_errno(r, "Cannot tell the kernel that this client is '%s', going on without: %m", identifier);
}

static bool version_is_refused(int error) {
        return error == -EPROTONOSUPPORT || error == -EPFNOSUPPORT || error == -EOPNOTSUPP;
}

/* The server has looked, and says no to this path or client. */
static bool is_answer(int error) {
        return error == -EACCES || error == -EPERM || error == -ENOENT || error == -ENOTDIR;
}

static int describe(const Server *s, int error, const char *version, const char *message, char **ret) {
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
                return asprintf_to(ret, "the server takes connections but does not answer");
        case -ECONNREFUSED:
                /* The port of NFS itself took a connection a moment ago. */
                return version[0] == '3' ? asprintf_to(ret, "the server's rpcbind or mountd refuses connections; mountport= "
                                                            "in nfsroot= does without the former")
                                         : asprintf_to(ret, "the server refuses connections");
        case -ENODEV:
                return asprintf_to(ret, "the kernel has no NFS of version %s (modules nfs, nfsv3, nfsv4)", version);
        default:
                return strdup_to(ret, message ?: strerror(-error));
        }
}

static int mount_version(const Server *s, const char *version, usec_t timeout, Try *t) {
        _cleanup_free_ char *options = NULL, *message = NULL;
        int r, k;

        r = nfs_options_format(&s->options, version, s->address, &options);
        if (r < 0)
                return r;
        log_debug("Mounting '%s' with the options '%s'.", s->shown, options);
        r = nfs_mount(s->shown, arg_target, options, timeout, &message);
        t->version = version;
        if (r >= 0)
                return 0;

        log_debug_errno(r, "Version %s: %s: %m", version, message ?: "no words of libmount");
        try_done(t);
        k = describe(s, r, version, message, &t->reason);
        t->permanent = is_answer(r) || version_is_refused(r) || r == -EINVAL || r == -ENODEV;
        return k < 0 ? k : r;
}

/* As mount.nfs does: the next version if the server does not speak this one, and version 3 also if version 4 knows no such path,
 * for a server may export it under another name there. If that ends no better, people are told what version 4 said. */
static int mount_any(const Server *s, usec_t deadline, Try *t) {
        const char *versions[NFS_VERSIONS_MAX];
        unsigned n = nfs_options_versions(&s->options, versions);
        _cleanup_(try_done) Try answer = {};
        int r = -EPROTONOSUPPORT, answered = 0;

        for (unsigned i = 0; i < n; i++) {
                usec_t now = now_usec(), left = now < deadline ? deadline - now : USEC_PER_SEC;

                if (answered < 0 && versions[i][0] == '4')
                        continue;
                r = mount_version(s, versions[i], MIN(left, answered < 0 ? SECOND_OPINION_USEC : MOUNT_USEC), t);
                if (r >= 0 || r == -ENOMEM)
                        return r;
                if (answered < 0 || (!version_is_refused(r) && !is_answer(r)))
                        break;
                if (is_answer(r)) {
                        answered = r;
                        answer = *t;
                        *t = (Try) {};
                }
        }
        if (answered == 0)
                return r;

        try_done(t);
        *t = answer;
        answer = (Try) {};
        return answered;
}

static int try_mount(Server *s, usec_t left, Try *t) {
        usec_t deadline = now_usec() + left;
        int r;

        r = find_server(s, left, t);
        if (r < 0)
                return r;
        r = name_source(s);
        if (r < 0)
                return r;
        identify(s);

        return mount_any(s, deadline, t);
}

static int mount_root(Server *s) {
        usec_t begin = now_usec(), next_warning = 0;
        _cleanup_(retry_done) Retry retry;
        int r;

        retry_init(&retry, arg_timeout * USEC_PER_SEC);
        r = name_source(s);
        if (r < 0)
                return log_oom();

        for (unsigned n = 1;; n++) {
                _cleanup_(try_done) Try t = {};
                usec_t now;

                r = try_mount(s, MAX(retry_left(&retry), USEC_PER_SEC), &t);
                if (r == -ENOMEM)
                        return log_oom();
                if (r >= 0) {
                        log_info("Mounted '%s' on '%s', NFS version %s.", s->shown, arg_target, t.version);
                        return 0;
                }

                now = now_usec();
                if (t.permanent)
                        return log_error_errno(r, "Cannot mount '%s': %s.", s->shown, t.reason ?: strerror(-r));
                if (now >= next_warning && retry_left(&retry) > 0) {
                        log_warning("Cannot mount '%s' yet: %s; trying for another %llu s at most.", s->shown,
                                    t.reason ?: strerror(-r), (unsigned long long) (retry_left(&retry) / USEC_PER_SEC));
                        next_warning = now + WARN_INTERVAL_USEC;
                }
                if (!retry_wait(&retry, 0))
                        return log_error_errno(r, "Cannot mount '%s': %s (gave up after %llu s, %u tries).", s->shown,
                                               t.reason ?: strerror(-r),
                                               (unsigned long long) ((now_usec() - begin) / USEC_PER_SEC), n);
        }
}

static int check_content(const Server *s) {
        int look = root_look(arg_target);

        if (look == ROOT_EMPTY) {
                (void) umount2(arg_target, 0);
                return log_error_errno(ENOENT, "The root on '%s' is empty: install an image there.", s->shown);
        }
        if (look < 0)
                log_warning_errno(look, "Failed to list the root on '%s', ignoring: %m", s->shown);
        else if (look == ROOT_STRANGE)
                log_warning("What '%s' holds looks unlike a root: no usr, etc, bin, sbin, lib; going on.", s->shown);

        return 0;
}

static int run(int argc, char *argv[]) {
        _cleanup_(server_done) Server s = {};
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;
        r = load(&s);
        if (r < 0)
                return r;
        r = root_is_mounted(arg_source, arg_target);
        if (r != 0)
                return log_error_errno(r < 0 ? r : -EBUSY, "Cannot mount on '%s': %m", arg_target);

        r = mount_root(&s);
        if (r < 0)
                return r;

        return check_content(&s);
}

DEFINE_MAIN_FUNCTION(run)
