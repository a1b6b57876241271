/* SPDX-License-Identifier: MIT */
/* Runs from emergency.service, on the console, after any unit that the boot needs has failed. It expects the reason
 * in /run/scaleway/failure, where the program that failed put it, but does without. It leaves by rebooting or
 * powering off: nobody sits before the console of most servers, and a reboot is what heals a storage or a network
 * that was away for a while. */

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc-util.h"
#include "console-shell.h"
#include "failure-reason.h"
#include "failure-signal.h"
#include "log.h"
#include "main-func.h"
#include "parse-util.h"
#include "string-util.h"
#include "time-util.h"

#define PAUSE_DEFAULT 10U
#define PAUSE_MAX 3600U
#define REBOOT_WATCH_USEC (30 * USEC_PER_SEC)

#define RED "\033[1;31m"
#define NORMAL "\033[0m"
#define RULE "########################################################################"

typedef enum Action {
        ACTION_REBOOT,
        ACTION_POWEROFF,
        ACTION_SHELL,
        _ACTION_MAX,
        _ACTION_INVALID = -EINVAL,
} Action;

static const struct {
        const char *name;
        const char *verb;  /* of systemctl */
        const char *words; /* what the server does, on the console */
        int how;           /* reboot(2) */
} actions[_ACTION_MAX] = {
        [ACTION_REBOOT] = { "reboot",   "reboot",   "reboots",    RB_AUTOBOOT  },
        [ACTION_POWEROFF] = { "poweroff", "poweroff", "powers off", RB_POWER_OFF },
        [ACTION_SHELL] = { "shell",    "reboot",   "reboots",    RB_AUTOBOOT  },
};

extern char **environ;

static const char help_text[] =
                "\n\n"
                "Says why the boot failed, offers a shell, and reboots. Takes its settings from\n"
                "the environment, see scaleway-failure(8).\n\n";

static Action action_from_environment(void) {
        const char *e = secure_getenv("SCALEWAY_FAILURE");
        _cleanup_free_ char *shown = NULL;

        if (isempty(e))
                return ACTION_REBOOT;
        for (Action a = 0; a < _ACTION_MAX; a++)
                if (streq(e, actions[a].name))
                        return a;

        shown = printable(e, 64);
        log_warning("SCALEWAY_FAILURE='%s' is none of reboot, poweroff, shell; using 'reboot' instead.", shown ?: "?");
        return ACTION_REBOOT;
}

static unsigned pause_from_environment(void) {
        const char *e = secure_getenv("SCALEWAY_FAILURE_PAUSE");
        unsigned pause;

        if (isempty(e))
                return PAUSE_DEFAULT;
        if (parse_unsigned(e, &pause) < 0 || pause > PAUSE_MAX) {
                log_warning("SCALEWAY_FAILURE_PAUSE is no number of seconds up to %u, using %u instead.", PAUSE_MAX,
                            PAUSE_DEFAULT);
                return PAUSE_DEFAULT;
        }

        return pause;
}

static void show(const char *reason) {
        (void) printf("\n" RED RULE "\n\n>>> Boot failed: %s\n\n" RULE NORMAL "\n\n", reason);
        (void) fflush(stdout);
}

static bool wait_for_enter(unsigned pause) {
        usec_t deadline = now_usec() + pause * USEC_PER_SEC, now;

        if (console_wait_for_enter(deadline, -EBADF) == CONSOLE_ENTER)
                return true;

        /* If the terminal has gone: nothing reboots faster for that. */
        now = now_usec();
        if (now < deadline)
                sleep_usec(deadline - now);
        return false;
}

static void offer_shell(Action action, unsigned pause, bool have_terminal, bool locked) {
        int r;

        if (!have_terminal || locked) {
                (void) printf("The server %s in %u s.%s\n", actions[action].words, pause,
                              locked ? " No shell is offered, because of rd.shell=0." : "");
                (void) fflush(stdout);
                sleep_usec(pause * USEC_PER_SEC);
                return;
        }

        if (action != ACTION_SHELL) {
                console_forget_input();
                (void) printf("Press Enter within %u s for a shell, else the server %s.\n", pause,
                              actions[action].words);
                (void) fflush(stdout);
                if (!wait_for_enter(pause))
                        return;
        }

        (void) printf("The log is shown by 'journalctl -b', what failed by 'systemctl --failed'.\n"
                      "When this shell is left ('exit'), the server %s.\n\n", actions[action].words);
        (void) fflush(stdout);
        r = console_shell(-EBADF);
        if (r < 0) {
                log_error_errno(r, "Failed to start a shell: %m");
                sleep_usec(pause * USEC_PER_SEC);
        }
}

static int spawn(const char *const arguments[], const sigset_t *mask, pid_t *ret) {
        posix_spawnattr_t attributes;
        int r;

        r = posix_spawnattr_init(&attributes);
        if (r != 0)
                return -r;

        r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        if (r == 0)
                r = posix_spawnattr_setsigmask(&attributes, mask);
        if (r == 0)
                r = posix_spawnp(ret, arguments[0], NULL, &attributes, (char **) arguments, environ);

        (void) posix_spawnattr_destroy(&attributes);
        return -r;
}

/* Runs the command, at most for the time of the watch. Returns its exit status or a negative
 * errno; a command that is still running then is left alone, and 0 returned. */
static int spawn_and_watch(const char *const arguments[], usec_t watch) {
        usec_t deadline = now_usec() + watch;
        sigset_t chld, old;
        pid_t pid;
        int r;

        /* Blocked, so that its end is not missed between looking and waiting. The command itself starts with the
         * old mask. */
        (void) sigemptyset(&chld);
        (void) sigaddset(&chld, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &chld, &old);

        r = spawn(arguments, &old, &pid);
        if (r < 0)
                return r;

        for (;;) {
                usec_t now = now_usec(), left = now < deadline ? deadline - now : 0;
                siginfo_t info = {};
                struct timespec ts = {
                        .tv_sec = (time_t) (left / USEC_PER_SEC),
                        .tv_nsec = (long) (left % USEC_PER_SEC) * 1000,
                };

                if (waitid(P_PID, (id_t) pid, &info, WEXITED | WNOHANG) >= 0 && info.si_pid == pid)
                        return info.si_code == CLD_EXITED ? info.si_status : -ECHILD;
                if (left == 0)
                        return 0;
                (void) sigtimedwait(&chld, NULL, &ts);
        }
}

/* systemd does it in order, and this program is among the first that it ends. If it does not, the kernel does it. */
static int leave(Action action) {
        const char *command = secure_getenv("SCALEWAY_REBOOT_COMMAND");
        const char *const for_test[] = { command, actions[action].verb, NULL };
        const char *const for_real[] = { "systemctl", "--force", actions[action].verb, NULL };
        usec_t begin = now_usec();
        int r;

        if (!isempty(command))
                return spawn_and_watch(for_test, REBOOT_WATCH_USEC);

        r = spawn_and_watch(for_real, REBOOT_WATCH_USEC);
        if (r == 0 && now_usec() < begin + REBOOT_WATCH_USEC)
                sleep_usec(begin + REBOOT_WATCH_USEC - now_usec());
        log_warning("systemd did not %s in time, doing it without it.", actions[action].verb);

        /* No sync() before: with the NBD server gone it would wait for ever, and this is the way out of just that. */
        (void) reboot(actions[action].how);
        return log_error_errno(errno, "Failed to %s: %m", actions[action].verb);
}

static int run(int argc, char *argv[]) {
        _cleanup_free_ char *reason = NULL;
        bool have_terminal;
        Action action;
        unsigned pause;
        pid_t signal_pid;
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_no_arguments(argc, argv, help_text);
        if (r <= 0)
                return r;

        have_terminal = console_prepare();
        action = action_from_environment();
        pause = pause_from_environment();

        r = failure_reason(&reason);
        show(r < 0 ? "out of memory" : reason);
        signal_pid = failure_signal_start(r < 0 ? "out of memory" : reason);
        offer_shell(action, pause, have_terminal, console_shell_is_locked());

        failure_signal_end(signal_pid);
        return leave(action);
}

DEFINE_MAIN_FUNCTION(run)
