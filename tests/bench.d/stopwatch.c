/* SPDX-License-Identifier: MIT */

/* The clock of `tests/bench attach`: how long a command takes until so many NBD devices are attached. And that of
 * `tests/bench stream --vm`, with a count of 0: how long it takes until it has ended.
 *
 *     stopwatch COUNT COMMAND [ARGUMENT]...
 *
 * Runs the command and waits until it has ended and /dev/nbd0 to /dev/nbd(COUNT-1) are attached, as sysfs tells: they
 * have a pid and a size. Whichever of the peers the command is, it is started and looked at by this program, with
 * CLOCK_MONOTONIC of the guest. Writes one line: seconds, processor time of all the processes that the command waited
 * for, and with a count of 0 also of those that it left behind, exit status (or -signal), number of devices that are
 * attached in the end. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 10000 /* after the end of the command; a device that is late by more is not attached */

static double now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* Number in the attribute, 0 if there is none. */
static unsigned long long attribute(int device, const char *name) {
        unsigned long long value = 0;
        char path[64];
        FILE *f;

        (void) snprintf(path, sizeof path, "/sys/block/nbd%d/%s", device, name);
        f = fopen(path, "re");
        if (!f)
                return 0;
        (void) !fscanf(f, "%llu", &value);
        (void) fclose(f);
        return value;
}

static int count_attached(int devices) {
        int n = 0;

        for (int i = 0; i < devices; i++)
                n += attribute(i, "pid") > 0 && attribute(i, "size") > 0;
        return n;
}

/* Returns the exit status, or the negative number of the signal that ended it. */
static int run(char *command[], struct rusage *ret_usage) {
        pid_t child = vfork();
        int status;

        if (child == 0) {
                (void) execvp(command[0], command);
                _exit(127);
        }
        if (child < 0 || wait4(child, &status, 0, ret_usage) < 0)
                return 126;
        return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* busybox's tar and others do not wait for their decompressor. */
static void add_orphans(struct rusage *usage) {
        struct rusage one;

        while (wait4(-1, NULL, 0, &one) > 0) {
                timeradd(&usage->ru_utime, &one.ru_utime, &usage->ru_utime);
                timeradd(&usage->ru_stime, &one.ru_stime, &usage->ru_stime);
        }
}

static double seconds(struct timeval t) {
        return (double) t.tv_sec + (double) t.tv_usec / 1e6;
}

int main(int argc, char *argv[]) {
        const struct timespec pause = { .tv_nsec = 1000000 };
        struct rusage usage = {};
        int devices, status, n;
        double begin, end;

        if (argc < 3) {
                fprintf(stderr, "usage: stopwatch COUNT COMMAND [ARGUMENT]...\n");
                return 1;
        }
        devices = atoi(argv[1]);

        if (devices == 0)
                (void) prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        begin = now();
        status = run(argv + 2, &usage);
        n = count_attached(devices);
        for (int i = 0; i < WAIT_MS && n < devices && status == 0; i++) {
                (void) nanosleep(&pause, NULL);
                n = count_attached(devices);
        }
        end = now();
        if (devices == 0)
                add_orphans(&usage);
        printf("real=%.6f user=%.6f system=%.6f status=%d attached=%d\n", end - begin, seconds(usage.ru_utime),
               seconds(usage.ru_stime), status, n);
        return 0;
}
