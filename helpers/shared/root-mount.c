/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <linux/major.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd-util.h"
#include "root-mount.h"
#include "string-util.h"

static void table_unrefp(struct libmnt_table **t) {
        if (*t)
                mnt_unref_table(*t);
}

static void free_contextp(struct libmnt_context **c) {
        if (*c)
                mnt_free_context(*c);
}

/* Returns 1 and what is mounted on target, in *ret_table, 0, or a negative errno. */
static int find_mount(const char *real_target, struct libmnt_table **ret_table, struct libmnt_fs **ret) {
        *ret_table = mnt_new_table_from_file("/proc/self/mountinfo");
        if (!*ret_table)
                return errno > 0 ? -errno : -ENOMEM;
        *ret = mnt_table_find_target(*ret_table, real_target, MNT_ITER_BACKWARD);
        return *ret ? 1 : 0;
}

int root_has_mount(const char *real_target) {
        _cleanup_(table_unrefp) struct libmnt_table *table = NULL;
        struct libmnt_fs *fs;

        assert(real_target);

        return find_mount(real_target, &table, &fs);
}

int root_is_mounted(const char *path, const char *target) {
        _cleanup_(table_unrefp) struct libmnt_table *table = NULL;
        _cleanup_free_ char *real_path = NULL, *real_target = NULL;
        struct libmnt_fs *fs;
        struct stat st;
        int r;

        assert(path);
        assert(target);

        real_target = realpath(target, NULL);
        if (!real_target)
                return -errno;

        r = find_mount(real_target, &table, &fs);
        if (r <= 0)
                return r;

        /* btrfs has a device number of its own, so the name counts as well. */
        if (stat(path, &st) >= 0 && S_ISBLK(st.st_mode) && mnt_fs_get_devno(fs) == st.st_rdev)
                return 1;
        real_path = realpath(path, NULL);
        return real_path && streq_ptr(mnt_fs_get_srcpath(fs), real_path) ? 1 : -EBUSY;
}

/* Disks under a logical volume: whether one of them is an NBD device or a partition of one. A volume on volumes (thin
 * ones, snapshots) is a few of them deep. */
static bool below_is_remote(int dir_fd, unsigned depth) {
        _cleanup_(closedirp) DIR *d = NULL;
        const struct dirent *entry;
        int fd;

        fd = openat(dir_fd, "slaves", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return false;
        d = fdopendir(fd);
        if (!d) {
                safe_close(fd);
                return false;
        }

        while ((entry = readdir(d))) {
                _cleanup_close_ int below = -EBADF;

                if (entry->d_name[0] == '.')
                        continue;
                if (startswith(entry->d_name, "nbd"))
                        return true;
                below = depth > 0 ? openat(dirfd(d), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -EBADF;
                if (below >= 0 && below_is_remote(below, depth - 1))
                        return true;
        }

        return false;
}

/* Whatever name the device was given by: nbd has a major number of its own, the partitions beyond the first 15 have
 * not, and a logical volume says below what it lies on. */
static bool device_is_remote(const char *path) {
        _cleanup_free_ char *real = realpath(path, NULL), *directory = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (real && startswith(real, "/dev/nbd"))
                return true;
        if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
                return false;
        if (major(st.st_rdev) == NBD_MAJOR)
                return true;

        if (asprintf_to(&directory, "/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev)) < 0)
                return false;
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd >= 0 && below_is_remote(fd, /* depth= */ 8);
}

static int set_up_context(struct libmnt_context *c, const char *path, const char *target, const char *type,
                          const char *options) {
        int r;

        /* The arguments are all there is: neither /etc/fstab nor mount helpers of other file systems have a say. */
        r = mnt_context_disable_helpers(c, true);
        if (r == 0)
                r = mnt_context_set_optsmode(c, MNT_OMODE_NOTAB);
        if (r == 0)
                r = mnt_context_set_source(c, path);
        if (r == 0)
                r = mnt_context_set_target(c, target);
        if (r == 0 && !isempty(type))
                r = mnt_context_set_fstype(c, type);
        if (r == 0 && !isempty(options))
                r = mnt_context_set_options(c, options);
        if (r == 0 && device_is_remote(path))
                r = mnt_context_append_options(c, "_netdev");

        return r;
}

int root_mount(const char *path, const char *target, const char *type, const char *options, char **ret_message) {
        _cleanup_(free_contextp) struct libmnt_context *c = NULL;
        char message[BUFSIZ] = "";
        int r, error;

        assert(path);
        assert(target);
        assert(ret_message);

        c = mnt_new_context();
        if (!c)
                return -ENOMEM;

        r = set_up_context(c, path, target, type, options);
        if (r != 0)
                return r;

        r = mnt_context_mount(c);
        if (r == 0 && mnt_context_get_status(c) == 1)
                return 0;

        error = mnt_context_syscall_called(c) ? mnt_context_get_syscall_errno(c) : r < 0 ? -r : 0;
        (void) mnt_context_get_excode(c, r, message, sizeof(message));
        r = strdup_to(ret_message, isempty(message) ? "mount failed" : message);
        if (r < 0)
                return r;

        return error > 0 ? -error : -EINVAL;
}

int root_look(const char *target) {
        static const char *const usual[] = { "usr", "etc", "bin", "sbin", "lib" };
        _cleanup_(closedirp) DIR *d = NULL;
        const struct dirent *entry;
        int look = ROOT_EMPTY;

        assert(target);

        d = opendir(target);
        if (!d)
                return -errno;

        for (errno = 0; (entry = readdir(d)); errno = 0) {
                if (streq(entry->d_name, ".") || streq(entry->d_name, "..") || streq(entry->d_name, "lost+found"))
                        continue;

                look = MAX(look, (int) ROOT_STRANGE);
                for (size_t i = 0; i < ELEMENTSOF(usual); i++)
                        if (streq(entry->d_name, usual[i]))
                                return ROOT_FINE;
        }

        return errno > 0 ? -errno : look;
}
