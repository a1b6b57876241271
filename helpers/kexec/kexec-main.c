/* SPDX-License-Identifier: MIT */
/* Boots another kernel, of the root file system or downloaded, in place of switching to the root.
 *
 * Runs from scaleway-kexec.service in three steps, after the root is mounted and before anything is written to it:
 * "load" while the root is there, then the unit unmounts it and detaches NBD, then "jump". What fails in "load" leaves
 * all as it was, and the boot goes on with the kernel that runs. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "boot-files.h"
#include "bounds.h"
#include "fd-util.h"
#include "fileio.h"
#include "kernel-load.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "mappings.h"
#include "paths.h"
#include "proc-cmdline.h"
#include "string-util.h"
#include "time-util.h"

#define LATEST "latest"
/* Where the unit lets scaleway-stream put what comes from a URL. */
#define DOWNLOADS "scaleway/kexec/"

static const char *arg_initrd = NULL;
static const char *arg_append = NULL;
static const char *arg_state = NULL;
static const char *arg_kernel = NULL;

typedef struct BootFile {
        int fd;
        char *name; /* for people */
} BootFile;

#define BOOT_FILE_INIT ((BootFile){ .fd = -EBADF })

static void boot_file_done(BootFile *f) {
        safe_close(f->fd);
        free(f->name);
}

static const char usage[] = "scaleway-kexec [OPTION...] load KERNEL\n"
                            "scaleway-kexec unload\n"
                            "scaleway-kexec release\n"
                            "scaleway-kexec jump\n\n"
                            "Load a kernel to boot in place of the root's init; take it back; remove logical volumes\n"
                            "and what was unlocked, so that the disks are free; start the kernel at once.\n"
                            "KERNEL is a path on the root file system, \"" LATEST "\" for the newest one in its /boot,\n"
                            "or the URL of what was downloaded before.";

static bool is_url(const char *s) {
        return startswith(s, "http://") || startswith(s, "https://");
}

static int open_downloaded(const char *file, BootFile *ret) {
        _cleanup_free_ char *below = NULL, *path = NULL;
        int r;

        r = asprintf_to(&below, DOWNLOADS "%s", file);
        if (r >= 0)
                r = run_path(below, &path);
        if (r < 0)
                return r;
        ret->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (ret->fd < 0)
                return -errno;

        return strdup_to(&ret->name, path);
}

/* The name that a symlink leads to, which has the version. */
static int real_name(int fd, char **ret) {
        char self[sizeof("/proc/self/fd/") + 3 * sizeof(int)], path[PATH_MAX];
        const char *slash;
        ssize_t n;

        (void) snprintf(self, sizeof(self), "/proc/self/fd/%i", fd);
        n = readlink(self, path, sizeof(path) - 1);
        if (n < 0)
                return -errno;
        path[n] = '\0';
        slash = strrchr(path, '/');

        return strdup_to(ret, slash ? slash + 1 : path);
}

/* On the root; kernel: the name of the kernel if it is the initrd that is looked for. */
static int open_on_root(int root_fd, const char *value, const char *kernel, BootFile *ret) {
        if (streq(value, LATEST))
                ret->fd = kernel ? initrd_open_for(root_fd, kernel, &ret->name) : kernel_open_latest(root_fd, &ret->name);
        else
                ret->fd = boot_file_open(root_fd, value);
        if (ret->fd < 0)
                return ret->fd;

        return ret->name ? 0 : strdup_to(&ret->name, value);
}

/* what: "kernel", "initrd", which are also the names of the downloads. */
static int open_file(int root_fd, const char *what, const char *value, const char *kernel, BootFile *ret) {
        bool url = is_url(value);
        _cleanup_free_ char *shown = printable(url ? "that was downloaded" : value, 256);
        int r;

        r = url ? open_downloaded(what, ret) : open_on_root(root_fd, value, kernel, ret);
        if (r == -ENOMEM || !shown)
                return log_oom();
        if (r == -ENOENT && streq(value, LATEST))
                return log_error_errno(r, "The root file system has no %s in /boot%s%s, booting without kexec.", what,
                                       kernel ? " for " : "", kernel ?: "");
        if (r < 0 && url)
                return log_error_errno(r, "Failed to open the %s %s, booting without kexec: %m", what, shown);
        if (r < 0)
                return log_error_errno(r, "Failed to open the %s '%s' on the root file system, booting without kexec: %m",
                                       what, shown);
        return 0;
}

static bool state_is_taken(void) {
        _cleanup_free_ char *path = NULL, *taken = NULL;

        if (run_path(RUN_STATE, &path) < 0 || read_file(path, KEXEC_STATE_MAX, &taken, NULL) < 0)
                return false;

        taken[strcspn(taken, "\n")] = '\0';
        return streq(taken, arg_state);
}

/* The signal is another unit's, which ends with this kernel. True if it got through. */
static bool wait_for_state(void) {
        usec_t deadline = now_usec() + KEXEC_STATE_TIMEOUT_USEC;

        if (isempty(arg_state))
                return false;

        while (!state_is_taken()) {
                if (now_usec() >= deadline) {
                        log_warning("The control plane has not taken the state '%s', leaving it to the second kernel.",
                                    arg_state);
                        return false;
                }
                sleep_usec(KEXEC_STATE_POLL_USEC);
        }

        return true;
}

/* First what keeps the next initrd from doing the same again, where no quote that is left open and no other word can take it
 * away; then what this kernel was started with. */
static int build_cmdline(bool signalled, char **ret) {
        const char *seam = secure_getenv("SCALEWAY_PROC_CMDLINE");
        _cleanup_free_ char *text = NULL;
        int r;

        r = seam ? strdup_to(&text, seam) : read_file("/proc/cmdline", PROC_CMDLINE_MAX, &text, NULL);
        if (r < 0)
                return log_error_errno(r, "Failed to read the kernel command line: %m");
        text[strcspn(text, "\n")] = '\0';

        r = asprintf_to(ret, "is_in_kexec=yes%s %s%s%s", signalled ? " NO_SIGNAL_STATE=1" : "", text,
                        isempty(arg_append) ? "" : " ", arg_append ?: "");
        return r < 0 ? log_oom() : 0;
}

static int verb_load(void) {
        _cleanup_(boot_file_done) BootFile kernel = BOOT_FILE_INIT, initrd = BOOT_FILE_INIT;
        _cleanup_free_ char *cmdline = NULL, *name = NULL, *shown = NULL, *shown_initrd = NULL;
        _cleanup_close_ int root_fd = -EBADF;
        int r;

        root_fd = open(sysroot_path(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return log_error_errno(errno, "Failed to open '%s', where the root should be mounted: %m",
                                       sysroot_path());

        r = open_file(root_fd, "kernel", arg_kernel, NULL, &kernel);
        if (r < 0)
                return r;
        if (!isempty(arg_initrd)) {
                r = real_name(kernel.fd, &name);
                if (r < 0)
                        return log_error_errno(r, "Failed to find out the name of the kernel: %m");
                r = open_file(root_fd, "initrd", arg_initrd, name, &initrd);
                if (r < 0)
                        return r;
        }

        shown = printable(kernel.name, 256);
        shown_initrd = printable(initrd.name ?: "", 256);
        if (!shown || !shown_initrd)
                return log_oom();

        r = build_cmdline(wait_for_state(), &cmdline);
        if (r < 0)
                return r;
        r = kernel_load(kernel.fd, initrd.fd, cmdline, shown);
        if (r < 0)
                return r;

        if (initrd.fd >= 0)
                log_info("Loaded the kernel '%s' with the initrd '%s'.", shown, shown_initrd);
        else
                log_info("Loaded the kernel '%s', without an initrd.", shown);
        return 0;
}

static int verb_release(void) {
        int r;

        r = mappings_remove();
        if (r < 0)
                return log_warning_errno(r, "Failed to remove logical volumes and what was unlocked: %m");
        return 0;
}

static int verb_jump(void) {
        _cleanup_free_ char *reason = NULL;
        int r;

        (void) puts(">>> Starting the second kernel...");
        (void) fflush(stdout);
        (void) tcdrain(fileno(stdout));

        r = kernel_jump();
        if (r >= 0)
                return 0;
        r = log_error_errno(r, "Failed to start the loaded kernel, and the root is detached already: %m");
        /* Only here it is the boot that has failed. */
        if (run_path(RUN_FAILURE, &reason) >= 0)
                (void) setenv("SCALEWAY_FAILURE_FILE", reason, /* overwrite= */ 1);
        return r;
}

static int parse_verb(int argc, char *argv[], int (**ret)(void)) {
        static const struct {
                const char *name;
                int n_arguments;
                int (*run)(void);
        } verbs[] = {
                {"load",     1, verb_load    },
                { "unload",  0, kernel_unload},
                { "release", 0, verb_release },
                { "jump",    0, verb_jump    }
        };

        for (size_t i = 0; i < ELEMENTSOF(verbs) && argc > 0; i++)
                if (streq(argv[0], verbs[i].name)) {
                        if (argc - 1 != verbs[i].n_arguments)
                                return log_error_errno(EINVAL, "'%s' takes %s, see --help.", argv[0],
                                                       verbs[i].n_arguments > 0 ? "one argument" : "no argument");
                        arg_kernel = argument_value(argv[1]);
                        *ret = verbs[i].run;
                        return 1;
                }

        return log_error_errno(EINVAL, "Say one of load, unload, release, jump; see --help.");
}

static int parse_argv(int argc, char *argv[], int (**ret)(void)) {
        const ProgramOption options[] = {
                { "initrd", "INITRD", take_secret, &arg_initrd,
                  "Path, URL, or \"" LATEST "\" for the one that belongs to the kernel" },
                { "append", "TEXT", take_secret, &arg_append,
                  "More for the kernel command line" },
                { "state", "STATE", take_string, &arg_state,
                  "Wait until the control plane has taken this state" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;
        return parse_verb(argc - optind, argv + optind, ret);
}

static int run(int argc, char *argv[]) {
        int (*verb)(void) = NULL;
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv, &verb);
        return r <= 0 ? r : verb();
}

DEFINE_MAIN_FUNCTION(run)
