/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounds.h"
#include "fd-util.h"
#include "poll-util.h"
#include "root-command.h"
#include "string-util.h"

typedef struct Stream {
        int fd; /* ours, to read from; -EBADF after its end */
        char *text;
        size_t size;
} Stream;

static void stream_done(Stream *s) {
        s->fd = safe_close(s->fd);
        s->text = mfree(s->text);
}

/* Reads what is there; what does not fit is thrown away, so that the program does not wait for us. */
static void stream_read(Stream *s) {
        char dropped[4096];
        bool full = s->size >= COMMAND_OUTPUT_MAX;
        ssize_t n;

        n = full ? read(s->fd, dropped, sizeof(dropped)) : read(s->fd, s->text + s->size, COMMAND_OUTPUT_MAX - s->size);
        if (n > 0 && !full)
                s->size += (size_t) n;
        else if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
                s->fd = safe_close(s->fd);
}

/* The pipe's other end goes to *ret_theirs, to be closed by the caller. */
static int stream_open(Stream *s, int *ret_theirs) {
        int fds[2];

        s->text = malloc(COMMAND_OUTPUT_MAX + 1);
        if (!s->text)
                return -ENOMEM;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;

        s->fd = fds[0];
        *ret_theirs = fds[1];
        return 0;
}

/* False when the time is over; else *ret is until when to wait at once, and on_wait was called. */
static bool begin_wait(usec_t deadline, void (*on_wait)(void), usec_t *ret) {
        usec_t now = now_usec();

        if (now >= deadline)
                return false;
        if (on_wait)
                on_wait();
        *ret = MIN(deadline, now + COMMAND_POLL_USEC);
        return true;
}

/* False when the time is over. */
static bool read_until_end(Stream *output, Stream *errors, usec_t deadline, void (*on_wait)(void)) {
        while (output->fd >= 0 || errors->fd >= 0) {
                struct pollfd fds[] = {
                        { .fd = output->fd, .events = POLLIN },
                        { .fd = errors->fd, .events = POLLIN },
                };
                usec_t until;

                if (!begin_wait(deadline, on_wait, &until))
                        return false;
                if (poll_until(fds, ELEMENTSOF(fds), until) <= 0)
                        continue;
                if (fds[0].revents)
                        stream_read(output);
                if (fds[1].revents)
                        stream_read(errors);
        }

        return true;
}

/* A program may go on after it has closed both streams. False when the time is over. */
static bool wait_for_end(pid_t pid, usec_t deadline, void (*on_wait)(void)) {
        _cleanup_close_ int fd = pidfd_open(pid, 0);
        usec_t until;

        if (fd < 0)
                return true; /* an old kernel: only waitpid() is left */
        while (begin_wait(deadline, on_wait, &until))
                if (poll_readable(fd, until))
                        return true;

        return false;
}

static int spawn(const char *const argv[], bool person, int output_fd, int error_fd, pid_t *ret) {
        static const char *const environment[] = {
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "LC_ALL=C",
                "LVM_SUPPRESS_FD_WARNINGS=1",
                NULL,
        };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r != 0) {
                (void) posix_spawn_file_actions_destroy(&actions);
                return -r;
        }

        /* A group of its own, so that what it has started can be killed with it; but only ours may read from a terminal. */
        if (!person) {
                r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
                if (r == 0)
                        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        }
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, error_fd, STDERR_FILENO);
        if (r == 0)
                r = posix_spawn(ret, argv[0], &actions, &attributes, (char *const *) argv, (char *const *) environment);

        (void) posix_spawnattr_destroy(&attributes);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int last_line(Stream *s, char **ret) {
        char *line;

        s->text[s->size] = '\0';
        while (s->size > 0 && strchr(" \n\r\t", s->text[s->size - 1]))
                s->text[--s->size] = '\0';
        line = strrchr(s->text, '\n');
        line = line ? line + 1 : s->text;

        *ret = printable(line + strspn(line, " \t"), COMMAND_MESSAGE_MAX);
        return *ret ? 0 : -ENOMEM;
}

static int run(const char *const argv[], bool person, usec_t deadline, void (*on_wait)(void), char **ret_output, char **ret_message) {
        _cleanup_(stream_done) Stream output = { .fd = -EBADF }, errors = { .fd = -EBADF };
        _cleanup_close_ int output_fd = -EBADF, error_fd = -EBADF;
        bool in_time;
        int r, status;
        pid_t pid;

        r = stream_open(&output, &output_fd);
        if (r < 0)
                return r;
        r = stream_open(&errors, &error_fd);
        if (r < 0)
                return r;
        r = spawn(argv, person, output_fd, error_fd, &pid);
        if (r < 0)
                return r;
        output_fd = safe_close(output_fd);
        error_fd = safe_close(error_fd);

        in_time = read_until_end(&output, &errors, deadline, on_wait) && wait_for_end(pid, deadline, on_wait);
        if (!in_time)
                (void) kill(-pid, SIGKILL);
        /* One that sleeps in the kernel does not end even now; the unit's own time limit is for that. */
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;

        r = last_line(&errors, ret_message);
        if (r < 0)
                return r;
        if (!in_time)
                return -ETIMEDOUT;
        if (!WIFEXITED(status))
                return -EPROTO;

        output.text[output.size] = '\0';
        *ret_output = TAKE_PTR(output.text);
        return WEXITSTATUS(status);
}

const char *systemctl_program(void) {
        return secure_getenv("SCALEWAY_SYSTEMCTL_COMMAND") ?: "/usr/bin/systemctl";
}

int root_command(const char *const argv[], usec_t deadline, char **ret_output, char **ret_message) {
        assert(argv && argv[0]);
        assert(ret_output);
        assert(ret_message);

        return run(argv, /* person= */ false, deadline, /* on_wait= */ NULL, ret_output, ret_message);
}

int root_command_person(const char *const argv[], void (*on_wait)(void), char **ret_message) {
        _cleanup_free_ char *output = NULL;

        assert(argv && argv[0]);
        assert(ret_message);

        return run(argv, /* person= */ true, USEC_INFINITY, on_wait, &output, ret_message);
}
