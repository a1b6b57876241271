/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/time.h>

#include "bounds.h"
#include "fd-util.h"
#include "fileio.h"
#include "paths.h"
#include "state-file.h"
#include "string-util.h"

/* Names of the files of paths.h, relative to the directory that is held open. */
static const char *below_directory(const char *name) {
        const char *below = startswith(name, "scaleway/");

        assert(below);
        return below;
}

int state_file_open(StateFile *s) {
        _cleanup_close_ int dir_fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        int r;

        assert(s);

        *s = (StateFile) { .dir_fd = -EBADF, .lock_fd = -EBADF };
        r = run_path("scaleway", &path);
        if (r < 0)
                return r;
        r = mkdir_p(path);
        if (r < 0)
                return r;

        dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return -errno;
        s->lock_fd = openat(dir_fd, below_directory(RUN_STATE_LOCK), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (s->lock_fd < 0)
                return -errno;

        s->dir_fd = TAKE_FD(dir_fd);
        return 0;
}

void state_file_done(StateFile *s) {
        s->dir_fd = safe_close(s->dir_fd);
        s->lock_fd = safe_close(s->lock_fd);
}

static void on_alarm(int signal_number) {
}

int state_file_lock(StateFile *s, usec_t deadline) {
        struct sigaction action = { .sa_handler = on_alarm }, saved;
        struct itimerval timer = { .it_interval = { .tv_usec = 100000 }, .it_value = { .tv_usec = 100000 } }, none = {};
        int r = 0;

        assert(s);

        /* flock() has no timeout. The signal comes every 0.1 s, so that none is lost that comes just before the call; a
         * lock that is set free wakes us up at once. */
        if (sigaction(SIGALRM, &action, &saved) < 0 || setitimer(ITIMER_REAL, &timer, NULL) < 0)
                return -errno;

        while (flock(s->lock_fd, LOCK_EX) < 0) {
                if (errno != EINTR) {
                        r = -errno;
                        break;
                }
                if (now_usec() >= deadline) {
                        r = -ETIMEDOUT;
                        break;
                }
        }

        (void) setitimer(ITIMER_REAL, &none, NULL);
        (void) sigaction(SIGALRM, &saved, NULL);
        return r;
}

/* The order within a boot; 0 for states that have none. */
static unsigned state_rank(const char *state) {
        return startswith(state, "failed: ") ? 3 : streq(state, "booted") ? 2 : streq(state, "kernel-started") ? 1 : 0;
}

int state_file_taken(const StateFile *s, const char *state) {
        _cleanup_free_ char *taken = NULL;

        assert(s);
        assert(state);

        if (s->dir_fd < 0 || read_file_at(s->dir_fd, below_directory(RUN_STATE), STATE_FILE_MAX, &taken, NULL) < 0)
                return 0;

        taken[strcspn(taken, "\n")] = '\0';
        return streq(taken, state) || (state_rank(state) > 0 && state_rank(taken) > state_rank(state));
}

int state_file_record(const StateFile *s, const char *state) {
        _cleanup_free_ char *line = NULL;
        int r;

        assert(s);
        assert(state);

        r = asprintf_to(&line, "%s\n", state);
        if (r < 0)
                return r;

        return write_file_atomic_at(s->dir_fd, below_directory(RUN_STATE), line, strlen(line), 0644);
}
