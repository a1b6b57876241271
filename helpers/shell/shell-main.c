/* SPDX-License-Identifier: MIT */
/* A shell on the console in the middle of the boot, for a person who goes on by leaving it, or with continue-boot from
 * elsewhere.
 *
 * Runs from scaleway-pre-shell.service, before anything is attached; from scaleway-post-shell.service, before the switch; from
 * scaleway-continue.service, beside the ssh server, where the shell has to be asked for; and from scaleway-none.service, in place of what
 * mounts the root in other modes: with --until-root it does not end before something is mounted on /sysroot. There is no limit to its
 * time, unless there is one with --timeout; who asked for it wants to have it. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "boot-step.h"
#include "bounds.h"
#include "console-shell.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "mount-point.h"
#include "paths.h"
#include "string-util.h"
#include "time-util.h"

static bool arg_ask = false;
static bool arg_only_shell = false;
static bool arg_until_root = false;
static const char *arg_step = "initrd";
static unsigned arg_timeout = 0; /* none */
static const char *arg_message = NULL;

static const char usage[] = "scaleway-shell [OPTION...] MESSAGE\n\n"
                            "Show the message, offer a shell on standard input, and end when it is left or when\n"
                            "continue-boot(1) is called.";

static int parse_timeout(const char *name, const char *value, void *target) {
        return isempty(value) ? 0 : take_seconds(name, value, target);
}

static int parse_argv(int argc, char *argv[]) {
        const ProgramOption options[] = {
                { "step", "NAME", take_string, &arg_step,
                  "What the boot waits at, for the prompt" },
                { "ask", NULL, take_flag, &arg_ask,
                  "A shell only for who presses Enter" },
                { "only-shell", NULL, take_flag, &arg_only_shell,
                  "Where no shell can be offered do not wait, either" },
                { "timeout", "SECONDS", parse_timeout, &arg_timeout,
                  "Unless a shell was begun before, wait no longer; empty: no limit" },
                { "until-root", NULL, take_flag, &arg_until_root,
                  "Not before something is mounted on /sysroot" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;
        if (argc - optind != 1)
                return log_error_errno(EINVAL, "Expected one message, see --help.");
        if (arg_until_root && (arg_timeout > 0 || arg_only_shell))
                return log_error_errno(EINVAL, "--until-root goes on with a root only.");

        arg_message = argv[optind];
        return 1;
}

static void say(const char *text) {
        (void) printf("%s\n", text);
        (void) fflush(stdout);
}

static bool may_go_on(void) {
        return !arg_until_root || path_is_mount_point(sysroot_path()) > 0;
}

/* Returns when the shell was left, continue-boot called, or the time is over. False if there can be no shell here any more. */
static bool run_shell(int call_fd, usec_t deadline) {
        static unsigned short_lives = 0;
        usec_t begin;
        int r;

        if (arg_ask || short_lives >= SHELL_SHORT_LIVES_MAX) {
                ConsoleAnswer answer;

                console_forget_input();
                say("Press Enter for a shell.");
                answer = console_wait_for_enter(deadline, call_fd);
                if (answer != CONSOLE_ENTER)
                        return answer != CONSOLE_GONE;
        }

        begin = now_usec();
        r = console_shell(call_fd);
        if (r < 0) {
                log_warning_errno(r, "Failed to start a shell, continue-boot(1) lets the boot go on: %m");
                return false;
        }

        short_lives = now_usec() - begin < SHELL_SHORT_LIFE_USEC ? short_lives + 1 : 0;
        return true;
}

/* One shell after the other until the boot may go on. */
static void offer(int call_fd, bool have_shell) {
        usec_t deadline = arg_timeout > 0 ? now_usec() + arg_timeout * USEC_PER_SEC : USEC_INFINITY;

        for (;;) {
                if (have_shell)
                        have_shell = run_shell(call_fd, deadline);
                if (!have_shell)
                        (void) boot_step_wait(call_fd, deadline);
                boot_step_forget_call(call_fd);
                if (may_go_on())
                        return;

                say(have_shell ? "Nothing is mounted on /sysroot yet: mount the root there, then leave this shell again. "
                                 "'reboot' and 'poweroff' work, too."
                               : "Nothing is mounted on /sysroot yet: mount the root there, then call continue-boot again.");
        }
}

static int run(int argc, char *argv[]) {
        bool have_shell, locked;
        int r, call_fd;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        boot_step_show(arg_step, arg_message);
        call_fd = boot_step_open(arg_until_root);
        if (call_fd < 0)
                return log_error_errno(call_fd, "Failed to prepare for continue-boot(1): %m");

        locked = console_shell_is_locked();
        have_shell = console_prepare() && !locked;
        say(arg_message);
        if (arg_timeout > 0)
                printf("It goes on by itself in %u s.\n", arg_timeout);
        if (!have_shell)
                say(locked ? "No shell is offered here, because of rd.shell=0." : "No shell is offered here: this is no terminal.");

        if (have_shell || !arg_only_shell)
                offer(call_fd, have_shell);

        call_fd = boot_step_close(call_fd);
        boot_step_hide();
        say("The boot goes on.");
        console_drain();
        return 0;
}

DEFINE_MAIN_FUNCTION(run)
