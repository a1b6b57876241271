/* SPDX-License-Identifier: MIT */
/* Runs from scaleway-nfs.service, when the network is settled, and leaves the root mounted on /sysroot. It does without
 * mount.nfs of nfs-utils, which looks up names and versions as this does, but takes minutes to give up, and says
 * little: the kernel asks for the path (version 3) and does the rest. The mount itself is hard, as a root has to be;
 * only the tries are bounded. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/mount.h>

#include "alloc-util.h"
#include "bounds.h"
#include "fileio.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "nfs-server.h"
#include "paths.h"
#include "retry.h"
#include "root-mount.h"
#include "string-util.h"

static const char *arg_options = NULL;
static const char *arg_identifier = NULL;
static unsigned arg_timeout = 90;
static const char *arg_source = NULL;
static const char *arg_target = NULL;

static const char usage[] = "scaleway-nfs mount [OPTION…] SERVER:/PATH[,OPTIONS] TARGET\n\n"
                            "Mounts the root file system over NFS.";

static int parse_argv(int argc, char *argv[]) {
        const ProgramOption options[] = {
                { "options", "OPTIONS", take_string_or_null, &arg_options,
                  "Mount options, as in fstab" },
                { "identifier", "IDENTIFIER", take_string_or_null, &arg_identifier,
                  "How the server tells this client from others; default: its address" },
                { "timeout", "SECONDS", take_seconds, &arg_timeout,
                  "How long to try" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;
        if (argc - optind != 3 || !streq(argv[optind], "mount"))
                return log_error_errno(EINVAL, "Say 'mount SERVER:/PATH TARGET', see --help.");

        arg_source = argv[optind + 1];
        arg_target = argv[optind + 2];
        return 1;
}

/* The options of the source come first, so that --options= may say otherwise. */
static int load(NfsServer *s) {
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

static int mount_root(NfsServer *s, const char *target, int *ret_look) {
        usec_t begin = now_usec(), next_warning = 0;
        _cleanup_(retry_done) Retry retry;
        int r;

        retry_init(&retry, arg_timeout * USEC_PER_SEC);
        r = nfs_server_name(s);
        if (r < 0)
                return log_oom();

        for (unsigned n = 1;; n++) {
                _cleanup_(nfs_try_done) NfsTry t = {};
                usec_t now;

                r = nfs_try(s, target, arg_identifier, MAX(retry_left(&retry), USEC_PER_SEC), &t);
                if (r == -ENOMEM)
                        return log_oom();
                if (r >= 0) {
                        log_info("Mounted '%s' on '%s', NFS version %s.", s->shown, arg_target, t.version);
                        *ret_look = t.look;
                        return 0;
                }

                now = now_usec();
                if (t.permanent)
                        return log_error_errno(r, "Cannot mount '%s': %s.", s->shown, t.reason ?: strerror(-r));
                if (now >= next_warning && retry_left(&retry) > 0) {
                        log_warning("Cannot mount '%s' yet: %s; trying for another %llu s at most.", s->shown,
                                    t.reason ?: strerror(-r), (unsigned long long) (retry_left(&retry) / USEC_PER_SEC));
                        next_warning = now + NFS_WARN_INTERVAL_USEC;
                }
                if (!retry_wait(&retry, 0))
                        return log_error_errno(r, "Cannot mount '%s': %s (gave up after %llu s, %u tries).", s->shown,
                                               t.reason ?: strerror(-r),
                                               (unsigned long long) ((now_usec() - begin) / USEC_PER_SEC), n);
        }
}

static int check_content(const NfsServer *s, const char *target, int look) {
        if (look == ROOT_EMPTY) {
                (void) umount2(target, 0);
                return log_error_errno(ENOENT, "The root on '%s' is empty: install an image there.", s->shown);
        }
        if (look < 0)
                log_warning_errno(look, "Failed to list the root on '%s', ignoring: %m", s->shown);
        else if (look == ROOT_STRANGE)
                log_warning("What '%s' holds looks unlike a root: no usr, etc, bin, sbin, lib; going on.", s->shown);

        return 0;
}

/* For the way down, in which the host may take the network down early, and nothing can be unmounted without the server. */
static int save_path(const NfsServer *s) {
        _cleanup_free_ char *directory = NULL, *file = NULL, *text = NULL;
        json_t *o;
        int r;

        r = run_path("scaleway", &directory);
        if (r < 0)
                return r;
        r = run_path(RUN_NFS_JSON, &file);
        if (r < 0)
                return r;
        r = mkdir_p(directory);
        if (r < 0)
                return r;

        o = json_pack("{s:o,s:i}", "path", network_path_to_json(&s->path), "port", (int) s->options.port);
        if (!o)
                return -ENOMEM;
        text = json_dumps(o, JSON_INDENT(2));
        json_decref(o);
        if (!text)
                return -ENOMEM;

        return write_file_atomic(file, text, strlen(text), 0644);
}

static int run(int argc, char *argv[]) {
        _cleanup_(nfs_server_done) NfsServer s = {};
        _cleanup_free_ char *target = NULL;
        int r, look = ROOT_FINE;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;
        r = load(&s);
        if (r < 0)
                return r;
        target = realpath(arg_target, NULL);
        r = target ? root_has_mount(target) : -errno;
        if (r != 0)
                return log_error_errno(r < 0 ? r : -EBUSY, "Cannot mount on '%s': %m", arg_target);

        r = mount_root(&s, target, &look);
        if (r < 0)
                return r;

        r = check_content(&s, target, look);
        if (r < 0)
                return r;

        if (s.has_path) {
                r = save_path(&s);
                if (r < 0)
                        log_warning_errno(r, "Failed to save the way to the server, ignoring: %m");
        }
        return 0;
}

DEFINE_MAIN_FUNCTION(run)
