/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc-util.h"
#include "bounds.h"
#include "dropbearkey.h"
#include "fd-util.h"
#include "fileio.h"
#include "host-key.h"
#include "log.h"
#include "root-file.h"
#include "string-util.h"

#define PARENT "/var/lib"
#define SUBDIRECTORY "scaleway"
#define ON_ROOT "'" HOST_KEY_DIRECTORY "/" HOST_KEY_NAME "' of the root"

_Static_assert(sizeof(PARENT "/" SUBDIRECTORY) == sizeof(HOST_KEY_DIRECTORY), "the directory in two parts");

static bool is_roots_alone(const struct stat *st, mode_t forbidden) {
        return st->st_uid == 0 && (st->st_mode & forbidden) == 0;
}

/* The directory of the root, made if make says so. Whoever else can write there could put any key. */
static int open_directory(int root_fd, bool make) {
        _cleanup_close_ int parent_fd = -EBADF, fd = -EBADF;
        struct stat st;

        parent_fd = root_directory_open(root_fd, PARENT);
        if (parent_fd < 0)
                return parent_fd;
        if (make && mkdirat(parent_fd, SUBDIRECTORY, 0755) < 0 && errno != EEXIST)
                return -errno;

        fd = openat(parent_fd, SUBDIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        return is_roots_alone(&st, 0022) ? TAKE_FD(fd) : -EPERM;
}

static int read_kept(int root_fd, char **ret, size_t *ret_size) {
        _cleanup_close_ int directory_fd = -EBADF, fd = -EBADF;
        struct stat st;

        directory_fd = open_directory(root_fd, /* make= */ false);
        if (directory_fd < 0)
                return directory_fd;
        /* Not blocking: whoever has made the root may have put a FIFO there. */
        fd = openat(directory_fd, HOST_KEY_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if (!is_roots_alone(&st, 0077))
                return -EPERM;

        return read_fd(fd, HOST_KEY_MAX, ret, ret_size);
}

/* Returns 1, 0 if no usable one is kept, or a negative errno. */
static int take_kept(int root_fd, const char *path, char **ret_fingerprint) {
        _cleanup_free_ char *key = NULL, *message = NULL;
        size_t size;
        int r;

        r = read_kept(root_fd, &key, &size);
        if (r == -ENOENT)
                return 0;
        if (r >= 0) {
                r = write_file_atomic(path, key, size, 0600);
                explicit_bzero(key, size);
                if (r < 0)
                        return log_error_errno(r, "Failed to write '%s': %m", path);
                r = dropbearkey_fingerprint(path, ret_fingerprint, &message);
        }
        if (r == -ENOMEM)
                return log_oom();
        if (r < 0) {
                log_warning_errno(r, "No usable host key is in " ON_ROOT ", making a new one: %s%s%m", message ?: "",
                                  isempty(message) ? "" : ": ");
                (void) unlink(path);
                return 0;
        }

        return 1;
}

static int make(const char *path, char **ret_fingerprint) {
        _cleanup_free_ char *message = NULL;
        int r;

        if (unlink(path) < 0 && errno != ENOENT)
                return log_error_errno(errno, "Failed to remove '%s': %m", path);
        r = dropbearkey_make(path, &message);
        if (r >= 0) {
                message = mfree(message);
                r = dropbearkey_fingerprint(path, ret_fingerprint, &message);
        }
        if (r < 0)
                return log_error_errno(r, "Failed to make a host key: %s%s%m", message ?: "", isempty(message) ? "" : ": ");

        return 0;
}

static int write_kept(int root_fd, const char *path) {
        _cleanup_close_ int directory_fd = -EBADF;
        _cleanup_free_ char *key = NULL;
        size_t size;
        int r;

        r = read_file(path, HOST_KEY_MAX, &key, &size);
        if (r < 0)
                return r;
        directory_fd = open_directory(root_fd, /* make= */ true);
        r = directory_fd < 0 ? directory_fd : write_file_atomic_at(directory_fd, HOST_KEY_NAME, key, size, 0600);
        explicit_bzero(key, size);
        return r;
}

static void keep(int root_fd, const char *path) {
        int r;

        if (root_is_read_only(root_fd)) {
                log_notice("The root is mounted read-only, the host key is for this boot only.");
                return;
        }

        r = write_kept(root_fd, path);
        if (r < 0)
                log_warning_errno(r, "Cannot keep the host key in " ON_ROOT ", it is for this boot only: %m");
}

int host_key_settle(int root_fd, const char *path, char **ret_fingerprint) {
        int r;

        assert(path);
        assert(ret_fingerprint);

        if (root_fd >= 0) {
                r = take_kept(root_fd, path, ret_fingerprint);
                if (r != 0)
                        return r;
        }
        r = make(path, ret_fingerprint);
        if (r < 0)
                return r;
        if (root_fd >= 0)
                keep(root_fd, path);

        return 0;
}
