/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bounds.h"
#include "exit-processes.h"
#include "fd-util.h"
#include "fileio.h"
#include "nbd-record.h"
#include "parse-util.h"
#include "string-util.h"

#define PF_KTHREAD 0x00200000U /* of the kernel's sched.h, and part of what it tells in stat */

typedef struct Process {
        pid_t parent;
        char state;
        bool kernel;
} Process;

/* PID (NAME) STATE PARENT GROUP SESSION TTY TPGID FLAGS …, where the name may have anything in it. */
static int read_process(pid_t pid, Process *ret) {
        _cleanup_free_ char *text = NULL;
        char path[64], state;
        const char *p;
        unsigned flags;
        int r, parent;

        (void) snprintf(path, sizeof(path), "/proc/%i/stat", (int) pid);
        r = read_file(path, PROC_STAT_MAX, &text, NULL);
        if (r < 0)
                return r;
        p = strrchr(text, ')');
        if (!p || sscanf(p + 1, " %c %i %*i %*i %*i %*i %u", &state, &parent, &flags) != 3)
                return -EBADMSG;

        *ret = (Process){ .parent = (pid_t) parent, .state = state, .kernel = flags & PF_KTHREAD };
        return 0;
}

/* Its name begins so. Nobody but root may stay alive by that. */
static bool is_named(pid_t pid, const char *prefix) {
        _cleanup_free_ char *text = NULL;
        char path[64];
        struct stat st;

        (void) snprintf(path, sizeof(path), "/proc/%i", (int) pid);
        if (stat(path, &st) < 0 || st.st_uid != 0)
                return false;
        (void) snprintf(path, sizeof(path), "/proc/%i/cmdline", (int) pid);
        return read_file(path, PROC_PID_CMDLINE_MAX, &text, NULL) >= 0 && startswith(text, prefix);
}

static size_t find_ancestors(pid_t self, pid_t ret[static EXIT_ANCESTORS_MAX]) {
        Process p = { .parent = self };
        size_t n = 0;

        while (n < EXIT_ANCESTORS_MAX && read_process(p.parent, &p) >= 0 && p.parent > 1)
                ret[n++] = p.parent;

        return n;
}

static bool is_one_of(pid_t pid, const pid_t *pids, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (pids[i] == pid)
                        return true;

        return false;
}

/* Returns 1 if it is one to end, which is told so, else 0. */
static int end_process(pid_t pid, pid_t self, const pid_t *ancestors, size_t n) {
        Process p;

        if (pid == 1 || pid == self || is_one_of(pid, ancestors, n) || read_process(pid, &p) < 0)
                return 0;
        /* As the first process one inherits everybody's orphans, which are no children of this program; those are told
         * apart by '@'. */
        if (p.kernel || p.state == 'Z' || p.state == 'X' || is_named(pid, "@"))
                return 0;
        if (self != 1 && p.parent == self)
                return 0;

        return kill(pid, SIGKILL) >= 0;
}

static int end_round(pid_t self, const pid_t *ancestors, size_t n_ancestors) {
        _cleanup_(closedirp) DIR *d = opendir("/proc");
        int n = 0;

        if (!d)
                return -errno;
        for (struct dirent *e; (e = readdir(d));) {
                unsigned pid;

                if (parse_unsigned(e->d_name, &pid) >= 0 && (pid_t) pid != getpid())
                        n += end_process((pid_t) pid, self, ancestors, n_ancestors);
        }

        return n;
}

int processes_end(pid_t self, usec_t deadline) {
        pid_t ancestors[EXIT_ANCESTORS_MAX];
        size_t n = find_ancestors(self, ancestors);
        int r;

        /* Again and again, as some of them start others. */
        while ((r = end_round(self, ancestors, n)) > 0) {
                if (now_usec() >= deadline)
                        return -ETIMEDOUT;
                sleep_usec(EXIT_POLL_USEC);
        }

        return r;
}

static void signal_ancestors(int signal) {
        pid_t ancestors[EXIT_ANCESTORS_MAX];
        size_t n = find_ancestors(getpid(), ancestors);

        for (size_t i = 0; i < n; i++)
                (void) kill(ancestors[i], signal);
}

void processes_stop_ancestors(void) {
        signal_ancestors(SIGSTOP);
}

void processes_continue_ancestors(void) {
        signal_ancestors(SIGCONT);
}

void processes_end_supervisor(pid_t pid) {
        if (pid > 1 && nbd_process_is_supervisor((uint64_t) pid))
                (void) kill(pid, SIGKILL);
}
