/* SPDX-License-Identifier: MIT */
/* The download as it comes, in one file: a kernel, an initrd. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc-util.h"
#include "fd-util.h"
#include "log.h"
#include "space.h"
#include "string-util.h"
#include "target.h"

typedef struct TargetFile {
        Target target;    /* first */
        int fd;           /* of the temporary file, -EBADF while there is none */
        const char *name; /* within dir_fd */
        char *temporary;
        uint64_t left; /* bytes that may be written */
        bool empty;
} TargetFile;

static TargetFile *file(Target *t) {
        return (TargetFile *) t;
}

static int file_begin(Target *t, uint64_t budget) {
        TargetFile *x = file(t);

        assert(x->fd < 0);

        x->left = budget;
        x->empty = true;
        x->fd = openat(t->dir_fd, x->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (x->fd < 0)
                return reason_set(t->reason, errno, "Failed to create '%s': %m", t->path);
        return 0;
}

static int file_data(Target *t, const void *data, size_t n) {
        TargetFile *x = file(t);
        int r;

        if (n > x->left)
                return reason_set(t->reason, ENOSPC, "Not enough space for '%s'", t->path);
        r = write_all(x->fd, data, n);
        if (r < 0)
                return reason_set(t->reason, r, "Failed to write '%s': %m", t->path);

        x->left -= n;
        x->empty = false;
        return 0;
}

static int file_end(Target *t, bool complete) {
        TargetFile *x = file(t);

        x->fd = safe_close(x->fd);
        if (!complete)
                return -ECANCELED;
        if (x->empty)
                return reason_set(t->reason, EBADMSG, "The file is empty");
        if (renameat(t->dir_fd, x->temporary, t->dir_fd, x->name) < 0)
                return reason_set(t->reason, errno, "Failed to create '%s': %m", t->path);
        return 0;
}

static int file_clear(Target *t) {
        TargetFile *x = file(t);

        if (unlinkat(t->dir_fd, x->temporary, 0) < 0 && errno != ENOENT)
                return reason_set(t->reason, errno, "Failed to remove what was downloaded to '%s': %m", t->path);
        return 0;
}

static void file_tell(Target *t, uint64_t downloaded, usec_t begin) {
        _cleanup_free_ char *size = format_size(downloaded);

        log_info("Downloaded '%s', %s, in %.1f s.", t->path, size ?: "?",
                 (double) (now_usec() - begin) / (double) USEC_PER_SEC);
}

static void file_free(Target *t) {
        TargetFile *x = file(t);

        safe_close(x->fd);
        safe_close(t->dir_fd);
        free(x->temporary);
        free(x);
}

int target_file_open(const char *path, Reason *reason, Target **ret) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        _cleanup_free_ char *folder = NULL, *temporary = NULL;
        _cleanup_close_ int fd = -EBADF;
        TargetFile *x;

        assert(path);

        if (isempty(name))
                return log_error_errno(EISDIR, "'%s' is a directory, --file wants a file.", path);

        folder = slash ? strndup(path, MAX((size_t) (slash - path), (size_t) 1)) : strdup(".");
        if (!folder || asprintf_to(&temporary, ".%s.part", name) < 0)
                return log_oom();
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return log_error_errno(errno, "Failed to open the directory '%s': %m", folder);
        /* Of a run that was killed. */
        if ((unlinkat(fd, temporary, 0) < 0 && errno != ENOENT) || (unlinkat(fd, name, 0) < 0 && errno != ENOENT))
                return log_error_errno(errno, "Failed to replace '%s': %m", path);

        x = new0(TargetFile, 1);
        if (!x)
                return log_oom();
        x->fd = -EBADF;
        x->empty = true;
        x->name = name;
        x->temporary = TAKE_PTR(temporary);
        x->target = (Target){
                .reason = reason,
                .path = path,
                .dir_fd = TAKE_FD(fd),
                .begin = file_begin,
                .data = file_data,
                .end = file_end,
                .clear = file_clear,
                .tell = file_tell,
                .free = file_free,
        };

        *ret = &x->target;
        return 0;
}
