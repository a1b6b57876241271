/* SPDX-License-Identifier: MIT */
/* The way back: the last thing that runs on a server. systemd-shutdown makes /run/initramfs the root, with the old one
 * on /oldroot, and starts this as the first process; by then it has ended all processes and unmounted what it could.
 * Images with another init start it by hand, DO_PIVOT=1 in the environment: then the first process is their init, which
 * holds the root, so that can only be made read-only.
 *
 * What may hang is done in processes of their own (exit-run.h), within a time that all of them share; and others end
 * the machine if that did not help. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "applet.h"
#include "bounds.h"
#include "exit-arm.h"
#include "exit-clock.h"
#include "exit-devices.h"
#include "exit-mapper.h"
#include "exit-mounts.h"
#include "exit-processes.h"
#include "exit-run.h"
#include "exit-volumes.h"
#include "fd-util.h"
#include "fileio.h"
#include "log.h"
#include "mount-point.h"
#include "paths.h"
#include "string-util.h"

#define OLD_ROOT "/oldroot"

static ExitVolumes volumes;

static int end_processes(void *data) {
        return processes_end(*(const pid_t *) data, now_usec() + EXIT_PROCESSES_USEC);
}

static int swap_off(void *data) {
        _cleanup_free_ char *text = NULL;
        char *save = NULL;
        int r;

        r = read_file("/proc/swaps", EXIT_SWAPS_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        /* Below a line that says what is what. A name may be long gone; a part of a path that is not escaped would be
         * no better. */
        (void) strtok_r(text, "\n", &save);
        for (char *line; (line = strtok_r(NULL, "\n", &save));) {
                line[strcspn(line, " \t")] = '\0';
                if (swapoff(line) < 0)
                        r = -errno;
        }

        return r;
}

/* All disks at once, so that what cannot be unmounted later has been written, and the others are quick. */
static int sync_all(void *data) {
        if (in_first_pid_namespace())
                sync();
        return 0;
}

/* Whoever waits for a server while something is written has it mended meanwhile, and gets time as long as it takes something. */
static void mend(void) {
        volumes_read(&volumes);
        volumes_repair(&volumes);
        exit_clock_look("/proc/meminfo", !volumes_one_is_down(&volumes), now_usec());
}

static void run_step(const char *what, int (*f)(void *), void *data, usec_t deadline) {
        int r;

        r = run_limited(f, data, deadline);
        if (r < 0)
                log_error_errno(r, "Failed to %s, going on: %m", what);
}

/* The supervisors have an end of their own for shutdowns that hang (nbd/shutdown-watch.h); from here on this one has
 * it. */
static void tell_supervisors(void) {
        _cleanup_free_ char *path = NULL;

        if (run_path(RUN_EXIT, &path) >= 0)
                (void) !write_file_atomic(path, "", 0, 0644);
}

/* Arrays of logical volumes, mappings of arrays: whatever lies on what. */
static void end_devices(usec_t deadline) {
        unsigned n = 0;

        do
                run_step("remove all mappings of the device mapper", mapper_remove_all, NULL, MIN(deadline, exit_now() + EXIT_SWAP_USEC));
        while (devices_stop(deadline) > 0 && ++n < EXIT_DEVICE_ROUNDS_MAX);
}

static void go_down(const OldRoot *o, usec_t begin) {
        pid_t self = getpid();

        run_idle = mend;
        unmount_more = devices_stop;
        tell_supervisors();
        volumes_wait(&volumes, begin + EXIT_LONG_DEAD_LINKS_USEC, begin + EXIT_LINKS_USEC);
        /* First of all: what follows may need them, and only so whoever waits for them goes on. */
        (void) volumes_give_up(&volumes, exit_now() + EXIT_GIVE_UP_USEC);

        run_step("end all processes", end_processes, &self, exit_now() + EXIT_PROCESSES_USEC + USEC_PER_SEC);
        run_step("switch swap space off", swap_off, NULL, exit_now() + EXIT_SWAP_USEC);
        run_step("write all", sync_all, NULL, MIN(begin + EXIT_UNMOUNTS_USEC, exit_now() + EXIT_SYNC_USEC));
        (void) old_root_unmount(o, begin + EXIT_UNMOUNTS_USEC);
        if (volumes_give_up(&volumes, begin + EXIT_DETACH_USEC) > 0)
                old_root_detach(o, begin + EXIT_DETACH_USEC);
        end_devices(begin + EXIT_DETACH_USEC);
        volumes_detach(&volumes, begin + EXIT_END_USEC);
}

/* Where the old root is, if this is no mistake. */
static int find_old_root(OldRoot *ret) {
        const char *pivot = getenv("DO_PIVOT");

        /* Only systemd-shutdown has pivoted. What else is mounted there is a mount like others, and the root is "/". */
        if (getpid() == 1 && path_is_mount_point(OLD_ROOT) > 0) {
                ret->path = OLD_ROOT;
                return 0;
        }
        /* Without the word a person may only have looked what this is. The first process has nowhere to return to. */
        if (getpid() != 1 && (isempty(pivot) || streq(pivot, "0")))
                return -EPERM;

        ret->path = "/";
        return 0;
}

/* Nothing that is open, and no folder, may hold the old root. */
static void let_go(void) {
        int fd;

        if (chdir("/run/initramfs") < 0)
                (void) !chdir("/");
        fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return;
        for (int i = 0; i <= STDERR_FILENO; i++)
                if (fd != i)
                        (void) dup2(fd, i);
        if (fd > STDERR_FILENO)
                (void) close(fd);
}

static void set_up_process(void) {
        static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU };
        sigset_t none;

        /* From systemd-shutdown, which blocks some. */
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        for (size_t i = 0; i < ELEMENTSOF(ignored); i++)
                (void) signal(ignored[i], SIG_IGN);
        (void) signal(SIGCHLD, SIG_DFL);
        (void) umask(0022);
        (void) mlockall(MCL_CURRENT | MCL_FUTURE);
        let_go();
        program_invocation_short_name = (char *) "scaleway-exit";
        log_setup(LOG_TARGET_KMSG);
}

int shutdown_applet(int argc, char *argv[]) {
        RebootVerb v = argc > 1 ? reboot_verb_from_string(argv[1]) : REBOOT_HALT;
        usec_t begin = exit_now();
        OldRoot o;
        int r;

        if (argc > 1 && (streq(argv[1], "-h") || streq(argv[1], "--help"))) {
                puts("DO_PIVOT=1 shutdown [halt|kexec|poweroff|reboot]\n\n"
                     "Unmounts all file systems, detaches all NBD volumes and ends the machine.");
                return EXIT_SUCCESS;
        }
        if (geteuid() != 0) {
                log_error("Only root ends the machine.");
                return EXIT_FAILURE;
        }
        if (find_old_root(&o) < 0) {
                log_error("This ends the machine. Use the system's own commands, or say DO_PIVOT=1.");
                return EXIT_FAILURE;
        }

        set_up_process();
        if (v < 0) {
                log_error("There is no way down that is called '%s', halting.", argv[1]);
                v = REBOOT_HALT;
        }
        r = exit_clock_open();
        if (r < 0)
                log_error_errno(r, "Servers that take long get no more time: %m");
        r = exit_arm(v, begin + EXIT_END_USEC, argv[0]);
        if (r < 0)
                log_error_errno(r, "Nobody will end this if it hangs: %m");

        log_notice("All services are down: %s.", reboot_verb_to_string(v));
        go_down(&o, begin);
        if (v == REBOOT_KEXEC)
                log_notice("What follows is what 'kexec -e' does.");
        r = reboot_now(v);
        log_error_errno(r, "The kernel does not %s: %m", reboot_verb_to_string(v));

        /* The first process must not end. Whoever has started this by hand gets to know that it has failed, and may have a better way;
         * that of exit_arm() is still to come. */
        if (getpid() != 1) {
                processes_continue_ancestors();
                return EXIT_FAILURE;
        }
        for (;;)
                sleep_usec(USEC_PER_SEC);
}
