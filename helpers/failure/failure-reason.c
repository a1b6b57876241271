/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "bounds.h"
#include "failure-reason.h"
#include "fd-util.h"
#include "fileio.h"
#include "paths.h"
#include "poll-util.h"
#include "string-util.h"
#include "time-util.h"

extern char **environ;

static int first_line(const char *text, char **ret) {
        _cleanup_free_ char *line = strndup(text, strcspn(text, "\n"));

        if (!line)
                return -ENOMEM;
        *ret = printable(line, FAILURE_REASON_MAX);
        return *ret ? 0 : -ENOMEM;
}

/* Starts systemctl with its standard output on *ret_fd, and the console kept free of its messages. */
static int spawn_systemctl(pid_t *ret_pid, int *ret_fd) {
        static const char *const arguments[] = {
                "systemctl", "show", "--no-pager", "--state=failed", "--property=Id,Description,Result", "*", NULL
        };
        posix_spawn_file_actions_t actions;
        int r, pair[2];

        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;

        r = posix_spawn_file_actions_init(&actions);
        if (r == 0) {
                r = posix_spawn_file_actions_adddup2(&actions, pair[1], STDOUT_FILENO);
                if (r == 0)
                        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
                if (r == 0)
                        r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
                if (r == 0)
                        r = posix_spawnp(ret_pid, arguments[0], &actions, NULL, (char **) arguments, environ);
                (void) posix_spawn_file_actions_destroy(&actions);
        }

        safe_close(pair[1]);
        if (r != 0) {
                safe_close(pair[0]);
                return -r;
        }
        *ret_fd = pair[0];
        return 0;
}

/* Reads until the end, buffer is full, or the time is over: a manager that hangs must not hold up the failure path. */
static void read_bounded(int fd, char *buffer, size_t size) {
        usec_t deadline = now_usec() + FAILURE_LIST_USEC;
        size_t n = 0;

        while (n + 1 < size && poll_readable(fd, deadline)) {
                ssize_t k = read(fd, buffer + n, size - n - 1);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        break;
                n += (size_t) k;
        }

        buffer[n] = '\0';
}

/* What `systemctl show` says of one unit, in the text that it was read into. */
typedef struct FailedUnit {
        const char *id, *description, *result;
} FailedUnit;

/* systemd ends a unit that takes too long before its program can leave a reason: this is the only place to say so. */
static void describe_unit(FILE *f, const FailedUnit *u) {
        if (isempty(u->id))
                return;

        (void) fprintf(f, "%s%s", ftell(f) > 0 ? ", " : "", u->id);
        if (!isempty(u->description) && !streq(u->description, u->id))
                (void) fprintf(f, " (%s)", u->description);
        (void) fputs(streq_ptr(u->result, "timeout") ? " took too long" : " failed", f);
        if (!isempty(u->result))
                (void) fprintf(f, " (%s)", u->result);
}

/* Lines KEY=VALUE, an empty one after each unit. Cuts text in place. */
static int describe_units(char *text, char **ret) {
        FailedUnit unit = {};
        char *list = NULL, *line;
        size_t size;
        FILE *f;

        f = open_memstream(&list, &size);
        if (!f)
                return -ENOMEM;

        while ((line = strsep(&text, "\n"))) {
                if (*line == '\0') {
                        describe_unit(f, &unit);
                        unit = (FailedUnit) {};
                        continue;
                }
                unit.id = startswith(line, "Id=") ?: unit.id;
                unit.description = startswith(line, "Description=") ?: unit.description;
                unit.result = startswith(line, "Result=") ?: unit.result;
        }
        describe_unit(f, &unit);

        if (fclose(f) != 0) {
                free(list);
                return -ENOMEM;
        }
        *ret = list;
        return 0;
}

static int failed_units(char **ret) {
        _cleanup_free_ char *buffer = NULL;
        _cleanup_close_ int fd = -EBADF;
        pid_t pid;
        int r;

        buffer = malloc(FAILURE_LIST_MAX);
        if (!buffer)
                return -ENOMEM;

        r = spawn_systemctl(&pid, &fd);
        if (r < 0)
                return r;

        read_bounded(fd, buffer, FAILURE_LIST_MAX);
        (void) kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;

        return describe_units(buffer, ret);
}

int failure_reason(char **ret) {
        _cleanup_free_ char *path = NULL, *text = NULL, *units = NULL;
        int r;

        assert(ret);

        r = run_path(RUN_FAILURE, &path);
        if (r < 0)
                return r;

        if (read_file(path, FAILURE_FILE_MAX, &text, NULL) >= 0 && text[strspn(text, " \t\r\n")])
                return first_line(text, ret);

        if (failed_units(&units) >= 0 && !isempty(units))
                return first_line(units, ret);

        return strdup_to(ret, "no reason is known, see journalctl -b");
}
