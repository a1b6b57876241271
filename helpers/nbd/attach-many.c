/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach-many.h"
#include "log.h"
#include "main-func.h"
#include "nbd-status.h"

_Static_assert(ATTACH_MANY_MAX == NBD_INDEX_MAX + 1, "as many volumes as there are devices");

/* Not a thread and not a poll() over all of them: libnbd reads for as long as a server sends, getaddrinfo() waits for a
 * name server, and a device that udev has open is waited for. Each may hold up its own volume, none another one. */
static int start(const AttachOptions *o, pid_t *ret) {
        pid_t parent = getpid(), pid;
        int r;

        pid = fork();
        if (pid < 0)
                return log_error_errno(errno, "Cannot attach nbd%u: there is no process for it: %m", o->index);
        if (pid > 0) {
                *ret = pid;
                return 0;
        }

        /* Whoever ends us means all of it. */
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
                _exit(ECANCELED);
        r = attach_volume(o);
        if (r < 0)
                record_failure();
        _exit(-r);
}

static int wait_for(pid_t pid, unsigned index) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return log_error_errno(errno, "nbd%u: no news of the process that attaches it: %m", index);

        if (WIFSIGNALED(status))
                return log_error_errno(ECANCELED, "Cannot attach nbd%u: its process was ended by signal %i", index,
                                       WTERMSIG(status));
        return -WEXITSTATUS(status);
}

/* Each volume has said by itself why; this is for whoever only reads the last line. */
static int report(const AttachOptions *o, const int *errors, size_t n) {
        char names[ATTACH_MANY_MAX * sizeof(" nbd15")] = "";
        size_t n_failed = 0, used = 0;
        int error = 0;

        for (size_t i = 0; i < n; i++)
                if (errors[i] < 0) {
                        used += (size_t) snprintf(names + used, sizeof(names) - used, " nbd%u", o[i].index);
                        error = error < 0 ? error : errors[i];
                        n_failed++;
                }

        return n_failed == 0 ? 0 : log_error_errno(error, "%zu of %zu volumes not attached:%s", n_failed, n, names);
}

int attach_volumes(const AttachOptions *o, size_t n) {
        pid_t pids[ATTACH_MANY_MAX];
        int errors[ATTACH_MANY_MAX];

        assert(o);
        assert(n > 0 && n <= ATTACH_MANY_MAX);

        if (n == 1)
                return attach_volume(o);

        for (size_t i = 0; i < n; i++)
                errors[i] = start(&o[i], &pids[i]);
        for (size_t i = 0; i < n; i++)
                if (errors[i] >= 0)
                        errors[i] = wait_for(pids[i], o[i].index);

        return report(o, errors, n);
}
