/* SPDX-License-Identifier: MIT */
/* A shell on the console in the middle of the boot, for a person who goes on by leaving it, or with continue-boot from
 * elsewhere.
 *
 * Runs from scaleway-none.service, in place of what mounts the root in other modes: with --until-root it does not end before
 * something is mounted on /sysroot. There is no limit to its time; who asked for it wants to have it. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc-util.h"
#include "console-shell.h"
#include "fd-util.h"
#include "log.h"
#include "main-func.h"
#include "mount-point.h"
#include "paths.h"
#include "string-util.h"
#include "time-util.h"

/* A shell that does not live that long may have no input, and another one would have none either: somebody has to ask for it. */
#define SHORT_LIFE_USEC (2 * USEC_PER_SEC)
#define SHORT_LIVES_MAX 3U

static bool arg_until_root = false;
static const char *arg_message = NULL;

static void help(void) {
        printf("%s [OPTION...] MESSAGE\n"
               "\n"
               "Show the message, offer a shell on standard input, and end when it is left or when\n"
               "continue-boot(1) is called.\n"
               "\n"
               "     --until-root          Not before something is mounted on /sysroot\n"
               "  -h --help                Show this help\n"
               "     --version             Show the version\n",
               program_invocation_short_name);
}

static int parse_argv(int argc, char *argv[]) {
        enum { ARG_VERSION = 0x100, ARG_UNTIL_ROOT };
        static const struct option options[] = {
                { "help",       no_argument, NULL, 'h'            },
                { "version",    no_argument, NULL, ARG_VERSION    },
                { "until-root", no_argument, NULL, ARG_UNTIL_ROOT },
                {}
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 'h':
                        help();
                        return 0;
                case ARG_VERSION:
                        puts(PROJECT_VERSION " (" BUILD_COMMIT ")");
                        return 0;
                case ARG_UNTIL_ROOT:
                        arg_until_root = true;
                        break;
                default:
                        /* getopt_long() has said what is wrong. */
                        return -EINVAL;
                }

        if (argc - optind != 1)
                return log_error_errno(EINVAL, "Expected one message, see --help.");

        arg_message = argv[optind];
        return 1;
}

static void say(const char *text) {
        (void) printf("%s\n", text);
        (void) fflush(stdout);
}

/* Read and write: a FIFO without a writer would be readable for ever. */
static int fifo_open(const char *path) {
        int fd;

        if ((unlink(path) < 0 && errno != ENOENT) || mkfifo(path, 0600) < 0)
                return log_error_errno(errno, "Failed to create '%s': %m", path);
        fd = open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return log_error_errno(errno, "Failed to open '%s': %m", path);

        return fd;
}

/* Forgets a call. */
static void forget_call(int fifo_fd) {
        char buffer[64];

        (void) !read(fifo_fd, buffer, sizeof(buffer));
}

static bool may_go_on(void) {
        return !arg_until_root || path_is_mount_point(sysroot_path()) > 0;
}

static void wait_for_call(int fifo_fd) {
        struct pollfd p = { .fd = fifo_fd, .events = POLLIN };

        while (poll(&p, 1, -1) <= 0)
                ;
}

/* Returns when the shell was left, or continue-boot called. False if there can be no shell here any more. */
static bool run_shell(int fifo_fd) {
        static unsigned short_lives = 0;
        usec_t begin;
        int r;

        if (short_lives >= SHORT_LIVES_MAX) {
                ConsoleAnswer answer;

                console_forget_input();
                say("Press Enter for a shell.");
                answer = console_wait_for_enter(USEC_INFINITY, fifo_fd);
                if (answer != CONSOLE_ENTER)
                        return answer == CONSOLE_EVENT;
        }

        begin = now_usec();
        r = console_shell(fifo_fd);
        if (r < 0) {
                log_warning_errno(r, "Failed to start a shell, continue-boot(1) lets the boot go on: %m");
                return false;
        }

        short_lives = now_usec() - begin < SHORT_LIFE_USEC ? short_lives + 1 : 0;
        return true;
}

/* One shell after the other until the boot may go on. */
static void offer(int fifo_fd, bool have_shell) {
        for (;;) {
                if (have_shell)
                        have_shell = run_shell(fifo_fd);
                if (!have_shell)
                        wait_for_call(fifo_fd);
                forget_call(fifo_fd);
                if (may_go_on())
                        return;

                say(have_shell ? "Nothing is mounted on /sysroot yet: mount the root there, then leave this shell again. "
                                 "'reboot' and 'poweroff' work, too."
                               : "Nothing is mounted on /sysroot yet: mount the root there, then call continue-boot again.");
        }
}

static int run(int argc, char *argv[]) {
        _cleanup_free_ char *fifo = NULL;
        _cleanup_close_ int fifo_fd = -EBADF;
        bool have_shell, locked;
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        r = run_path(RUN_CONTINUE, &fifo);
        if (r < 0)
                return log_oom();
        fifo_fd = fifo_open(fifo);
        if (fifo_fd < 0)
                return fifo_fd;

        locked = console_shell_is_locked();
        have_shell = console_prepare() && !locked;
        say(arg_message);
        if (!have_shell)
                say(locked ? "No shell is offered here, because of rd.shell=0." : "No shell is offered here: this is no terminal.");

        offer(fifo_fd, have_shell);

        (void) unlink(fifo);
        say("The boot goes on.");
        return 0;
}

DEFINE_MAIN_FUNCTION(run)
