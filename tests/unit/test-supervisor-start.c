/* SPDX-License-Identifier: MIT */
/* How the process that looks after a volume is started in the booted system: this program by the name of a supervisor, which tells in its
 * record what it has found. In a PID namespace, whose first process is the test. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fd-util.h"
#include "fileio.h"
#include "nbd-record.h"
#include "string-util.h"
#include "supervisor-start.h"
#include "test.h"

static char directory[] = "/tmp/test-supervisor-start-XXXXXX";

static bool is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

static bool same_mounts(void) {
        struct stat own, first;

        return stat("/proc/self/ns/mnt", &own) >= 0 && stat("/proc/1/ns/mnt", &first) >= 0 && own.st_ino == first.st_ino;
}

static int be_supervisor(char *argv[]) {
        NbdRecord record = { .uri = (char *) "nbd://localhost", .pid = (uint64_t) getpid() };
        int domain = AF_UNSPEC, n_open = 0;
        socklen_t size = sizeof(domain);

        if (getenv("TEST_SLOW"))
                return pause();

        (void) getsockopt(3, SOL_SOCKET, SO_DOMAIN, &domain, &size);
        for (int i = 3; i < 1024; i++)
                n_open += is_open(i);
        (void) snprintf(record.reason, sizeof(record.reason), "%s %s, session %i, listen %s, socket %i, %i open, mounts %i", argv[1], argv[2],
                        getsid(0) == getpid(), getenv("LISTEN_FDS") ?: "-", domain == AF_UNIX, n_open, same_mounts());
        ASSERT_FALSE(getenv("NOTIFY_SOCKET"));
        ASSERT_OK(nbd_record_write(3, &record));
        return pause();
}

static void check(int link_fd, const char *expected) {
        NbdRecord record = {};
        pid_t pid;
        int status;

        ASSERT_OK(supervisor_start(3, link_fd, &pid));
        ASSERT_OK(kill(pid, SIGKILL));
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFSIGNALED(status));
        ASSERT_OK(nbd_record_read(3, &record));
        ASSERT_STREQ(record.reason, expected);
        nbd_record_done(&record);
}

/* What is open, without CLOEXEC as flock(1) leaves it, is not handed on; the link is, and as the first one. */
static void test_descriptors(void) {
        const char *with = "supervise /dev/nbd3, session 1, listen 1, socket 1, 1 open, mounts 1";
        int pair[2];

        ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
        ASSERT_EQ(dup2(pair[0], 3), 3);
        for (int i = 4; i < 20; i++)
                ASSERT_EQ(dup2(STDERR_FILENO, i), i);
        check(3, with);
        ASSERT_EQ(dup2(3, 19), 19);
        check(19, with);
        check(-EBADF, "supervise /dev/nbd3, session 1, listen -, socket 0, 0 open, mounts 1");

        /* Whoever was called with its output closed. */
        ASSERT_EQ(dup2(19, 1), 1);
        check(1, with);
}

/* Its exit status. By _exit(2): a sanitizer cannot look for leaks in the first process of a PID namespace. */
static int in_child(int (*f)(void)) {
        pid_t pid = fork();
        int status;

        ASSERT_TRUE(pid >= 0);
        if (pid == 0)
                _exit(f());
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

/* A service with a /tmp of its own. */
static int test_mounts(void) {
        ASSERT_OK(unshare(CLONE_NEWNS));
        ASSERT_FALSE(same_mounts());
        check(-EBADF, "supervise /dev/nbd3, session 1, listen -, socket 0, 0 open, mounts 1");
        return 0;
}

/* One that takes longer than is waited for goes on. */
static void test_slow(void) {
        pid_t pid = 0;

        ASSERT_OK(setenv("TEST_SLOW", "1", 1));
        ASSERT_ERROR(supervisor_start(3, -EBADF, &pid), ETIMEDOUT);
        ASSERT_OK(unsetenv("TEST_SLOW"));
        ASSERT_TRUE(pid > 0);
        ASSERT_EQ(waitpid(pid, NULL, WNOHANG), 0);
        ASSERT_OK(kill(pid, SIGKILL));
        ASSERT_EQ(waitpid(pid, NULL, 0), pid);
}

static void write_text(const char *name, const char *text) {
        _cleanup_free_ char *path = NULL;

        ASSERT_OK(asprintf_to(&path, "%s/%s", directory, name));
        *strrchr(path, '/') = '\0';
        ASSERT_OK(mkdir_p(path));
        path[strlen(path)] = '/';
        ASSERT_OK(write_file_atomic(path, text, strlen(text), 0644));
}

static void test_control_group(void) {
        static const char *const groups[] = { "fs/cgroup/cgroup.procs", "fs/cgroup/unified/cgroup.procs", "fs/cgroup/systemd/cgroup.procs",
                                              "fs/cgroup/openrc/cgroup.procs" };

        for (size_t i = 0; i < ELEMENTSOF(groups); i++) {
                _cleanup_free_ char *path = NULL, *text = NULL;

                write_text(groups[i], "x");
                check(-EBADF, "supervise /dev/nbd3, session 1, listen -, socket 0, 0 open, mounts 1");
                ASSERT_OK(asprintf_to(&path, "%s/%s", directory, groups[i]));
                ASSERT_OK(read_file(path, 64, &text, NULL));
                ASSERT_STREQ(text, "0");
        }
}

static int test(void) {
        _cleanup_free_ char *remove = NULL;

        ASSERT_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
        if (mount("proc", "/proc", "proc", 0, NULL) < 0)
                return 77;
        ASSERT_TRUE(mkdtemp(directory));
        ASSERT_OK(setenv("SCALEWAY_RUN", directory, 1));
        ASSERT_OK(setenv("SCALEWAY_SYS", directory, 1));
        ASSERT_OK(setenv("NOTIFY_SOCKET", "/nowhere", 1));
        test_descriptors();
        test_control_group();
        ASSERT_EQ(in_child(test_mounts), 0);
        test_slow();
        ASSERT_OK(asprintf_to(&remove, "rm -r '%s'", directory));
        return system(remove) == 0 ? 0 : EXIT_FAILURE;
}

static int in_namespaces(void) {
        return unshare(CLONE_NEWPID | CLONE_NEWNS) < 0 ? 77 : in_child(test);
}

int main(int argc, char *argv[]) {
        if (streq(argv[0], NBD_SUPERVISOR_NAME))
                return be_supervisor(argv);

        return geteuid() != 0 ? 77 : in_child(in_namespaces);
}
