/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bounds.h"
#include "fileio.h"
#include "kernel-load.h"
#include "log.h"
#include "root-command.h"
#include "string-util.h"

#define KEXEC_PROGRAM "/usr/sbin/kexec"

/* In a test: the program to use as if the kernel had no call for it. */
static const char *program(void) {
        return secure_getenv("SCALEWAY_KEXEC");
}

static int file_load(int kernel_fd, int initrd_fd, const char *cmdline, unsigned long flags) {
#ifdef SYS_kexec_file_load
        size_t n = cmdline ? strlen(cmdline) + 1 : 0;

        if (program())
                return -ENOSYS;
        return syscall(SYS_kexec_file_load, kernel_fd, initrd_fd, n, cmdline, flags) < 0 ? -errno : 0;
#else
        return -ENOSYS;
#endif
}

/* Runs kexec(8). */
static int run_program(const char *const arguments[]) {
        _cleanup_free_ char *output = NULL, *message = NULL;
        int r;

        r = root_command(arguments, now_usec() + KEXEC_PROGRAM_USEC, &output, &message);
        if (r == -ENOENT)
                return log_error_errno(ENOSYS, "This kernel has no kexec_file_load(), and the initrd no " KEXEC_PROGRAM
                                               " to do without.");
        if (r < 0)
                return log_error_errno(r, "Failed to run '%s': %m", arguments[0]);
        if (r > 0)
                return log_error_errno(EIO, "'%s' failed: %s.", arguments[0], isempty(message) ? "it did not say why" : message);
        return 0;
}

/* The descriptors are inherited, so they must not close on exec. */
static int program_load(int kernel_fd, int initrd_fd, const char *cmdline) {
        _cleanup_free_ char *kernel = NULL, *initrd = NULL, *append = NULL;
        int r;

        if (fcntl(kernel_fd, F_SETFD, 0) < 0 || (initrd_fd >= 0 && fcntl(initrd_fd, F_SETFD, 0) < 0))
                return log_error_errno(errno, "Failed to hand the kernel's file over: %m");
        r = asprintf_to(&kernel, "/proc/self/fd/%i", kernel_fd);
        if (r >= 0)
                r = asprintf_to(&append, "--command-line=%s", cmdline);
        if (r >= 0 && initrd_fd >= 0)
                r = asprintf_to(&initrd, "--initrd=/proc/self/fd/%i", initrd_fd);
        if (r < 0)
                return log_oom();

        return run_program((const char *const[]){ program() ?: KEXEC_PROGRAM, "--load", append, initrd ?: kernel,
                                                  initrd ? kernel : NULL, NULL });
}

static const char *advice(int error, size_t cmdline_length) {
        switch (-error) {
        case ENOEXEC:
                return "it is no kernel for this processor, or compressed";
        case EPERM:
                return "forbidden by this kernel (lockdown, or kernel.kexec_load_disabled)";
        case EKEYREJECTED:
        case ENOKEY:
        case EBADMSG:
                return "its signature is missing or by an unknown key, and this kernel wants one";
        case ENOMEM:
        case EADDRNOTAVAIL:
                return "not enough memory for kernel and initrd";
        case EINVAL:
                return cmdline_length > 2047 ? "the command line may be too long for it"
                                             : "it is damaged, or no kernel";
        default:
                return strerror(-error);
        }
}

int kernel_load(int kernel_fd, int initrd_fd, const char *cmdline, const char *shown) {
        int r;

        assert(kernel_fd >= 0);
        assert(cmdline);

        r = file_load(kernel_fd, initrd_fd >= 0 ? initrd_fd : -1, cmdline,
                      initrd_fd >= 0 ? 0 : KEXEC_FILE_NO_INITRAMFS);
        /* The program also knows what the call of this processor does not take, such as compressed kernels on 64-bit Arm. */
        if (r == -ENOSYS || (r == -ENOEXEC && access(KEXEC_PROGRAM, X_OK) >= 0))
                return program_load(kernel_fd, initrd_fd, cmdline);
        if (r < 0)
                return log_error_errno(r, "Failed to load the kernel '%s': %s.", shown, advice(r, strlen(cmdline)));
        return 0;
}

int kernel_unload(void) {
        _cleanup_free_ char *loaded = NULL;
        int r;

        if (!program() && read_file("/sys/kernel/kexec_loaded", 16, &loaded, NULL) >= 0 && loaded[0] == '0')
                return 0;

        r = file_load(-1, -1, NULL, KEXEC_FILE_UNLOAD);
        if (r == -ENOSYS)
                return run_program((const char *const[]){ program() ?: KEXEC_PROGRAM, "--unload", NULL });
        if (r < 0)
                return log_error_errno(r, "Failed to take the loaded kernel back: %m");
        return 0;
}

int kernel_jump(void) {
        const char *p = program();

        if (p)
                return run_program((const char *const[]){ p, "--exec", NULL });

        /* Of the C library's reboot() this is no command on every architecture. */
        (void) syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
        return -errno;
}
