/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc-util.h"
#include "bounds.h"
#include "failure-signal.h"
#include "log.h"
#include "parse-util.h"
#include "string-util.h"
#include "time-util.h"

extern char **environ;

static bool is_wanted(void) {
        const char *e = secure_getenv("SCALEWAY_FAILURE_STATE");
        bool wanted;

        return !isempty(e) && parse_boolean(e, &wanted) >= 0 && wanted;
}

/* The console belongs to the message and the shell. */
static int spawn_quietly(const char *const arguments[], pid_t *ret) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r != 0) {
                (void) posix_spawn_file_actions_destroy(&actions);
                return -r;
        }

        /* A group of its own: the terminal's keys are not for it. */
        (void) sigemptyset(&none);
        r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
        if (r == 0)
                r = posix_spawnattr_setsigmask(&attributes, &none);
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && r == 0; fd++)
                r = posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
        if (r == 0)
                r = posix_spawnp(ret, arguments[0], &actions, &attributes, (char **) arguments, environ);

        (void) posix_spawnattr_destroy(&attributes);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

pid_t failure_signal_start(const char *reason) {
        const char *command = secure_getenv("SCALEWAY_SIGNAL_COMMAND");
        _cleanup_free_ char *shown = NULL, *state = NULL;
        pid_t pid;
        int r;

        if (!is_wanted())
                return 0;

        shown = printable(reason, FAILURE_STATE_REASON_MAX);
        r = shown ? asprintf_to(&state, "failed: %s", shown) : -ENOMEM;
        if (r >= 0)
                r = spawn_quietly((const char *const[]) { command ?: "scw-signal-state", state, NULL }, &pid);
        if (r < 0) {
                log_warning_errno(r, "Failed to signal the failure to the control plane: %m");
                return 0;
        }

        return pid;
}

void failure_signal_end(pid_t pid) {
        usec_t deadline = now_usec() + FAILURE_LAST_MOMENT_USEC;

        if (pid <= 0)
                return;

        while (waitpid(pid, NULL, WNOHANG) == 0) {
                if (now_usec() >= deadline) {
                        (void) kill(pid, SIGKILL);
                        (void) waitpid(pid, NULL, 0);
                        return;
                }
                sleep_usec(FAILURE_POLL_USEC);
        }
}
