/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bounds.h"
#include "exit-arm.h"
#include "exit-clock.h"
#include "fd-util.h"
#include "log.h"

#define PID_NAMESPACE_OF_INIT 0xEFFFFFFCU /* PROC_PID_INIT_INO of the kernel: part of its ABI */

/* For a machine that is to halt there is none: one that hangs is as good as that. */
static char sysrq_key(RebootVerb v) {
        return v == REBOOT_HALT ? '\0' : v == REBOOT_POWEROFF ? 'o' : 'b';
}

bool in_first_pid_namespace(void) {
        struct stat st;

        return stat("/proc/self/ns/pid", &st) >= 0 && st.st_ino == PID_NAMESPACE_OF_INIT;
}

/* Opened beforehand: by then /proc may be gone. */
static int open_sysrq(RebootVerb v) {
        return sysrq_key(v) && in_first_pid_namespace() ? open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC) : -EBADF;
}

static _noreturn_ void end_at(RebootVerb v, usec_t deadline, int sysrq_fd) {
        char key = sysrq_key(v);

        (void) mlockall(MCL_CURRENT | MCL_FUTURE);
        /* It may have been put off meanwhile. */
        for (usec_t now; (now = exit_now()) < deadline;)
                sleep_usec(deadline - now);

        if (sysrq_fd >= 0) {
                log_error("Nothing helps, %s by sysrq.", reboot_verb_to_string(v));
                (void) !write(sysrq_fd, &key, 1);
        } else {
                log_error("Not down in time, %s at once.", reboot_verb_to_string(v));
                (void) reboot_now(v);
        }
        _exit(EXIT_FAILURE);
}

/* Two processes, because reboot(2) itself may hang, in a driver. */
int exit_arm(RebootVerb v, usec_t deadline, char *name) {
        _cleanup_close_ int sysrq_fd = open_sysrq(v);

        assert(name);

        for (unsigned i = 0; i < (sysrq_fd >= 0 ? 2U : 1U); i++) {
                pid_t pid = fork();

                if (pid < 0)
                        return -errno;
                if (pid == 0) {
                        if (name[0])
                                name[0] = '@';
                        end_at(v, deadline + i * EXIT_SYSRQ_AFTER_USEC, i > 0 ? sysrq_fd : -EBADF);
                }
        }

        return 0;
}
