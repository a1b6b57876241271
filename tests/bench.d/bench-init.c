/* SPDX-License-Identifier: MIT */

/* The init of the root file system that `tests/bench boot` serves: the moment it starts is the end of the measurement.
 *
 * It runs as PID 1 after the initrd's switch-root, in the place of the root's systemd. It writes one line
 * with the time since the kernel started, lets what the initrd left behind die, writes a second line with the memory
 * that is then still in use, and powers the machine off. Static, so that nothing of the root but this file is read. */

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONSOLE_OFF 6    /* SYSLOG_ACTION_CONSOLE_OFF, from syslog(2); no libc names it. */
#define SETTLE_STEPS 20  /* What the initrd left running gets SIGTERM from systemd's switch-root; */
#define SETTLE_MS 50     /* one second is enough for it to be gone, even under TCG. */

/* The memory figures the bench wants, as /proc/meminfo names them; all in kB. */
static const char *const memory_keys[] = { "MemTotal", "MemFree", "MemAvailable", "Shmem", "Slab" };

static int open_console(void) {
        int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);

        if (fd >= 0)
                return fd;
        (void) mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
        return open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
}

static void say(int console, const char *format, ...) {
        char line[512];
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(line, sizeof line, format, ap);
        va_end(ap);
        if (n > 0)
                (void) !write(console, line, (size_t) n < sizeof line ? (size_t) n : sizeof line - 1);
}

/* Number after `key` at the start of a line of `path`, or -1. */
static long long number_of(const char *path, const char *key) {
        FILE *f = fopen(path, "re");
        size_t length = strlen(key);
        long long value = -1;
        char line[4096];

        if (!f)
                return -1;
        while (value < 0 && fgets(line, sizeof line, f))
                if (strncmp(line, key, length) == 0 && (line[length] == ':' || line[length] == ' '))
                        (void) sscanf(line + length + 1, "%lld", &value);
        (void) fclose(f);
        return value;
}

/* kB of free pages that wait in lists of their own for each processor: not in MemFree, and often tens of MiB. */
static long long free_in_lists(void) {
        FILE *f = fopen("/proc/zoneinfo", "re");
        long long pages = 0, count;
        char line[4096];

        if (!f)
                return -1;
        while (fgets(line, sizeof line, f))
                if (sscanf(line, " count: %lld", &count) == 1)
                        pages += count;
        (void) fclose(f);
        return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void settle(void) {
        for (int i = 0; i < SETTLE_STEPS; i++) {
                const struct timespec pause = { .tv_nsec = SETTLE_MS * 1000000L };

                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                (void) nanosleep(&pause, NULL);
        }
}

/* The page cache is no memory held: it would only show which files were read last. */
static void drop_caches(void) {
        sync();
        for (int i = 0; i < 2; i++) {
                int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

                if (fd < 0)
                        return;
                (void) !write(fd, "3\n", 2);
                (void) close(fd);
        }
}

int main(void) {
        struct timespec now;
        int console;

        (void) clock_gettime(CLOCK_BOOTTIME, &now);
        (void) klogctl(CONSOLE_OFF, NULL, 0); /* The kernel must not write into the middle of our lines. */
        console = open_console();
        say(console, "\r\nBENCH-INIT uptime=%lld.%06ld\r\n", (long long) now.tv_sec, now.tv_nsec / 1000);

        if (number_of("/proc/stat", "processes") < 0)
                (void) mount("proc", "/proc", "proc", 0, NULL);
        say(console, "\r\nBENCH-FORKS processes=%lld switches=%lld\r\n", number_of("/proc/stat", "processes"),
            number_of("/proc/stat", "ctxt"));

        settle();
        drop_caches();
        say(console, "\r\nBENCH-MEMORY");
        for (size_t i = 0; i < sizeof memory_keys / sizeof *memory_keys; i++)
                say(console, " %s=%lld", memory_keys[i], number_of("/proc/meminfo", memory_keys[i]));
        say(console, " InLists=%lld end\r\n", free_in_lists());

        sync();
        (void) reboot(RB_POWER_OFF);
        return 1;
}
