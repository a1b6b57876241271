/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "boot-files.h"
#include "bounds.h"
#include "chase.h"
#include "fd-util.h"
#include "string-util.h"
#include "version-compare.h"

const char *kernel_version(const char *name) {
        /* Of package managers and of people. */
        static const char *const aside[] = { ".old",     ".bak",    ".orig", "~",      ".dpkg-new", ".dpkg-tmp", ".rpmsave",
                                             ".rpmnew",  ".sha256", ".hmac", ".sig",   ".asc",      ".gz",       ".xz",
                                             ".zst" };
        const char *rest = startswith(name, "vmlinuz");

        if (!rest || (*rest != '\0' && *rest != '-') || streq(rest, "-"))
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(aside); i++)
                if (endswith(name, aside[i]))
                        return NULL;

        return *rest == '-' ? rest + 1 : rest;
}

/* What is to be compared: 2 versions, 1 those of kernels for another purpose, 0 words such as "lts". */
static int version_rank(const char *version) {
        static const char *const purposes[] = { "rescue", "kdump", "debug" };

        if (*version < '0' || *version > '9')
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(purposes); i++)
                if (strstr(version, purposes[i]))
                        return 1;

        return 2;
}

/* The kernel's own name for what is not released yet: 6.12.0-rc6 comes before 6.12.0. */
static char *without_candidates(const char *version) {
        return string_replace(version, "-rc", "~rc");
}

int kernel_compare(const char *a, const char *b) {
        const char *version_a = kernel_version(a), *version_b = kernel_version(b);
        _cleanup_free_ char *x = NULL, *y = NULL;
        int r;

        if (!version_a || !version_b)
                return (version_a ? 1 : 0) - (version_b ? 1 : 0);

        r = version_rank(version_a) - version_rank(version_b);
        if (r != 0)
                return r;

        x = without_candidates(version_a);
        y = without_candidates(version_b);
        r = version_compare(x ?: version_a, y ?: version_b);
        /* What only differs in characters that no version has, so that the order of the directory does not decide. */
        return r != 0 ? r : strcmp(version_a, version_b);
}

int boot_file_open(int root_fd, const char *path) {
        char self[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
        _cleanup_close_ int found = -EBADF;
        struct stat st;
        int fd;

        found = chase_in_root(root_fd, path);
        if (found < 0)
                return found;
        if (fstat(found, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if (st.st_size == 0)
                return -ENODATA;

        (void) snprintf(self, sizeof(self), "/proc/self/fd/%i", found);
        fd = open(self, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* In /boot. */
static int open_name(int root_fd, const char *name) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = asprintf_to(&path, "/boot/%s", name);
        return r < 0 ? r : boot_file_open(root_fd, path);
}

static int boot_directory_open(int root_fd, DIR **ret) {
        _cleanup_close_ int found = chase_in_root(root_fd, "/boot"), fd = -EBADF;

        if (found < 0)
                return found;
        fd = openat(found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret = fdopendir(fd);
        if (!*ret)
                return -errno;

        fd = -EBADF;
        return 0;
}

int kernel_open_latest(int root_fd, char **ret_name) {
        _cleanup_(closedirp) DIR *d = NULL;
        _cleanup_close_ int best_fd = -EBADF;
        _cleanup_free_ char *best = NULL;
        struct dirent *de;
        unsigned n = 0;
        int r;

        r = boot_directory_open(root_fd, &d);
        if (r < 0)
                return r;

        while ((errno = 0, de = readdir(d))) {
                int fd;

                if (++n > BOOT_ENTRIES_MAX)
                        return -E2BIG;
                if (!kernel_version(de->d_name) || (best && kernel_compare(de->d_name, best) <= 0))
                        continue;
                /* A link that leads nowhere is no kernel, however new. */
                fd = open_name(root_fd, de->d_name);
                if (fd == -ENOMEM)
                        return fd;
                if (fd < 0)
                        continue;

                safe_close(best_fd);
                best_fd = fd;
                free(best);
                best = strdup(de->d_name);
                if (!best)
                        return -ENOMEM;
        }
        if (errno != 0)
                return -errno;
        if (!best)
                return -ENOENT;

        *ret_name = TAKE_PTR(best);
        return TAKE_FD(best_fd);
}

int initrd_open_for(int root_fd, const char *kernel, char **ret_name) {
        static const struct {
                const char *prefix, *suffix;
        } patterns[] = {
                {"initrd.img", ""    },
                { "initramfs", ".img"},
                { "initramfs", ""    },
                { "initrd",    ""    },
                { "initrd",    ".img"}
        };
        const char *version = kernel_version(kernel);

        if (!version)
                return -ENOENT;

        for (size_t i = 0; i < ELEMENTSOF(patterns); i++) {
                _cleanup_free_ char *name = NULL;
                int r;

                r = asprintf_to(&name, "%s%s%s%s", patterns[i].prefix, isempty(version) ? "" : "-", version,
                                patterns[i].suffix);
                if (r < 0)
                        return r;
                r = open_name(root_fd, name);
                if (r == -ENOENT)
                        continue;
                if (r >= 0)
                        *ret_name = TAKE_PTR(name);
                return r;
        }

        return -ENOENT;
}
