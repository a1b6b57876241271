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
#include "boot-step.h"
#include "bounds.h"
#include "console-shell.h"
#include "failure-reason.h"
#include "failure-signal.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "parse-util.h"
#include "string-util.h"
#include "time-util.h"

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

static const char usage[] = "scaleway-failure\n\n"
                            "Says why the boot failed, offers a shell, and reboots. Takes its settings from\n"
                            "the environment, see scaleway-failure(8).";

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

/* otherwise: 0 is no limit, as for who reads the result. */
static unsigned seconds_from_environment(const char *variable, unsigned max, unsigned otherwise) {
        const char *e = secure_getenv(variable);
        unsigned seconds;

        if (isempty(e))
                return otherwise;
        if (parse_unsigned(e, &seconds) >= 0 && seconds <= max)
                return seconds;

        if (otherwise > 0)
                log_warning("%s is no number of seconds up to %u, using %u instead.", variable, max, otherwise);
        else
                log_warning("%s is no number of seconds up to %u, setting no limit instead.", variable, max);
        return otherwise;
}

static bool sshd_is_wanted(void) {
        const char *e = secure_getenv("SCALEWAY_SSHD");
        bool wanted;

        return !isempty(e) && parse_boolean(e, &wanted) >= 0 && wanted;
}

static void show(const char *reason) {
        (void) printf("\n" RED RULE "\n\n>>> Boot failed: %s\n\n" RULE NORMAL "\n\n", reason);
        (void) fflush(stdout);
}

/* For who logs in from elsewhere. */
static void show_step(Action action, const char *reason) {
        _cleanup_free_ char *text = NULL;

        if (asprintf_to(&text,
                        "The boot has failed: %s\n"
                        "The log is shown by 'journalctl -b', what failed by 'systemctl --failed'.\n"
                        "When you call continue-boot, the server %s.",
                        reason, actions[action].words) >= 0)
                boot_step_show("failed", text);
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

/* A person may come from elsewhere, if the option says so. Its unit is told to regard nothing else: jobs that wait for a root are not
 * worth to be waited for. True if it runs. */
static bool start_sshd(void) {
        const char *command = secure_getenv("SCALEWAY_SSHD_COMMAND");
        const char *const for_test[] = { command, NULL };
        const char *const for_real[] = { "systemctl", "--quiet", "--job-mode=ignore-dependencies", "start", "scaleway-sshd.service", NULL };
        usec_t begin = now_usec();
        int r;

        if (!sshd_is_wanted())
                return false;

        r = spawn_and_watch(isempty(command) ? for_real : for_test, FAILURE_SSHD_WATCH_USEC);
        if (r < 0)
                log_warning_errno(r, "Failed to start the ssh server, going on without: %m");
        else if (r > 0)
                log_warning("The ssh server was not started, see 'systemctl status scaleway-sshd.service'; going on without.");
        return r == 0 && now_usec() < begin + FAILURE_SSHD_WATCH_USEC;
}

/* What ends the wait for a person, and whether they can come by ssh. */
typedef struct Wait {
        bool sshd;
        unsigned seconds; /* 0 with sshd: no limit */
        usec_t deadline;
        int call_fd; /* of continue-boot(1), or negative */
} Wait;

static Wait wait_begin(bool sshd) {
        unsigned seconds = sshd ? seconds_from_environment("SCALEWAY_SSHD_TIMEOUT", FAILURE_SSHD_TIMEOUT_MAX, 0) :
                                  seconds_from_environment("SCALEWAY_FAILURE_PAUSE", FAILURE_PAUSE_MAX, FAILURE_PAUSE_DEFAULT);

        /* Without it there is still the time, or the shell. */
        return (Wait) {
                .sshd = sshd,
                .seconds = seconds,
                .deadline = sshd && seconds == 0 ? USEC_INFINITY : now_usec() + seconds * USEC_PER_SEC,
                .call_fd = boot_step_open(/* needs_root= */ false),
        };
}

static void say_how_it_ends(const Wait *w, Action action, bool have_terminal, bool locked) {
        const char *words = actions[action].words, *lock = locked ? " No shell is offered, because of rd.shell=0." : "";
        bool shell = have_terminal && !locked;

        if (!w->sshd && shell)
                (void) printf("Press Enter within %u s for a shell, else the server %s.\n", w->seconds, words);
        else if (!w->sshd)
                (void) printf("The server %s in %u s.%s\n", words, w->seconds, lock);
        else {
                (void) printf("Root can log in by ssh. When continue-boot is called there, the server %s.\n", words);
                if (w->seconds > 0)
                        (void) printf("It does so by itself in %u s.%s\n", w->seconds, lock);
                else
                        (void) printf("It waits for that without a limit of time.%s\n", lock);
                if (shell)
                        (void) printf("Press Enter for a shell here.\n");
        }
        (void) fflush(stdout);
}

/* False if the server is not to wait any longer. */
static bool wait_for_enter(const Wait *w) {
        switch (console_wait_for_enter(w->deadline, w->call_fd)) {
        case CONSOLE_ENTER:
                return true;
        case CONSOLE_GONE:
                /* Nothing reboots faster for that. */
                (void) boot_step_wait(w->call_fd, w->deadline);
                return false;
        default:
                return false;
        }
}

static void offer_shell(const Wait *w, Action action, bool have_terminal, bool locked) {
        int r;

        if (!have_terminal || locked) {
                say_how_it_ends(w, action, have_terminal, locked);
                (void) boot_step_wait(w->call_fd, w->deadline);
                return;
        }

        if (action != ACTION_SHELL) {
                console_forget_input();
                say_how_it_ends(w, action, have_terminal, locked);
                if (!wait_for_enter(w))
                        return;
        }

        (void) printf("The log is shown by 'journalctl -b', what failed by 'systemctl --failed'.\n"
                      "When this shell is left ('exit'), the server %s.\n\n", actions[action].words);
        (void) fflush(stdout);
        r = console_shell(w->call_fd);
        if (r < 0) {
                log_error_errno(r, "Failed to start a shell: %m");
                (void) boot_step_wait(w->call_fd, w->deadline);
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
                return spawn_and_watch(for_test, FAILURE_REBOOT_WATCH_USEC);

        r = spawn_and_watch(for_real, FAILURE_REBOOT_WATCH_USEC);
        if (r == 0 && now_usec() < begin + FAILURE_REBOOT_WATCH_USEC)
                sleep_usec(begin + FAILURE_REBOOT_WATCH_USEC - now_usec());
        log_warning("systemd did not %s in time, doing it without it.", actions[action].verb);

        /* No sync() before: with the NBD server gone it would wait for ever, and this is the way out of just that. */
        (void) reboot(actions[action].how);
        return log_error_errno(errno, "Failed to %s: %m", actions[action].verb);
}

static int run(int argc, char *argv[]) {
        _cleanup_free_ char *known = NULL;
        const char *reason;
        bool have_terminal;
        Action action;
        pid_t signal_pid;
        Wait w;
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = program_options_none(argc, argv, usage);
        if (r <= 0)
                return r;

        have_terminal = console_prepare();
        action = action_from_environment();

        r = failure_reason(&known);
        reason = r < 0 ? "out of memory" : known;
        show(reason);
        signal_pid = failure_signal_start(reason);
        show_step(action, reason);
        w = wait_begin(start_sshd());
        offer_shell(&w, action, have_terminal, console_shell_is_locked());

        failure_signal_end(signal_pid);
        return leave(action);
}

DEFINE_MAIN_FUNCTION(run)
