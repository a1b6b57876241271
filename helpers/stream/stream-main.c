/* SPDX-License-Identifier: MIT */
/* Unpacks a tar archive from a web server into a directory, while it is downloaded; or downloads one file; or looks whether it is
 * there, before something is overwritten for it.
 *
 * Runs from the units of the modes rescue and live, after the network is up, the clock is set (certificates) and the
 * file system of the root, a tmpfs or a fresh one on a disk, is mounted; before the root is looked at. It expects the
 * directory to be empty. It leaves the whole tree there, or an empty directory and an exit status that is not 0:
 * nothing that could be taken for a root. A signal ends it where it is, and so does systemd at TimeoutStartSec=: then what
 * was unpacked up to there stays. The unit has failed all the same, so nobody goes on with that; in memory it is lost at the
 * reboot, and on a disk the label of scaleway-live says that it is not complete. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "bounds.h"
#include "download.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "parse-util.h"
#include "progress.h"
#include "space.h"
#include "string-util.h"
#include "tar-policy.h"
#include "target.h"
#include "verify.h"

static const char *arg_url = NULL;
static const char *arg_target = NULL;
static bool arg_file = false;
static bool arg_check = false;
static const char *arg_sha256 = NULL;
static const char *arg_signature = NULL;
static const char *arg_key = NULL;
static const char *arg_ca = NULL;
static usec_t arg_timeout = 120 * USEC_PER_SEC;
static usec_t arg_progress = USEC_INFINITY;
static uint64_t arg_max_entries = TAR_ENTRIES_MAX;

typedef struct Stream {
        Target *target;
        Reason reason;
        Verify *verify;
        Progress progress;
} Stream;

static const char usage[] = "scaleway-stream [OPTION...] URL DIRECTORY\n"
                            "scaleway-stream --file [OPTION...] URL FILE\n"
                            "scaleway-stream --check [OPTION...] URL\n\n"
                            "Download a tar archive and unpack it into a directory, which must be empty.";

static int parse_seconds(const char *name, const char *value, void *target) {
        usec_t *usec = target;
        unsigned seconds;

        if (take_seconds(name, value, &seconds) < 0)
                return -EINVAL;
        /* Between two messages there may be none, but a try takes some time. */
        if (usec == &arg_timeout && seconds == 0)
                return log_error_errno(EINVAL, "--%s= takes a number of seconds from 1 on.", name);

        *usec = seconds * USEC_PER_SEC;
        return 0;
}

static int parse_sha256(const char *name, const char *value, void *target) {
        (void) target;
        arg_sha256 = empty_to_null(value);
        if (arg_sha256 && !sha256_hex_is_valid(arg_sha256))
                return log_error_errno(EINVAL, "--%s= takes %u hexadecimal digits.", name, SHA256_HEX_LENGTH);

        return 0;
}

static int parse_max_entries(const char *name, const char *value, void *target) {
        (void) target;
        if (parse_uint64(value, &arg_max_entries) < 0 || arg_max_entries == 0)
                return log_error_errno(EINVAL, "--%s= takes a number that is not 0.", name);

        return 0;
}

static int parse_argv(int argc, char *argv[]) {
        const ProgramOption options[] = {
                { "file", NULL, take_flag, &arg_file,
                  "Download one file, as it is" },
                { "check", NULL, take_flag, &arg_check,
                  "Download nothing, see whether the server has it" },
                { "sha256", "HEX", parse_sha256, NULL,
                  "Checksum of the download" },
                { "signature", "URL", take_secret_or_null, &arg_signature,
                  "Signature of the download, made by \"openssl dgst -sha256 -sign\"" },
                { "key", "FILE", take_string_or_null, &arg_key,
                  "Public key for it (PEM, RSA or ECDSA)" },
                { "ca", "FILE", take_string_or_null, &arg_ca,
                  "Certificate authorities to trust, instead of the system's (PEM)" },
                { "timeout", "SECONDS", parse_seconds, &arg_timeout,
                  "How long to try without success (default: 120)" },
                { "progress", "SECONDS", parse_seconds, &arg_progress,
                  "Between two messages, 0: none (default: 2 on a terminal, else 10)" },
                { "max-entries", "N", parse_max_entries, NULL,
                  "Entries that the archive may have, see scaleway-stream(8) for how many else" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;

        if (arg_check && (arg_file || argc - optind != 1))
                return log_error_errno(EINVAL, "--check expects a URL, see --help.");
        if (!arg_check && argc - optind != 2)
                return log_error_errno(EINVAL, "Expected a URL and a %s, see --help.", arg_file ? "file" : "directory");
        if (!arg_signature != !arg_key)
                return log_error_errno(EINVAL, "--signature= and --key= go together.");

        arg_url = argument_value(argv[optind]);
        arg_target = argv[optind + 1];
        return 1;
}

static int check_space(Stream *s, uint64_t total, Space *ret) {
        _cleanup_free_ char *need = NULL, *left = NULL;
        int r;

        r = space_look(s->target->dir_fd, ret);
        if (r < 0)
                return reason_set(&s->reason, r, "Failed to look how much space '%s' has: %m", arg_target);
        if (total == UINT64_MAX || total <= ret->free)
                return 0;

        need = format_size(total);
        left = format_size(ret->free);
        if (!need || !left)
                return reason_oom(&s->reason);
        return reason_set(&s->reason, ENOSPC, "Not enough space: the %s alone is %s, and %s are left %s",
                          arg_file ? "file" : "archive", need, left,
                          ret->short_of_memory ? "in memory" : "in the target");
}

static int on_begin(void *userdata, uint64_t total) {
        Stream *s = userdata;
        Space space;
        int r;

        r = check_space(s, total, &space);
        if (r < 0)
                return r;

        return s->target->begin(s->target, space.free);
}

static int on_data(void *userdata, const void *data, size_t n) {
        Stream *s = userdata;

        verify_update(s->verify, data, n);
        return s->target->data(s->target, data, n);
}

/* What came up to now is a part of something else, maybe. */
static int on_restart(void *userdata) {
        Stream *s = userdata;

        /* What has failed by itself would fail again. */
        if (reason_error(&s->reason) < 0)
                return -ECANCELED;
        (void) !s->target->end(s->target, /* complete= */ false);
        /* That it was not complete is no failure. */
        reason_done(&s->reason);
        s->reason = REASON_INIT;

        verify_restart(s->verify);
        return s->target->clear(s->target);
}

/* A server that says nothing must not hide that unpacking has failed. */
static int on_tick(void *userdata, uint64_t bytes, uint64_t total) {
        Stream *s = userdata;

        progress_update(&s->progress, bytes, total);
        return reason_error(&s->reason);
}

static void on_message(void *userdata) {
        Stream *s = userdata;

        progress_end_line(&s->progress);
}

static int fetch_signature(Stream *s) {
        _cleanup_free_ void *signature = NULL;
        size_t n;
        int r;

        if (!arg_signature)
                return 0;

        r = download_small(arg_signature, arg_ca, MIN(arg_timeout, DOWNLOAD_STALL_MAX), arg_timeout, SIGNATURE_MAX, &s->reason,
                           &signature, &n);
        if (r < 0)
                return r;
        return verify_set_signature(s->verify, signature, n) < 0 ? reason_oom(&s->reason) : 0;
}

static int stream(Stream *s) {
        Download download = {
                .url = arg_url,
                .ca = arg_ca,
                .stall = MIN(arg_timeout, DOWNLOAD_STALL_MAX),
                .timeout = arg_timeout,
                .on_begin = on_begin,
                .on_data = on_data,
                .on_restart = on_restart,
                .on_tick = on_tick,
                .on_message = on_message,
                .userdata = s,
        };
        usec_t begin = now_usec();
        uint64_t bytes;
        int r, k;

        r = fetch_signature(s);
        if (r < 0)
                return r;

        progress_init(&s->progress, arg_progress);
        r = download_run(&download, &s->reason, &bytes);
        /* What was downloaded is wrong as a whole, whatever it does to the archive. */
        if (r >= 0)
                r = verify_finish(s->verify, &s->reason);
        k = s->target->end(s->target, /* complete= */ r >= 0);
        progress_end_line(&s->progress);
        if (r < 0 || k < 0)
                return r < 0 ? r : k;

        s->target->tell(s->target, bytes, begin);
        return 0;
}

/* All that can be known without the whole of it: that the key is one, and that the server has the signature and the archive. */
static int look(Stream *s) {
        int r;

        r = verify_new(arg_sha256, arg_key, &s->reason, &s->verify);
        if (r < 0)
                return r;
        r = fetch_signature(s);
        if (r < 0)
                return r;

        return download_look(arg_url, arg_ca, MIN(arg_timeout, DOWNLOAD_STALL_MAX), arg_timeout, &s->reason);
}

static int run_check(void) {
        Stream s = { .reason = REASON_INIT };
        int r;

        /* As below. */
        (void) signal(SIGPIPE, SIG_IGN);
        r = look(&s);
        if (r < 0)
                r = log_error_errno(r, "%s.", s.reason.text ?: "Out of memory");

        verify_freep(&s.verify);
        reason_done(&s.reason);
        return r;
}

/* libarchive bounds what it reads, but not everything. Sanitizers take terabytes of address space. */
static void limit_memory(void) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        struct rlimit limit = { .rlim_cur = STREAM_MEMORY_MAX, .rlim_max = STREAM_MEMORY_MAX };

        (void) setrlimit(RLIMIT_DATA, &limit);
#endif
}

/* The reason is that of the failure, not of what went wrong while cleaning up. */
static int give_up(Stream *s) {
        int error = reason_error(&s->reason);

        if (s->target->clear(s->target) < 0)
                log_warning("Failed to remove what was downloaded to '%s', ignoring.", arg_target);
        return log_error_errno(error < 0 ? error : EIO, "%s.", s->reason.text ?: "Out of memory");
}

static int run(int argc, char *argv[]) {
        _cleanup_(verify_freep) Verify *verify = NULL;
        _cleanup_(target_freep) Target *target = NULL;
        Stream s = { .reason = REASON_INIT };
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        if (arg_check)
                return run_check();

        r = arg_file ? target_file_open(arg_target, &s.reason, &target)
                     : target_tree_open(arg_target, arg_max_entries, &s.reason, &target);
        if (r < 0)
                return r;
        s.target = target;

        limit_memory();
        /* libcurl leaves this to the program where it must use no signals, as here, because of the threads. */
        (void) signal(SIGPIPE, SIG_IGN);
        r = verify_new(arg_sha256, arg_key, &s.reason, &verify);
        s.verify = verify;
        if (r >= 0)
                r = stream(&s);
        if (r < 0)
                r = give_up(&s);

        reason_done(&s.reason);
        return r;
}

DEFINE_MAIN_FUNCTION(run)
