/* SPDX-License-Identifier: MIT */
/* Prepares what the initrd's ssh server needs: who may log in, and the host key.
 *
 * Runs from scaleway-sshd.service, before dropbear(8), normally when the root is mounted and prepared: then its host key is the one that
 * the root keeps. It may also be started earlier, without a root, or after a failure: then the key is a new one. It expects the cached
 * metadata and leaves /run/scaleway/sshd/ with host-key, authorized_keys and fingerprint, all of which goes when the server does. With
 * --publish, from scaleway-ssh-fingerprint.service, it tells the platform that fingerprint; nothing waits for it. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>

#include "alloc-util.h"
#include "bounds.h"
#include "console-out.h"
#include "fd-util.h"
#include "fileio.h"
#include "host-key.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "metadata.h"
#include "mount-point.h"
#include "paths.h"
#include "publish.h"
#include "ssh-keys.h"
#include "string-util.h"

static bool arg_publish = false;

static const char usage[] = "scaleway-sshd [--publish]\n\n"
                            "Prepares host key and authorized keys for the initrd's ssh server.";

static int parse_argv(int argc, char *argv[]) {
        const ProgramOption options[] = {
                { "publish", NULL, take_flag, &arg_publish,
                  "Tell the platform the host key's fingerprint, as prepared before" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;
        if (optind < argc)
                return log_error_errno(EINVAL, "This program takes no arguments.");

        return 1;
}

static int in_directory(const char *name, char **ret) {
        _cleanup_free_ char *relative = NULL;
        int r;

        r = asprintf_to(&relative, RUN_SSHD_DIR "/%s", name);
        if (r < 0)
                return r;

        return run_path(relative, ret);
}

static int write_below(const char *name, const char *text) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = in_directory(name, &path);
        if (r < 0)
                return log_oom();
        r = write_file_atomic(path, text, strlen(text), 0600);
        return r < 0 ? log_error_errno(r, "Failed to write '%s': %m", path) : 0;
}

static int join(const SshKeys *k, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < k->n_keys; i++)
                (void) fprintf(f, "%s\n", k->keys[i]);
        if (fclose(f) != 0)
                return -ENOMEM;

        *ret = TAKE_PTR(text);
        return 0;
}

/* The generator has told which keys are none. Returns how many there are, or a negative errno. */
static int write_authorized_keys(void) {
        _cleanup_(metadata_freep) Metadata *m = NULL;
        _cleanup_(ssh_keys_done) SshKeys k = {};
        _cleanup_free_ char *text = NULL;
        int r;

        r = metadata_load(&m);
        if (r < 0 && r != -ENOENT)
                return log_error_errno(r, "Cannot use the cached metadata, so nobody could log in: %m");
        r = ssh_keys_collect(m, &k);
        if (r < 0)
                return log_oom();
        if (k.n_keys == 0)
                return log_error_errno(ENOKEY, "Nobody could log in: neither the metadata nor a tag AUTHORIZED_KEY= has a usable key.");

        r = join(&k, &text);
        if (r < 0)
                return log_oom();
        r = write_below("authorized_keys", text);
        return r < 0 ? r : (int) k.n_keys;
}

static int settle_host_key(char **ret_fingerprint) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int root_fd = -EBADF;
        int r;

        r = in_directory("host-key", &path);
        if (r < 0)
                return log_oom();
        if (path_is_mount_point(sysroot_path()) > 0) {
                root_fd = open(sysroot_path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (root_fd < 0)
                        log_warning_errno(errno, "Cannot open '%s', going on without a host key from there: %m", sysroot_path());
        }

        return host_key_settle(root_fd, path, ret_fingerprint);
}

static int show(const char *fingerprint, int n_keys) {
        _cleanup_free_ char *line = NULL;
        int r;

        r = asprintf_to(&line, "root can log in with %i key%s; this server's host key is %s (ED25519)", n_keys, n_keys == 1 ? "" : "s",
                        fingerprint);
        if (r >= 0)
                r = console_value(stdout, "SSH", line);
        if (r < 0)
                return log_oom();

        /* The lines are for people; the server works without. */
        r = console_flush(stdout);
        if (r < 0)
                log_warning_errno(r, "Cannot write to the console, ignoring: %m");
        return 0;
}

static int prepare(void) {
        _cleanup_free_ char *fingerprint = NULL, *line = NULL;
        int r, n_keys;

        n_keys = write_authorized_keys();
        if (n_keys < 0)
                return n_keys;
        r = settle_host_key(&fingerprint);
        if (r < 0)
                return r;
        r = show(fingerprint, n_keys);
        if (r < 0)
                return r;

        /* As ssh-keygen -l shows it. */
        r = asprintf_to(&line, "256 %s " FINGERPRINT_COMMENT " (ED25519)\n", fingerprint);
        if (r < 0)
                return log_oom();
        return write_below("fingerprint", line);
}

static int publish_prepared(void) {
        _cleanup_free_ char *path = NULL, *line = NULL;
        int r;

        r = in_directory("fingerprint", &path);
        if (r < 0)
                return log_oom();
        r = read_file(path, FINGERPRINT_FILE_MAX, &line, NULL);
        return r < 0 ? log_error_errno(r, "Failed to read '%s': %m", path) : publish(line);
}

static int run(int argc, char *argv[]) {
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        return arg_publish ? publish_prepared() : prepare();
}

DEFINE_MAIN_FUNCTION(run)
