/* SPDX-License-Identifier: MIT */
/* The parts of scaleway-exit that can be called. What ends a machine ends a PID namespace here. Needs root. */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exit-arm.h"
#include "exit-clock.h"
#include "exit-devices.h"
#include "exit-mounts.h"
#include "exit-run.h"
#include "fd-util.h"
#include "test.h"

static int succeed(void *data) {
        return 0;
}

static int fail(void *data) {
        return -EBUSY;
}

static int die(void *data) {
        return raise(SIGKILL);
}

static int hang(void *data) {
        while (pause() < 0)
                ;
        return 0;
}

static unsigned n_idle = 0;

static void idle(void) {
        n_idle++;
}

static void test_run_limited(void) {
        usec_t begin = now_usec();

        ASSERT_OK(run_limited(succeed, NULL, begin + 10 * USEC_PER_SEC));
        ASSERT_ERROR(run_limited(fail, NULL, begin + 10 * USEC_PER_SEC), EBUSY);
        ASSERT_ERROR(run_limited(die, NULL, begin + 10 * USEC_PER_SEC), ECANCELED);
        ASSERT_TRUE(now_usec() < begin + 5 * USEC_PER_SEC);

        begin = now_usec();
        run_idle = idle;
        ASSERT_ERROR(run_limited(hang, NULL, begin + 1300 * USEC_PER_MSEC), ETIMEDOUT);
        run_idle = NULL;
        ASSERT_EQ(n_idle, 1);
        ASSERT_TRUE(now_usec() >= begin + 1300 * USEC_PER_MSEC);
        ASSERT_TRUE(now_usec() < begin + 5 * USEC_PER_SEC);
        /* The time is over: it is not even waited for once. */
        ASSERT_ERROR(run_limited(hang, NULL, now_usec() - 1), ETIMEDOUT);
}

/* How the first process of a PID namespace ends, in which f is run; it has 20 s. */
static int end_of(void (*f)(void)) {
        pid_t pid;
        int status;

        ASSERT_EQ(unshare(CLONE_NEWPID), 0);
        pid = fork();
        ASSERT_TRUE(pid >= 0);
        if (pid == 0) {
                (void) alarm(20);
                f();
                _exit(EXIT_SUCCESS);
        }
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

static void reboot_machine(void) {
        (void) reboot_now(REBOOT_REBOOT);
}

static void power_off(void) {
        (void) reboot_now(REBOOT_POWEROFF);
}

/* There is no kernel to start in a namespace. */
static void start_kernel(void) {
        (void) reboot_now(REBOOT_KEXEC);
}

static void hang_with_a_limit(void) {
        char name[] = "/shutdown";

        ASSERT_OK(exit_arm(REBOOT_REBOOT, now_usec() + USEC_PER_SEC / 2, name));
        ASSERT_STREQ(name, "/shutdown");
        (void) hang(NULL);
}

/* A call of its own in each: a process enters the namespace that it makes with its children, once. */
static int end_of_in_child(void (*f)(void)) {
        pid_t pid = fork();
        int status;

        ASSERT_TRUE(pid >= 0);
        if (pid == 0)
                _exit(end_of(f));
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void test_reboot(void) {
        usec_t begin = now_usec();

        /* reboot(2): what the first process of another namespace is told. */
        ASSERT_EQ(end_of_in_child(reboot_machine), SIGHUP);
        ASSERT_EQ(end_of_in_child(power_off), SIGINT);
        ASSERT_EQ(end_of_in_child(start_kernel), SIGHUP);
        ASSERT_EQ(end_of_in_child(hang_with_a_limit), SIGHUP);
        ASSERT_TRUE(now_usec() < begin + 10 * USEC_PER_SEC);
}

static void test_verbs(void) {
        for (int i = 0; i < _REBOOT_VERB_MAX; i++)
                ASSERT_EQ(reboot_verb_from_string(reboot_verb_to_string((RebootVerb) i)), i);
        ASSERT_EQ(reboot_verb_from_string("exit"), _REBOOT_VERB_INVALID);
        ASSERT_EQ(reboot_verb_from_string(""), _REBOOT_VERB_INVALID);
}

static int parse(const char *text, MountLine *ret) {
        static char line[512];

        strcpy(line, text);
        return mount_line_parse(line, ret);
}

static void test_mount_lines(void) {
        static const char *const bad[] = {
                "",
                " - ",
                "36 35 98:0 / /mnt rw",
                "36 35 98:0 / /mnt rw - ext4",
                "36 35 98:0 / /mnt rw - ext4 /dev/root",
                "36 35 98:0 / - ext4 /dev/root rw",
        };
        MountLine m;

        ASSERT_OK(parse("36 35 98:0 /a /oldroot/a\\040b\\134c\\ rw,noatime master:1 - ext4 /dev/nbd0 ro,errors=remount-ro", &m));
        ASSERT_STREQ(m.path, "/oldroot/a b\\c\\");
        ASSERT_STREQ(m.type, "ext4");
        ASSERT_STREQ(m.source, "/dev/nbd0");
        ASSERT_TRUE(m.read_only);
        ASSERT_OK(parse("1 1 0:2 / / ro - ext4 /dev/root rw,errors=ro", &m));
        ASSERT_FALSE(m.read_only);
        ASSERT_OK(parse("1 1 0:2 / / ro - ext4 /dev/root rw,ro", &m));
        ASSERT_TRUE(m.read_only);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ASSERT_ERROR(parse(bad[i], &m), EINVAL);

        ASSERT_TRUE(mount_is_api("proc"));
        ASSERT_TRUE(mount_is_api("tmpfs"));
        ASSERT_FALSE(mount_is_api("ext4"));
        ASSERT_FALSE(mount_is_api("nfs4"));
        ASSERT_FALSE(mount_is_api("fuse"));
}

/* In a mount namespace of its own, with a small file system in dir. */
static int in_own_mounts(int (*f)(const char *dir)) {
        char dir[] = "/tmp/test-exit-parts-XXXXXX";
        pid_t pid;
        int status;

        ASSERT_TRUE(mkdtemp(dir));
        pid = fork();
        ASSERT_TRUE(pid >= 0);
        if (pid == 0) {
                ASSERT_EQ(unshare(CLONE_NEWNS), 0);
                ASSERT_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
                ASSERT_EQ(mount("none", dir, "tmpfs", 0, NULL), 0);
                _exit(f(dir));
        }
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_EQ(rmdir(dir), 0);
        ASSERT_TRUE(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static bool is_read_only(const char *path) {
        struct statvfs st;

        ASSERT_EQ(statvfs(path, &st), 0);
        return st.f_flag & ST_RDONLY;
}

/* The list of mounts is not there: the root at least is finished. */
static int without_proc(const char *dir) {
        const OldRoot o = { .path = dir };

        ASSERT_FALSE(is_read_only(dir));
        ASSERT_EQ(mount("none", "/proc", "tmpfs", 0, NULL), 0);
        ASSERT_FALSE(old_root_unmount(&o, now_usec() + 10 * USEC_PER_SEC));
        ASSERT_TRUE(is_read_only(dir));
        return EXIT_SUCCESS;
}

/* Each holds the one that it lies in, and the text is long as well. */
static int many_mounts(const char *dir) {
        char path[4096], options[512], *end;
        OldRoot o = { .path = path };

        ASSERT_EQ(chdir(dir), 0);
        for (size_t i = 0; i < 4; i++)
                ASSERT_EQ(mkdir((const char *const[]){ "lower", "lower/a", "upper", "work" }[i], 0755), 0);
        end = path + snprintf(path, sizeof(path), "%s/root", dir);
        ASSERT_EQ(mkdir(path, 0755), 0);
        (void) snprintf(options, sizeof(options), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", dir, dir, dir);
        if (mount("overlay", path, "overlay", 0, options) < 0)
                return 77;
        for (size_t i = 0; i < 1100; i++) {
                char root[256];

                (void) snprintf(root, sizeof(root), "%s/root", dir);
                end = stpcpy(end, "/a");
                ASSERT_EQ(mount(root, path, NULL, MS_BIND, NULL), 0);
        }

        path[strlen(dir) + strlen("/root")] = '\0';
        ASSERT_TRUE(old_root_unmount(&o, now_usec() + 40 * USEC_PER_SEC));
        ASSERT_EQ(umount2(path, UMOUNT_NOFOLLOW), -1);
        ASSERT_EQ(errno, EINVAL);
        return EXIT_SUCCESS;
}

static char meminfo[] = "/tmp/test-exit-parts-XXXXXX";

/* How much later the end is by that. */
static usec_t look(unsigned dirty, unsigned writeback, bool links_are_up, usec_t now) {
        usec_t before = exit_now();
        FILE *f = fopen(meminfo, "we");

        ASSERT_TRUE(f);
        fprintf(f, "MemTotal: 3924 kB\nSwapFree: 0 kB\nDirty: %10u kB\nWriteback: %u kB\nWritebackTmp: 7 kB\n", dirty, writeback);
        ASSERT_EQ(fclose(f), 0);
        exit_clock_look(meminfo, links_are_up, now);
        /* Whole seconds: some of a second has gone meanwhile. */
        return (before + USEC_PER_SEC / 2 - exit_now()) / USEC_PER_SEC;
}

static void write_on_for_a_second(void) {
        char name[] = "/shutdown";

        ASSERT_OK(exit_arm(REBOOT_REBOOT, exit_now() + USEC_PER_SEC / 2, name));
        ASSERT_EQ(look(2000, 0, false, 1 * USEC_PER_SEC), 0);
        ASSERT_EQ(look(2000, 0, true, 1 * USEC_PER_SEC), 0);
        ASSERT_EQ(look(1000, 0, true, 2 * USEC_PER_SEC), 1);
        (void) hang(NULL);
}

static void test_clock(void) {
        usec_t now = now_usec(), by_clock;
        int fd = mkstemp(meminfo);

        ASSERT_TRUE(fd >= 0);
        ASSERT_EQ(close(fd), 0);
        ASSERT_OK(exit_clock_open());
        /* This one first, as the time goes on between the two. */
        by_clock = exit_now();
        ASSERT_TRUE(now_usec() - by_clock < USEC_PER_SEC / 2);

        /* It is measured against what was seen before. */
        ASSERT_EQ(look(900000, 100000, true, now), 0);
        ASSERT_EQ(look(850000, 100000, true, now += USEC_PER_SEC), 1);
        /* From the one to the other is no progress, nor is more, nor a trifle. */
        ASSERT_EQ(look(800000, 150000, true, now += USEC_PER_SEC), 0);
        ASSERT_EQ(look(900000, 150000, true, now += USEC_PER_SEC), 0);
        ASSERT_EQ(look(800000, 149990, true, now += USEC_PER_SEC), 0);
        /* In bursts: the whole time since the last one. Longer ones are half a failure. */
        ASSERT_EQ(look(700000, 150000, true, now += USEC_PER_SEC), 4);
        ASSERT_EQ(look(600000, 150000, true, now += 100 * USEC_PER_SEC), 5);
        /* With a link down nothing is put off, whatever else is written; nor by the first look after that. */
        ASSERT_EQ(look(500000, 150000, false, now += USEC_PER_SEC), 0);
        ASSERT_EQ(look(400000, 150000, false, now += USEC_PER_SEC), 0);
        ASSERT_EQ(look(300000, 150000, true, now += USEC_PER_SEC), 0);
        ASSERT_EQ(look(250000, 150000, true, now += USEC_PER_SEC), 1);
        /* Without the file neither. */
        exit_clock_look("/nonexistent/meminfo", true, now += USEC_PER_SEC);
        ASSERT_EQ(look(200000, 150000, true, now += USEC_PER_SEC), 0);

        /* There is an end to it. */
        ASSERT_EQ(look(4000000, 0, false, now += USEC_PER_SEC), 0);
        for (unsigned left = 4000000; left > 0; left -= 10000)
                (void) look(left, 0, true, now += USEC_PER_SEC);
        now = now_usec();
        ASSERT_TRUE(now - exit_now() <= EXIT_CLOCK_MAX_USEC);
        by_clock = exit_now();
        ASSERT_TRUE(now_usec() - by_clock >= EXIT_CLOCK_MAX_USEC);

        /* What waits by this clock waits on. */
        ASSERT_OK(exit_clock_open());
        now = now_usec();
        ASSERT_EQ(end_of_in_child(write_on_for_a_second), SIGHUP);
        ASSERT_TRUE(now_usec() >= now + 1500 * USEC_PER_MSEC);
        ASSERT_TRUE(now_usec() < now + 4 * USEC_PER_SEC);
        ASSERT_EQ(unlink(meminfo), 0);
}

/* Of sysfs: "NAME/loop/backing_file" and so on. */
static void make_path(const char *root, const char *path) {
        char command[256];

        (void) snprintf(command, sizeof(command), "mkdir -p '%s/block/%s'", root, path);
        ASSERT_EQ(system(command), 0);
}

static void test_devices(void) {
        static const char *const paths[] = {
                "loop0/loop", "loop1/loop/backing_file", "loop2/loop/backing_file", "loop2/holders/md127", "loop3/holders",
                "loop3/loop/backing_file", "md127/md/array_state", "md127/holders/dm-0", "md!x/md/array_state", "md/loop/backing_file",
                "sda/loop/backing_file", "sda/md/array_state", "dm-0",
        };
        static const struct {
                const char *name;
                DeviceKind kind;
        } devices[] = {
                /* Not set up; idle; below an array. */
                { "loop0", _DEVICE_INVALID },
                { "loop1", DEVICE_LOOP },
                { "loop2", _DEVICE_INVALID },
                { "loop3", DEVICE_LOOP },
                { "md127", _DEVICE_INVALID },
                { "md!x", DEVICE_ARRAY },
                { "md", _DEVICE_INVALID },
                { "sda", _DEVICE_INVALID },
                { "dm-0", _DEVICE_INVALID },
                { "loop9", _DEVICE_INVALID },
                { "loop1234567890123456789012345678901234567890123456789012345678901", _DEVICE_INVALID },
        };
        char root[] = "/tmp/test-exit-parts-XXXXXX", command[64];

        ASSERT_TRUE(mkdtemp(root));
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                make_path(root, paths[i]);
        for (size_t i = 0; i < ELEMENTSOF(devices); i++)
                ASSERT_EQ(device_look(root, devices[i].name), devices[i].kind);
        (void) snprintf(command, sizeof(command), "rm -r %s", root);
        ASSERT_EQ(system(command), 0);
}

/* A real one. Returns false if there can be none here. */
static bool test_loop(void) {
        char file[] = "/tmp/test-exit-parts-XXXXXX", path[32];
        int control, fd, n, backing = mkstemp(file);

        ASSERT_TRUE(backing >= 0);
        ASSERT_EQ(unlink(file), 0);
        ASSERT_EQ(ftruncate(backing, 1 << 20), 0);
        control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
        n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
        (void) snprintf(path, sizeof(path), "/dev/loop%i", n);
        fd = n < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0 || ioctl(fd, LOOP_SET_FD, backing) < 0)
                return false;
        ASSERT_EQ(pwrite(fd, "written", 7, 4096), 7);
        ASSERT_EQ(close(fd), 0);

        /* As a mount has it: then it stays, now and when that one is done with it. */
        fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
        ASSERT_TRUE(fd >= 0);
        ASSERT_EQ(device_look("/sys", path + strlen("/dev/")), DEVICE_LOOP);
        ASSERT_ERROR(device_stop(path + strlen("/dev/"), DEVICE_LOOP), EBUSY);
        ASSERT_EQ(close(fd), 0);
        ASSERT_EQ(device_look("/sys", path + strlen("/dev/")), DEVICE_LOOP);

        ASSERT_OK(device_stop(path + strlen("/dev/"), DEVICE_LOOP));
        ASSERT_EQ(device_look("/sys", path + strlen("/dev/")), _DEVICE_INVALID);
        ASSERT_EQ(pread(backing, file, 7, 4096), 7);
        ASSERT_EQ(memcmp(file, "written", 7), 0);
        ASSERT_EQ(close(backing), 0);
        ASSERT_EQ(close(control), 0);
        return true;
}

static int holder = -EBADF;

static unsigned let_it_go(usec_t deadline) {
        unsigned n = holder >= 0;

        holder = safe_close(holder);
        return n;
}

/* What holds a file system is ended, and it is tried again; once nothing is left to end, it is enough. */
static int held_mount(const char *dir) {
        char path[64], options[128];
        const OldRoot o = { .path = path };

        ASSERT_EQ(chdir(dir), 0);
        for (size_t i = 0; i < 3; i++)
                ASSERT_EQ(mkdir((const char *const[]){ "lower", "other", "root" }[i], 0755), 0);
        (void) snprintf(path, sizeof(path), "%s/root", dir);
        (void) snprintf(options, sizeof(options), "lowerdir=%s/lower:%s/other", dir, dir);
        if (mount("overlay", path, "overlay", 0, options) < 0)
                return 77;
        holder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_TRUE(holder >= 0);
        ASSERT_EQ(umount2(path, UMOUNT_NOFOLLOW), -1);

        unmount_more = let_it_go;
        ASSERT_TRUE(old_root_unmount(&o, now_usec() + 20 * USEC_PER_SEC));
        ASSERT_EQ(holder, -EBADF);
        ASSERT_EQ(umount2(path, UMOUNT_NOFOLLOW), -1);
        ASSERT_EQ(errno, EINVAL);
        return EXIT_SUCCESS;
}

int main(void) {
        int status;

        if (geteuid() != 0)
                return 77;

        test_verbs();
        test_mount_lines();
        test_run_limited();
        test_devices();
        if (!test_loop())
                fputs("There are no loop devices here: stopping one is not tested.\n", stderr);
        test_reboot();
        ASSERT_EQ(in_own_mounts(without_proc), EXIT_SUCCESS);
        status = in_own_mounts(many_mounts);
        ASSERT_TRUE(status == EXIT_SUCCESS || status == 77);
        ASSERT_EQ(in_own_mounts(held_mount), status);
        if (status == 77)
                fputs("There is no overlay here: many and held mounts are not tested.\n", stderr);
        test_clock();
        return EXIT_SUCCESS;
}
