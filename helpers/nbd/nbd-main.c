/* SPDX-License-Identifier: MIT */
/* Attaches NBD volumes to /dev/nbdN, looks after their links, and detaches, checks, lists.
 *
 * As scaleway-nbd@N.service it runs after the network is up and before the root file system is mounted (volume 0) or
 * used (the others). It expects the URI in its arguments and the kernel's NBD driver loaded. It leaves /dev/nbdN with
 * the connection in the kernel and RUN_NBD_DIR/N.json, and stays, until the device is detached, to connect it again
 * (supervise.c). By hand, attach leaves no process. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "attach-many.h"
#include "bounds.h"
#include "log.h"
#include "main-func.h"
#include "nbd-handshake.h"
#include "nbd-netlink.h"
#include "nbd-protocol.h"
#include "nbd-record.h"
#include "nbd-status.h"
#include "parse-util.h"
#include "string-util.h"
#include "supervise.h"
#include "verbs.h"

typedef struct Verb {
        const char *name;
        int n_min, n_max; /* arguments */
        int (*run)(char *arguments[]);
} Verb;

typedef struct Volumes {
        AttachOptions options[ATTACH_MANY_MAX];
        ExportUri uris[ATTACH_MANY_MAX];
        size_t n;
} Volumes;

static const char *arg_identifiers[ATTACH_MANY_MAX] = {}; /* in the order of the volumes */
static size_t arg_n_identifiers = 0;
static unsigned arg_timeout = 0; /* seconds; 0: the verb's default */
static unsigned arg_dead_timeout = 0;
static bool arg_dead_timeout_set = false;
static bool arg_read_only = false;
static int arg_root = -1; /* not said */
static bool arg_json = false;
static bool arg_force = false;

static const Verb *arg_verb = NULL;
static char **arg_arguments = NULL;

static int parse_uri(const char *s, ExportUri *ret) {
        _cleanup_free_ char *p = printable(s, NBD_URI_PRINT_MAX);
        int r;

        r = export_uri_parse(s, ret);
        if (r == -ENOMEM || !p)
                return log_oom();
        if (r < 0)
                return log_error_errno(r, "'%s' is no NBD URI: expected nbd://HOST[:PORT][/EXPORT]%s", p,
                                       r == -ENAMETOOLONG ? ", and shorter" : "");
        if (ret->scheme != EXPORT_URI_NBD) {
                export_uri_done(ret);
                return log_error_errno(EINVAL, "'%s' is a local disk, there is nothing to attach", p);
        }

        return 0;
}

static void volumes_done(Volumes *v) {
        for (size_t i = 0; i < v->n; i++)
                export_uri_done(&v->uris[i]);
}

/* Takes N and URI for the next volume of *v. */
static int parse_volume(const char *index, const char *uri, Volumes *v) {
        AttachOptions *o = &v->options[v->n];
        int r;

        *o = (AttachOptions) {
                .uri_text = uri,
                .uri = &v->uris[v->n],
                .identifier = empty_to_null(arg_identifiers[v->n]),
                .timeout = (arg_timeout ?: NBD_ATTACH_TIMEOUT_SEC) * USEC_PER_SEC,
                .read_only = arg_read_only,
        };

        r = verb_parse_index(index, &o->index);
        if (r < 0)
                return r;
        for (size_t i = 0; i < v->n; i++)
                if (v->options[i].index == o->index)
                        return log_error_errno(EINVAL, "'attach' takes each device once, not nbd%u twice", o->index);
        r = parse_uri(uri, &v->uris[v->n]);
        if (r < 0)
                return r;

        o->is_root = arg_root < 0 ? o->index == 0 : arg_root > 0;
        o->dead_timeout = arg_dead_timeout_set ? arg_dead_timeout
                          : o->is_root         ? NBD_DEAD_TIMEOUT_ROOT_SEC
                                               : NBD_DEAD_TIMEOUT_OTHER_SEC;
        v->n++;
        return 0;
}

static int verb_attach(char *arguments[]) {
        _cleanup_(volumes_done) Volumes v = {};
        int r;

        for (char **a = arguments; *a; a += 2) {
                if (!a[1])
                        return log_error_errno(EINVAL, "'attach' takes a URI for each device, see --help");
                r = parse_volume(a[0], a[1], &v);
                if (r < 0)
                        return r;
        }
        if (arg_n_identifiers != 0 && arg_n_identifiers != v.n)
                return log_error_errno(EINVAL, "Say --identifier= once for each volume, or not at all");

        return attach_volumes(v.options, v.n);
}

/* verbs.c takes its options as arguments. */
static int verb_detach_or_force(char *arguments[]) {
        static char force[] = "--force";
        char *with_force[] = { force, arguments[0], NULL };

        return verb_detach(arg_force ? with_force : arguments);
}

static int verb_status_or_json(char *arguments[]) {
        static char json[] = "--json";
        char *with_json[] = { json, NULL };

        return verb_status(arg_json ? with_json : arguments);
}

static int verb_supervise(char *arguments[]) {
        _cleanup_(volumes_done) Volumes v = {};
        int r;

        if (!arguments[1])
                return verb_supervise_again(arguments);
        r = parse_volume(arguments[0], arguments[1], &v);
        return r < 0 ? r : supervise_volume(v.options);
}

static void print_flags(uint16_t flags) {
        static const char *const names[16] = { "HAS_FLAGS",         "READ_ONLY",         "SEND_FLUSH",
                                               "SEND_FUA",          "ROTATIONAL",        "SEND_TRIM",
                                               "SEND_WRITE_ZEROES", "SEND_DF",           "CAN_MULTI_CONN",
                                               "SEND_RESIZE",       "SEND_CACHE",        "SEND_FAST_ZERO",
                                               "BLOCK_STATUS_PAYLOAD" };

        printf("flags: 0x%04x", (unsigned) flags);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (flags & 1U << i && names[i])
                        printf(" %s", names[i]);
        printf("\n");
}

static int verb_probe(char *arguments[]) {
        _cleanup_(export_uri_done) ExportUri uri = {};
        _cleanup_(nbd_export_done) NbdExport e = { .fd = -EBADF };
        _cleanup_free_ char *p = printable(arguments[0], NBD_URI_PRINT_MAX), *reason = NULL;
        int r;

        r = parse_uri(arguments[0], &uri);
        if (r < 0)
                return r;
        r = nbd_export_open(&uri, arg_timeout > 0 ? arg_timeout * USEC_PER_SEC : NBD_TRY_TIMEOUT_USEC, &e, &reason);
        if (r < 0)
                return log_error_errno(r, "Cannot probe '%s': %s", p ?: "", reason ?: strerror(-r));

        printf("size: %llu\n", (unsigned long long) e.size);
        printf("minimum block size: %u\n", e.block_size_min);
        printf("preferred block size: %u\n", e.block_size_preferred);
        printf("style: %s\n", e.oldstyle ? "oldstyle" : "newstyle");
        print_flags(e.flags);
        return 0;
}

static void help(void) {
        printf("%s [OPTION...] attach N URI [N URI]...\n"
               "                             attach nbd://HOST[:PORT][/EXPORT] to /dev/nbdN,\n"
               "                             several at the same time\n"
               "%s detach [--force] N|all     detach /dev/nbdN, or all of them\n"
               "%s check N                    exit 0 and print a pid if attached, 2 if free\n"
               "%s list                       one line a volume: device, bytes, URI, identifier\n"
               "%s status [--json]            one line a volume: its link, reconnects, last reason\n"
               "%s resize N                   take the size that the server's export has grown to\n"
               "%s [OPTION...] supervise N [URI]\n"
               "                             attach, then stay and connect again what is lost;\n"
               "                             without URI what is attached already\n"
               "%s [OPTION...] probe URI      ask the server, print what it offers\n"
               "\n"
               "  -h --help                  show this text\n"
               "     --version               show the version\n"
               "     --identifier=ID         name of the volume, kept by the kernel; once for each\n"
               "     --timeout=SECONDS       for all tries together; default %u, probe: 10\n"
               "     --root=yes|no           whether the root needs it; default: volume 0 alone\n"
               "     --dead-timeout=SECONDS  how long I/O waits for a lost server; default\n"
               "                             %u for the root, else %u\n"
               "     --read-only             attach read-only\n"
               "     --force                 for detach: though it is in use\n"
               "     --json                  for status: a JSON array\n",
               program_invocation_short_name, program_invocation_short_name, program_invocation_short_name,
               program_invocation_short_name, program_invocation_short_name, program_invocation_short_name,
               program_invocation_short_name, program_invocation_short_name, NBD_ATTACH_TIMEOUT_SEC, NBD_DEAD_TIMEOUT_ROOT_SEC,
               NBD_DEAD_TIMEOUT_OTHER_SEC);
}

static int parse_seconds(const char *option, const char *s, unsigned min, unsigned max, unsigned *ret) {
        unsigned v;
        int r;

        r = parse_unsigned(s, &v);
        if (r < 0 || v < min || v > max) {
                _cleanup_free_ char *p = printable(s, NBD_URI_PRINT_MAX);

                return log_error_errno(EINVAL, "--%s= takes %u to %u seconds, not '%s'", option, min, max, p ?: "");
        }

        *ret = v;
        return 0;
}

static int parse_root(const char *s) {
        if (streq(s, "yes"))
                arg_root = 1;
        else if (streq(s, "no"))
                arg_root = 0;
        else
                return log_error_errno(EINVAL, "--root= takes yes or no");

        return 0;
}

static int parse_identifier(const char *s) {
        if (strlen(s) > NBD_IDENTIFIER_MAX)
                return log_error_errno(EINVAL, "--identifier= takes at most %u bytes", NBD_IDENTIFIER_MAX);
        for (const char *p = s; *p; p++)
                if (*p <= ' ' || *p > '~')
                        return log_error_errno(EINVAL, "--identifier= takes printable ASCII without blanks");
        if (arg_n_identifiers >= ELEMENTSOF(arg_identifiers))
                return log_error_errno(EINVAL, "--identifier= can be said %zu times", ELEMENTSOF(arg_identifiers));

        arg_identifiers[arg_n_identifiers++] = s;
        return 0;
}

static int parse_verb(int argc, char *argv[]) {
        static const Verb verbs[] = {
                { "attach", 2, 2 * ATTACH_MANY_MAX, verb_attach },
                { "detach", 1, 1,                   verb_detach_or_force },
                { "check",  1, 1,                   verb_check  },
                { "list",   0, 0,                   verb_list   },
                { "probe",  1, 1,                   verb_probe  },
                { "resize", 1, 1, verb_resize },
                { "status", 0, 0, verb_status_or_json },
                { "supervise", 1, 2, verb_supervise },
        };

        for (size_t i = 0; argc > 0 && i < ELEMENTSOF(verbs); i++)
                if (streq(argv[0], verbs[i].name)) {
                        if (argc - 1 < verbs[i].n_min || argc - 1 > verbs[i].n_max)
                                return log_error_errno(EINVAL, "'%s' does not take %i arguments, see --help", argv[0],
                                                       argc - 1);
                        arg_verb = &verbs[i];
                        arg_arguments = argv + 1;
                        return 1;
                }

        return log_error_errno(EINVAL, "Say one of attach, supervise, detach, check, list, status, resize, probe; see --help");
}

static int parse_argv(int argc, char *argv[]) {
        enum { ARG_VERSION = 0x100, ARG_IDENTIFIER, ARG_TIMEOUT, ARG_DEAD_TIMEOUT, ARG_READ_ONLY, ARG_ROOT, ARG_JSON, ARG_FORCE };
        static const struct option options[] = {
                { "help",         no_argument,       NULL, 'h'              },
                { "version",      no_argument,       NULL, ARG_VERSION      },
                { "identifier",   required_argument, NULL, ARG_IDENTIFIER   },
                { "timeout",      required_argument, NULL, ARG_TIMEOUT      },
                { "dead-timeout", required_argument, NULL, ARG_DEAD_TIMEOUT },
                { "read-only",    no_argument,       NULL, ARG_READ_ONLY    },
                { "root",         required_argument, NULL, ARG_ROOT         },
                { "json",         no_argument,       NULL, ARG_JSON         },
                { "force",        no_argument,       NULL, ARG_FORCE        },
                {}
        };
        int c, r = 0;

        while (r >= 0 && (c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 'h':
                        help();
                        return 0;
                case ARG_VERSION:
                        printf("scaleway-nbd %s\n", PROJECT_VERSION);
                        return 0;
                case ARG_IDENTIFIER:
                        r = parse_identifier(optarg);
                        break;
                case ARG_TIMEOUT:
                        r = parse_seconds("timeout", optarg, 1, NBD_TIMEOUT_SEC_MAX, &arg_timeout);
                        break;
                case ARG_DEAD_TIMEOUT:
                        r = parse_seconds("dead-timeout", optarg, 0, NBD_DEAD_TIMEOUT_SEC_MAX, &arg_dead_timeout);
                        arg_dead_timeout_set = true;
                        break;
                case ARG_READ_ONLY:
                        arg_read_only = true;
                        break;
                case ARG_ROOT:
                        r = parse_root(optarg);
                        break;
                case ARG_FORCE:
                        arg_force = true;
                        break;
                case ARG_JSON:
                        arg_json = true;
                        break;
                default:
                        /* getopt_long() has said what is wrong. */
                        return -EINVAL;
                }

        return r < 0 ? r : parse_verb(argc - optind, argv + optind);
}

/* The unit calls a supervisor @xnbd-client, for others to find it by that (nbd_process_is_supervisor()); so does whoever runs it by hand,
 * as it is its name that tells it. In the log it has its own one. */
static int be_called_supervisor(char *argv[]) {
        static char program_name[] = "scaleway-nbd", name[] = NBD_SUPERVISOR_NAME;

        if (!streq(argv[0], name)) {
                argv[0] = name;
                (void) execv("/proc/self/exe", argv);
                return log_error_errno(errno, "Failed to run once more as '%s': %m", name);
        }

        program_invocation_short_name = program_name;
        return 0;
}

static int run(int argc, char *argv[]) {
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;
        if (arg_verb->run == verb_supervise) {
                r = be_called_supervisor(argv);
                if (r < 0)
                        return r;
        }

        /* Early in the boot a name server may be missing; the resolver's own limit is far too long then. */
        if (setenv("RES_OPTIONS", "timeout:3 attempts:1", /* overwrite= */ 0) < 0)
                return log_oom();

        r = arg_verb->run(arg_arguments);
        if (fflush(stdout) != 0 && r >= 0)
                return log_error_errno(errno, "Failed to write the answer: %m");
        return r;
}

DEFINE_MAIN_FUNCTION(run)
