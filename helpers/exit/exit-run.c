/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounds.h"
#include "exit-clock.h"
#include "exit-run.h"
#include "fd-util.h"
#include "poll-util.h"

void (*run_idle)(void) = NULL;

/* Returns 1 and what f returned if the child has ended, 0 if not. */
static int collect(pid_t pid, int *ret) {
        int status;
        pid_t k;

        k = waitpid(pid, &status, WNOHANG);
        if (k == 0 || (k < 0 && errno == EINTR))
                return 0;
        *ret = k < 0 ? -errno : WIFSIGNALED(status) ? -ECANCELED : -WEXITSTATUS(status);
        return 1;
}

static int wait_for_child(pid_t pid, usec_t deadline) {
        _cleanup_close_ int fd = (int) syscall(SYS_pidfd_open, pid, 0U);
        usec_t idle = now_usec() + USEC_PER_SEC;
        int r;

        while (!collect(pid, &r)) {
                usec_t now = exit_now();

                if (now >= deadline)
                        return -ETIMEDOUT;
                if (now_usec() >= idle) {
                        if (run_idle)
                                run_idle();
                        idle = now_usec() + USEC_PER_SEC;
                }

                if (fd >= 0)
                        (void) poll_readable(fd, MIN(now_usec() + (deadline - now), idle));
                else
                        sleep_usec(EXIT_POLL_USEC);
        }

        return r;
}

int run_limited(int (*f)(void *data), void *data, usec_t deadline) {
        pid_t pid;
        int r;

        assert(f);

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                r = f(data);
                _exit(r < 0 ? MIN(-r, 255) : 0);
        }

        r = wait_for_child(pid, deadline);
        if (r == -ETIMEDOUT)
                (void) kill(pid, SIGKILL);
        return r;
}
