/* SPDX-License-Identifier: MIT */
/* Puts the program where it stays: a tmpfs of its own on /run/initramfs. Of its own, because /run may be mounted noexec
 * and is shared with everything else; limited, because it is memory that the server never gets back; and systemd leaves
 * it mounted, by that name, up to the end. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "applet.h"
#include "fd-util.h"
#include "fileio.h"
#include "log.h"
#include "mount-point.h"
#include "paths.h"
#include "string-util.h"

#define OPTIONS "mode=0755,size=4M,nr_inodes=128"
#define PROGRAM "usr/bin/scaleway-exit"

/* systemd-shutdown moves /proc and so on there, and the old root to oldroot. */
static const char *const folders[] = { "bin",  "dev", "etc", "oldroot", "proc",    "run",
                                       "sbin", "sys", "usr", "usr/bin", "usr/sbin" };

static int mount_folder(const char *path) {
        int r;

        r = mkdir_p(path);
        if (r < 0)
                return log_error_errno(r, "Failed to make '%s': %m", path);

        /* A second run brings the program up to date. */
        r = path_is_mount_point(path);
        if (r < 0)
                return log_error_errno(r, "Failed to look at '%s': %m", path);
        if (r == 0 && mount("initramfs", path, "tmpfs", MS_NOSUID | MS_NODEV, OPTIONS) < 0)
                return log_error_errno(errno, "Failed to mount a tmpfs on '%s': %m", path);

        return 0;
}

static int copy_program(int dir_fd) {
        static const char temporary[] = PROGRAM ".new";
        _cleanup_close_ int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = -EBADF;
        struct stat st;
        int r = 0;

        if (from < 0 || fstat(from, &st) < 0)
                return log_error_errno(errno, "Failed to open the own program: %m");
        (void) unlinkat(dir_fd, temporary, 0);
        to = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755);
        if (to < 0)
                return log_error_errno(errno, "Failed to create '%s': %m", temporary);

        for (off_t left = st.st_size; r >= 0 && left > 0;) {
                ssize_t n = sendfile(to, from, NULL, (size_t) left);

                r = n < 0 ? -errno : n == 0 ? -EIO : 0;
                left -= r < 0 ? 0 : n;
        }
        /* Not by the creation: that heeds the umask. */
        if (r >= 0 && (fchmod(to, 0755) < 0 || renameat(dir_fd, temporary, dir_fd, PROGRAM) < 0))
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dir_fd, temporary, 0);
                return log_error_errno(r, "Failed to copy the program: %m");
        }

        return 0;
}

/* Relative ones, as the folder becomes a root. */
static int link_applet(int dir_fd, const char *path) {
        char target[64] = "";

        for (const char *p = path; (p = strchr(p, '/')); p++)
                strcat(target, "../");
        strcat(target, PROGRAM);

        (void) unlinkat(dir_fd, path, 0);
        if (symlinkat(target, dir_fd, path) < 0)
                return log_error_errno(errno, "Failed to make the link '%s': %m", path);
        return 0;
}

static int fill(int dir_fd) {
        int r;

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                if (mkdirat(dir_fd, folders[i], 0755) < 0 && errno != EEXIST)
                        return log_error_errno(errno, "Failed to make '%s': %m", folders[i]);

        r = copy_program(dir_fd);
        for (size_t i = 0; r >= 0 && i < applets_n; i++)
                r = link_applet(dir_fd, applets[i].path);
        if (r < 0)
                return r;

        /* dracut's mark that an initrd of the image is to be unpacked here. */
        (void) unlinkat(dir_fd, ".need_shutdown", 0);
        return 0;
}

/* Debian's /etc/init.d/umountfs, which sysvinit and OpenRC run before what calls the way back, unmounts every tmpfs but a few that
 * it knows; OpenRC's own localmount does as well. A file system with another one on it cannot be unmounted, and devpts is left alone by
 * both; a new one is nearly empty, so whoever walks through /run meets nothing. (systemd leaves all below /run/initramfs as it is, and
 * moves /dev over it.) */
static void hold_folder(const char *path) {
        _cleanup_free_ char *dev = NULL;
        int r;

        r = asprintf_to(&dev, "%s/dev", path);
        if (r >= 0)
                r = path_is_mount_point(dev);
        if (r == 0 && mount("devpts", dev, "devpts", MS_NOSUID | MS_NOEXEC, "mode=0600,ptmxmode=0000") < 0)
                r = -errno;
        if (r < 0)
                log_warning_errno(r, "Failed to mount devpts below '%s', an init may unmount it too early: %m", path);
}

/* What it is, in one line: memory that is gone for good. */
static void tell(int dir_fd, const char *path) {
        struct statfs fs;

        if (fstatfs(dir_fd, &fs) >= 0)
                log_info("The way back lies in '%s', %llu KiB.", path,
                         (unsigned long long) ((fs.f_blocks - fs.f_bfree) * (uint64_t) fs.f_bsize / 1024));
}

int install_applet(int argc, char *argv[]) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int dir_fd = -EBADF;
        int r;

        if (argc != 1) {
                log_error("install takes no arguments.");
                return EXIT_FAILURE;
        }
        (void) umask(0022);
        r = run_path(RUN_INITRAMFS, &path);
        if (r < 0) {
                log_oom();
                return EXIT_FAILURE;
        }
        r = mount_folder(path);
        if (r < 0)
                return EXIT_FAILURE;
        dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0) {
                log_error_errno(errno, "Failed to open '%s': %m", path);
                return EXIT_FAILURE;
        }
        if (fill(dir_fd) < 0)
                return EXIT_FAILURE;

        hold_folder(path);
        tell(dir_fd, path);
        return EXIT_SUCCESS;
}
