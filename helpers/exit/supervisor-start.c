/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounds.h"
#include "fd-util.h"
#include "fileio.h"
#include "nbd-record.h"
#include "notify.h"
#include "supervisor-start.h"
#include "time-util.h"

static void spare_from_oom(void) {
        _cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        if (fd >= 0)
                (void) !write_all(fd, "-1000\n", strlen("-1000\n"));
}

/* As the service manager hands over what it has kept. */
static int give_link(int link_fd) {
        char pid[16];

        if (link_fd < 0)
                return 0;
        /* dup2() to itself would leave it to be closed. */
        if (link_fd == NOTIFY_KEPT_FIRST ? fcntl(link_fd, F_SETFD, 0) < 0 : dup2(link_fd, NOTIFY_KEPT_FIRST) < 0)
                return -errno;

        (void) snprintf(pid, sizeof(pid), "%i", (int) getpid());
        return setenv("LISTEN_PID", pid, 1) < 0 || setenv("LISTEN_FDS", "1", 1) < 0 ? -errno : 0;
}

static void run_child(unsigned index, int link_fd) {
        char name[] = NBD_SUPERVISOR_NAME, verb[] = "supervise", device[sizeof("/dev/nbd") + 10];
        char *argv[] = { name, verb, device, NULL };
        int fd;

        (void) snprintf(device, sizeof(device), "/dev/nbd%u", index);
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

        while (!looks_after(pid, index)) {
                if (waitpid(pid, NULL, WNOHANG) != 0)
                        return -ECHILD;
                if (now_usec() >= deadline)
                        return -ETIMEDOUT;
                sleep_usec(EXIT_POLL_USEC);
        }

        *ret = pid;
        return 0;
}
