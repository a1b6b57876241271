/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounds.h"
#include "fd-util.h"
#include "fileio.h"
#include "nbd-record.h"
#include "notify.h"
#include "string-util.h"
#include "supervisor-start.h"
#include "time-util.h"

static void spare_from_oom(void) {
        _cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        if (fd >= 0)
                (void) !write_all(fd, "-1000\n", strlen("-1000\n"));
}

/* A service may have file systems of its own, and they hold the root as well. */
static void enter_first_mounts(void) {
        _cleanup_close_ int fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);

        if (fd >= 0)
                (void) !setns(fd, CLONE_NEWNS);
}

/* Into the group that nobody ends: else it would go with the service or the session of the caller, and be missing when the link is lost. Of
 * the hierarchies each has those that its kernel and its init know. */
static void leave_control_group(void) {
        static const char *const groups[] = { "", "/unified", "/systemd", "/openrc" };
        const char *sys = secure_getenv("SCALEWAY_SYS");

        for (size_t i = 0; i < ELEMENTSOF(groups); i++) {
                _cleanup_close_ int fd = -EBADF;
                _cleanup_free_ char *path = NULL;

                if (asprintf_to(&path, "%s/fs/cgroup%s/cgroup.procs", isempty(sys) ? "/sys" : sys, groups[i]) < 0)
                        return;
                fd = open(path, O_WRONLY | O_CLOEXEC);
                if (fd >= 0)
                        (void) !write_all(fd, "0", 1);
        }
}

/* What the caller has open is not to stay so for as long as the volume is attached: a lock, a file on the root, a pipe that somebody reads. */
static void close_from(int first) {
        if (syscall(SYS_close_range, (unsigned) first, ~0U, 0U) < 0)
                for (int i = first; i < SUPERVISOR_FDS_MAX; i++)
                        (void) close(i);
}

/* As the service manager hands over what it has kept. */
static int give_link(int link_fd) {
        char pid[16];

        if (link_fd < 0) {
                close_from(NOTIFY_KEPT_FIRST);
                return 0;
        }
        if (dup2(link_fd, NOTIFY_KEPT_FIRST) < 0)
                return -errno;
        close_from(NOTIFY_KEPT_FIRST + 1);

        (void) snprintf(pid, sizeof(pid), "%i", (int) getpid());
        return setenv("LISTEN_PID", pid, 1) < 0 || setenv("LISTEN_FDS", "1", 1) < 0 ? -errno : 0;
}

static void run_child(unsigned index, int link_fd) {
        char name[] = NBD_SUPERVISOR_NAME, verb[] = "supervise", device[sizeof("/dev/nbd") + 10];
        char *argv[] = { name, verb, device, NULL };
        int fd;

        (void) snprintf(device, sizeof(device), "/dev/nbd%u", index);
        /* Out of the way; dup2() to itself would leave it to be closed. */
        if (link_fd >= 0) {
                link_fd = fcntl(link_fd, F_DUPFD_CLOEXEC, NOTIFY_KEPT_FIRST + 1);
                if (link_fd < 0)
                        return;
        }
        /* What concerns the caller. */
        (void) unsetenv("NOTIFY_SOCKET");
        (void) unsetenv("JOURNAL_STREAM");
        if (setsid() < 0)
                return;
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return;
        for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
                if (dup2(fd, i) < 0)
                        return;
        spare_from_oom();
        enter_first_mounts();
        leave_control_group();
        if (give_link(link_fd) >= 0)
                (void) execv("/proc/self/exe", argv);
}

static bool looks_after(pid_t pid, unsigned index) {
        _cleanup_(nbd_record_done) NbdRecord record = {};

        return nbd_record_read(index, &record) >= 0 && record.pid == (uint64_t) pid;
}

int supervisor_start(unsigned index, int link_fd, pid_t *ret) {
        usec_t deadline = now_usec() + SUPERVISOR_START_USEC;
        pid_t pid;

        assert(ret);

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                run_child(index, link_fd);
                _exit(EXIT_FAILURE);
        }

        *ret = pid;
        while (!looks_after(pid, index)) {
                if (waitpid(pid, NULL, WNOHANG) != 0)
                        return -ECHILD;
                if (now_usec() >= deadline)
                        return -ETIMEDOUT;
                sleep_usec(EXIT_POLL_USEC);
        }

        return 0;
}
