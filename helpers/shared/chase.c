/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bounds.h"
#include "chase.h"
#include "fd-util.h"
#include "string-util.h"

/* The directories from the root down to where we are: ".." is going back on this list, never openat(fd, ".."). */
typedef struct Trail {
        int fds[CHASE_DEPTH_MAX];
        size_t n;
} Trail;

static void trail_cut(Trail *t, size_t n) {
        while (t->n > n)
                safe_close(t->fds[--t->n]);
}

static void trail_done(Trail *t) {
        trail_cut(t, 0);
}

/* Takes the first component off the path in rest, into component. Returns false if there is none left. */
static bool next_component(char *rest, char component[static NAME_MAX + 1], bool *too_long) {
        size_t slashes = strspn(rest, "/"), n = strcspn(rest + slashes, "/");

        *too_long = n > NAME_MAX;
        if (n == 0 || *too_long)
                return false;

        memcpy(component, rest + slashes, n);
        component[n] = '\0';
        memmove(rest, rest + slashes + n, strlen(rest + slashes + n) + 1);
        return true;
}

/* Puts what the symlink fd points to in front of the rest. */
static int insert_link(int fd, char rest[static PATH_MAX]) {
        char link[PATH_MAX], joined[PATH_MAX];
        ssize_t n;
        int k;

        n = readlinkat(fd, "", link, sizeof(link) - 1);
        if (n < 0)
                return -errno;
        if (n == 0)
                return -ENOENT;
        link[n] = '\0';

        k = snprintf(joined, sizeof(joined), "%s/%s", link, rest);
        if (k < 0 || (size_t) k >= sizeof(joined))
                return -ENAMETOOLONG;

        memcpy(rest, joined, (size_t) k + 1);
        return link[0] == '/';
}

int chase_by_component(int root_fd, const char *path) {
        _cleanup_(trail_done) Trail trail = {};
        char rest[PATH_MAX], component[NAME_MAX + 1];
        unsigned n_links = 0;
        bool too_long;

        assert(root_fd >= 0);
        assert(path);

        if (strlen(path) >= sizeof(rest))
                return -ENAMETOOLONG;
        strcpy(rest, path);

        while (next_component(rest, component, &too_long)) {
                int parent = trail.n > 0 ? trail.fds[trail.n - 1] : root_fd, r;
                _cleanup_close_ int fd = -EBADF;
                struct stat st;

                if (streq(component, "."))
                        continue;
                if (streq(component, "..")) {
                        trail_cut(&trail, trail.n > 0 ? trail.n - 1 : 0);
                        continue;
                }

                fd = openat(parent, component, O_PATH | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
                if (fstat(fd, &st) < 0)
                        return -errno;

                if (S_ISLNK(st.st_mode)) {
                        if (++n_links > SYMLINKS_MAX)
                                return -ELOOP;
                        r = insert_link(fd, rest);
                        if (r < 0)
                                return r;
                        if (r > 0)
                                trail_cut(&trail, 0);
                        continue;
                }

                if (trail.n >= CHASE_DEPTH_MAX)
                        return -ENAMETOOLONG;
                trail.fds[trail.n++] = TAKE_FD(fd);
        }

        if (too_long)
                return -ENAMETOOLONG;
        if (trail.n == 0) {
                int fd = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

                return fd < 0 ? -errno : fd;
        }

        return TAKE_FD(trail.fds[--trail.n]);
}

int chase_in_root(int root_fd, const char *path) {
        struct open_how how = {
                .flags = O_PATH | O_CLOEXEC,
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };
        int fd;

        assert(root_fd >= 0);
        assert(path);

        /* EAGAIN: something was renamed on the way and the kernel cannot exclude an escape. */
        fd = (int) syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        if (fd >= 0)
                return fd;
        if (errno == ENOSYS || errno == EAGAIN)
                return chase_by_component(root_fd, path);

        return -errno;
}
