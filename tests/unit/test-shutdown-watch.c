/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#include "shutdown-watch.h"
#include "test.h"

static char run[] = "/tmp/test-shutdown-watch-XXXXXX";

static void put(const char *name, const void *data, size_t size) {
        char path[256];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/%s", run, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        ASSERT_TRUE(fd >= 0);
        ASSERT_EQ(write(fd, data, size), (ssize_t) size);
        (void) close(fd);
}

static void make_folder(const char *name) {
        char path[256];

        (void) snprintf(path, sizeof(path), "%s/%s", run, name);
        ASSERT_EQ(mkdir(path, 0755), 0);
}

static void drop(const char *name) {
        char path[256];

        (void) snprintf(path, sizeof(path), "%s/%s", run, name);
        ASSERT_EQ(unlink(path), 0);
}

static void remove_folder(const char *name) {
        char path[256];

        (void) snprintf(path, sizeof(path), "%s/%s", run, name);
        ASSERT_EQ(rmdir(path), 0);
}

static void put_softlevel(const char *level) {
        put("openrc/softlevel", level, strlen(level));
}

static void put_runlevel(char level) {
        struct utmp records[2] = { { .ut_type = BOOT_TIME }, { .ut_type = RUN_LVL, .ut_pid = 'N' << 8 | level } };

        put("utmp", records, sizeof(records));
}

static void test_verb(const ShutdownWatch *w) {
        static const char *const verbs[] = { "halt", "kexec", "poweroff", "reboot" };

        ASSERT_EQ(shutdown_watch_verb(w), _REBOOT_VERB_INVALID);

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                char path[64], whole[320];

                (void) snprintf(path, sizeof(path), "scaleway/shutdown/%s", verbs[i]);
                (void) snprintf(whole, sizeof(whole), "%s/%s", run, path);
                ASSERT_EQ(mkfifo(whole, 0600), 0);
                ASSERT_STREQ(reboot_verb_to_string(shutdown_watch_verb(w)), verbs[i]);
                drop(path);
        }

        put_runlevel('2');
        ASSERT_EQ(shutdown_watch_verb(w), _REBOOT_VERB_INVALID);
        put_runlevel('0');
        ASSERT_EQ(shutdown_watch_verb(w), REBOOT_POWEROFF);
        put_runlevel('6');
        ASSERT_EQ(shutdown_watch_verb(w), REBOOT_REBOOT);
        put("utmp", "short", 5);
        ASSERT_EQ(shutdown_watch_verb(w), _REBOOT_VERB_INVALID);
        drop("utmp");

        put_softlevel("shutdown");
        ASSERT_EQ(shutdown_watch_verb(w), REBOOT_REBOOT);
        put("scaleway/exit", "", 0);
        ASSERT_EQ(shutdown_watch_verb(w), _REBOOT_VERB_INVALID);
        drop("scaleway/exit");
        drop("openrc/softlevel");
}

/* OpenRC makes rc.stopping whenever it changes the runlevel, as at boot, and removes it before it starts what ends the machine. */
static void test_openrc(ShutdownWatch *w) {
        static const char *const levels[] = { "", "sysinit", "boot", "default", "single", "shutdown-not", "a/../shutdown" };
        usec_t now = 1000 * USEC_PER_SEC;

        /* Nobody ends a machine that stays. */
        make_folder("openrc/rc.stopping");
        for (size_t i = 0; i < ELEMENTSOF(levels); i++, now += 1000 * USEC_PER_SEC) {
                put_softlevel(levels[i]);
                ASSERT_FALSE(shutdown_watch_check(w, /* link_is_down= */ true, now));
                ASSERT_FALSE(shutdown_watch_check(w, true, now + 2 * SHUTDOWN_WATCH_USEC));
        }

        /* Both halves of going down are one. */
        put_softlevel("shutdown");
        ASSERT_FALSE(shutdown_watch_check(w, true, now));
        remove_folder("openrc/rc.stopping");
        ASSERT_FALSE(shutdown_watch_check(w, true, now + SHUTDOWN_WATCH_USEC - 1));
        ASSERT_TRUE(shutdown_watch_check(w, true, now + SHUTDOWN_WATCH_USEC));

        put_softlevel("reboot\n");
        ASSERT_EQ(shutdown_watch_verb(w), REBOOT_REBOOT);
        drop("openrc/softlevel");
        ASSERT_FALSE(shutdown_watch_check(w, true, now + 2 * SHUTDOWN_WATCH_USEC));
}

/* A halt was cancelled, and days later the machine is to reboot; and the other way round. */
static void test_newest(const ShutdownWatch *w) {
        static const char *const names[] = { "scaleway/shutdown/halt", "scaleway/shutdown/reboot" };

        for (size_t newest = 0; newest < ELEMENTSOF(names); newest++) {
                for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                        struct timespec times[2] = {};
                        char path[320];

                        times[0].tv_sec = times[1].tv_sec = time(NULL) - 100;
                        times[0].tv_nsec = times[1].tv_nsec = i == newest ? 7 : 6;
                        (void) snprintf(path, sizeof(path), "%s/%s", run, names[i]);
                        ASSERT_EQ(mkfifo(path, 0600), 0);
                        ASSERT_EQ(utimensat(AT_FDCWD, path, times, 0), 0);
                }
                ASSERT_EQ(shutdown_watch_verb(w), newest == 0 ? REBOOT_HALT : REBOOT_REBOOT);
                for (size_t i = 0; i < ELEMENTSOF(names); i++)
                        drop(names[i]);
        }
}

/* Somebody has cancelled a shutdown, and the server goes on: what happens to its storage days later is an outage and no more. */
static void test_over(ShutdownWatch *w) {
        static const struct {
                int seconds; /* ago */
                bool over;
        } marks[] = { { 0, false }, { 30 * 60, false }, { 36 * 60, true }, { 10 * 24 * 3600, true }, { -3600, false } };
        usec_t now = 1000 * USEC_PER_SEC;

        for (size_t i = 0; i < ELEMENTSOF(marks); i++, now += 1000 * USEC_PER_SEC) {
                struct timespec times[2] = {};
                char path[320];

                times[0].tv_sec = times[1].tv_sec = time(NULL) - marks[i].seconds;
                (void) snprintf(path, sizeof(path), "%s/scaleway/shutdown/reboot", run);
                ASSERT_EQ(mkfifo(path, 0600), 0);
                ASSERT_EQ(utimensat(AT_FDCWD, path, times, 0), 0);
                ASSERT_EQ(shutdown_watch_verb(w), marks[i].over ? _REBOOT_VERB_INVALID : REBOOT_REBOOT);
                ASSERT_FALSE(shutdown_watch_check(w, true, now));
                ASSERT_EQ(shutdown_watch_check(w, true, now + SHUTDOWN_WATCH_USEC), !marks[i].over);
                drop("scaleway/shutdown/reboot");
                ASSERT_FALSE(shutdown_watch_check(w, true, now + SHUTDOWN_WATCH_USEC));
        }
}

static void test_check(ShutdownWatch *w) {
        usec_t now = 1000 * USEC_PER_SEC;

        ASSERT_FALSE(shutdown_watch_check(w, /* link_is_down= */ true, now));
        ASSERT_FALSE(shutdown_watch_check(w, true, now + 1000 * USEC_PER_SEC));

        put_runlevel('6');
        now += 2000 * USEC_PER_SEC;
        ASSERT_FALSE(shutdown_watch_check(w, true, now));
        ASSERT_FALSE(shutdown_watch_check(w, true, now + SHUTDOWN_WATCH_USEC - 1));
        ASSERT_TRUE(shutdown_watch_check(w, true, now + SHUTDOWN_WATCH_USEC));
        ASSERT_EQ(w->verb, REBOOT_REBOOT);

        /* A link that comes back begins it anew. */
        now += SHUTDOWN_WATCH_USEC;
        ASSERT_FALSE(shutdown_watch_check(w, false, now + 1));
        ASSERT_FALSE(shutdown_watch_check(w, true, now + 2));
        ASSERT_FALSE(shutdown_watch_check(w, true, now + SHUTDOWN_WATCH_USEC + 1));
        ASSERT_TRUE(shutdown_watch_check(w, true, now + SHUTDOWN_WATCH_USEC + 2));
        drop("utmp");
        ASSERT_FALSE(shutdown_watch_check(w, true, now + SHUTDOWN_WATCH_USEC + 3));
}

int main(void) {
        ShutdownWatch w = { .run_fd = -EBADF };
        char command[64];

        /* Nothing to look at is no shutdown. */
        ASSERT_EQ(shutdown_watch_verb(&w), _REBOOT_VERB_INVALID);

        ASSERT_TRUE(mkdtemp(run));
        ASSERT_EQ(setenv("SCALEWAY_RUN", run, 1), 0);
        make_folder("scaleway");
        make_folder("scaleway/shutdown");
        make_folder("openrc");
        ASSERT_OK(shutdown_watch_open(&w));
        test_verb(&w);
        test_newest(&w);
        test_over(&w);
        test_check(&w);
        test_openrc(&w);
        shutdown_watch_done(&w);

        (void) snprintf(command, sizeof(command), "rm -r %s", run);
        return system(command);
}
