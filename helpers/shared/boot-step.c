/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc-util.h"
#include "boot-step.h"
#include "fd-util.h"
#include "fileio.h"
#include "mount-point.h"
#include "paths.h"
#include "poll-util.h"
#include "string-util.h"

static void remove_file(const char *name) {
        _cleanup_free_ char *path = NULL;

        if (run_path(name, &path) >= 0)
                (void) unlink(path);
}

static int write_line(const char *name, const char *text) {
        _cleanup_free_ char *path = NULL, *line = NULL;
        int r;

        r = run_path(name, &path);
        if (r < 0)
                return r;
        r = asprintf_to(&line, "%s\n", text);
        if (r < 0)
                return r;

        return write_file_atomic(path, line, strlen(line), 0644);
}

void boot_step_show(const char *name, const char *text) {
        (void) !write_line(RUN_STEP, name);
        (void) !write_line(RUN_MOTD, text);
}

void boot_step_hide(void) {
        remove_file(RUN_STEP);
        remove_file(RUN_MOTD);
}

/* Read and write: a FIFO without a writer would be readable for ever. */
static int open_fifo(void) {
        _cleanup_free_ char *path = NULL;
        int r, fd;

        r = run_path(RUN_CONTINUE, &path);
        if (r < 0)
                return r;
        if ((unlink(path) < 0 && errno != ENOENT) || mkfifo(path, 0600) < 0)
                return -errno;

        fd = open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int boot_step_open(bool needs_root) {
        int r;

        /* What an earlier one wanted says nothing of this one. */
        if (needs_root) {
                r = write_line(RUN_NEEDS_ROOT, "");
                if (r < 0)
                        return r;
        } else
                remove_file(RUN_NEEDS_ROOT);

        return open_fifo();
}

void boot_step_forget_call(int fd) {
        char buffer[64];

        (void) !read(fd, buffer, sizeof(buffer));
}

bool boot_step_wait(int fd, usec_t deadline) {
        return poll_readable(fd, deadline);
}

int boot_step_close(int fd) {
        remove_file(RUN_CONTINUE);
        remove_file(RUN_NEEDS_ROOT);
        return safe_close(fd);
}

static int may_call(void) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = run_path(RUN_NEEDS_ROOT, &path);
        if (r < 0)
                return r;
        if (access(path, F_OK) < 0)
                return 0;

        r = path_is_mount_point(sysroot_path());
        return r < 0 ? r : r == 0 ? -ENOENT : 0;
}

int boot_step_call(void) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = run_path(RUN_CONTINUE, &path);
        if (r < 0)
                return r;
        /* Nobody reads it: not there, or left behind. */
        fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -ENXIO : -errno;
        r = may_call();
        if (r < 0)
                return r;

        return write_all(fd, "\n", 1);
}
