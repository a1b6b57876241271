/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounds.h"
#include "fd-util.h"
#include "nfs-mount.h"
#include "poll-util.h"
#include "root-mount.h"
#include "string-util.h"

#define IDENTIFIER "/sys/fs/nfs/net/nfs_client/identifier"

/* Written by the process that mounts, read when it has ended. */
typedef struct Outcome {
        int error;
        int look;
        char message[NFS_MESSAGE_MAX];
} Outcome;

static _noreturn_ void mount_and_exit(const char *source, const char *target, const char *options, pid_t parent,
                                      Outcome *o) {
        _cleanup_free_ char *message = NULL;

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
                _exit(EXIT_FAILURE);

        /* One that was killed may have got as far as this. */
        o->error = root_has_mount(target);
        if (o->error == 0)
                o->error = root_mount(source, target, "nfs", options, &message);
        if (o->error >= 0)
                o->look = root_look(target);
        if (message)
                (void) snprintf(o->message, sizeof(o->message), "%s", message);
        _exit(EXIT_SUCCESS);
}

static int wait_for_mount(pid_t pid, usec_t timeout) {
        _cleanup_close_ int pidfd = pidfd_open(pid, 0);
        bool in_time = true;
        int status;

        if (pidfd < 0) {
                int error = -errno;

                (void) kill(pid, SIGKILL);
                return error;
        }
        if (!poll_readable(pidfd, now_usec() + timeout)) {
                in_time = false;
                (void) kill(pid, SIGKILL);
                if (!poll_readable(pidfd, now_usec() + NFS_KILLED_USEC))
                        return -ETIMEDOUT;
        }
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;

        /* It may have been done in the last moment. */
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
                return 0;
        return in_time ? -EPROTO : -ETIMEDOUT;
}

int nfs_mount(const char *source, const char *target, const char *options, usec_t timeout, int *ret_look,
              char **ret_message) {
        pid_t parent = getpid(), pid;
        Outcome *o;
        int r;

        assert(source);
        assert(target);
        assert(ret_look);
        assert(ret_message);

        o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (o == MAP_FAILED)
                return -ENOMEM;

        pid = fork();
        if (pid == 0)
                mount_and_exit(source, target, options, parent, o);
        r = pid < 0 ? -errno : wait_for_mount(pid, timeout);
        if (r >= 0)
                r = MIN(o->error, 0);
        *ret_look = o->look;
        if (r < 0 && o->message[0]) {
                *ret_message = printable(o->message, NFS_MESSAGE_MAX);
                if (!*ret_message)
                        r = -ENOMEM;
        }

        (void) munmap(o, sizeof(*o));
        return r;
}

int nfs_set_identifier(const char *identifier) {
        _cleanup_fclose_ FILE *f = NULL;

        assert(identifier);

        f = fopen(IDENTIFIER, "we");
        if (!f)
                return -errno;
        if (fprintf(f, "%s\n", identifier) < 0 || fflush(f) != 0)
                return -errno;

        return 0;
}
