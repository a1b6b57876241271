/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit-reboot.h"
#include "fd-util.h"
#include "log.h"
#include "string-util.h"

#define SYSRQ_AFTER_USEC (5 * USEC_PER_SEC)
#define PID_NAMESPACE_OF_INIT 0xEFFFFFFCU /* PROC_PID_INIT_INO of the kernel: part of its ABI */

static const struct {
        const char *name;
        unsigned command;
        char sysrq; /* 0: there is none, and a machine that hangs is as good as halted */
} verbs[] = {
        [EXIT_HALT] = {"halt",      LINUX_REBOOT_CMD_HALT,      0  },
        [EXIT_KEXEC] = { "kexec",    LINUX_REBOOT_CMD_KEXEC,     'b'},
        [EXIT_POWEROFF] = { "poweroff", LINUX_REBOOT_CMD_POWER_OFF, 'o'},
        [EXIT_REBOOT] = { "reboot",   LINUX_REBOOT_CMD_RESTART,   'b'},
};

const char *exit_verb_to_string(ExitVerb v) {
        return verbs[v].name;
}

ExitVerb exit_verb_from_string(const char *s) {
        assert(s);

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(s, verbs[i].name))
                        return (ExitVerb) i;

        return _EXIT_VERB_INVALID;
}

int exit_reboot(ExitVerb v) {
        (void) reboot((int) verbs[v].command);
        /* No kernel is loaded. What images look for in this file is the text "kexec -e". */
        if (v == EXIT_KEXEC) {
                log_error_errno(errno, "Cannot do what 'kexec -e' does, rebooting instead: %m");
                (void) reboot((int) verbs[EXIT_REBOOT].command);
        }

        return -errno;
}

static bool in_first_pid_namespace(void) {
        struct stat st;

        return stat("/proc/self/ns/pid", &st) >= 0 && st.st_ino == PID_NAMESPACE_OF_INIT;
}

/* Opened beforehand: by then /proc may be gone. */
static int open_sysrq(ExitVerb v) {
        return verbs[v].sysrq && in_first_pid_namespace() ? open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC) : -EBADF;
}

static _noreturn_ void end_at(ExitVerb v, usec_t deadline, int sysrq_fd) {
        usec_t now = now_usec();

        (void) mlockall(MCL_CURRENT | MCL_FUTURE);
        if (now < deadline)
                sleep_usec(deadline - now);

        if (sysrq_fd >= 0) {
                log_error("Nothing helps, %s by sysrq.", exit_verb_to_string(v));
                (void) !write(sysrq_fd, &verbs[v].sysrq, 1);
        } else {
                log_error("Not down in time, %s at once.", exit_verb_to_string(v));
                (void) exit_reboot(v);
        }
        _exit(EXIT_FAILURE);
}

/* Two processes, because reboot(2) itself may hang, in a driver. */
int exit_arm(ExitVerb v, usec_t deadline, char *name) {
        _cleanup_close_ int sysrq_fd = open_sysrq(v);

        for (unsigned i = 0; i < (sysrq_fd >= 0 ? 2U : 1U); i++) {
                pid_t pid = fork();

                if (pid < 0)
                        return -errno;
                if (pid == 0 && name[0])
                        name[0] = '@';
                if (pid == 0)
                        end_at(v, deadline + i * SYSRQ_AFTER_USEC, i > 0 ? sysrq_fd : -EBADF);
        }

        return 0;
}
