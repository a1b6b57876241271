/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>

#include "fd-util.h"
#include "network-files.h"
#include "string-util.h"

/* All but the last are names of systemd-network-generator, which made them out of ip=, vlan= and so on; that is ours. With
 * .d behind it each may have a directory of drop-ins. */
static const char *const patterns[] = { "70-*.network*", "70-*.netdev*", "70-*.link*",
                                       "71-default.network*", "80-scaleway*" };

static bool name_is_ours(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(patterns); i++)
                if (fnmatch(patterns[i], name, 0) == 0)
                        return true;

        return false;
}

static int open_directory(int dir_fd, const char *name, DIR **ret) {
        _cleanup_close_ int fd = -EBADF;

        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret = fdopendir(fd);
        if (!*ret)
                return -errno;

        (void) TAKE_FD(fd);
        return 0;
}

/* A directory of drop-ins holds files only; one that holds more is not ours and stays, with -ENOTEMPTY. */
static int remove_drop_ins(int dir_fd, const char *name) {
        _cleanup_(closedirp) DIR *d = NULL;
        const struct dirent *entry;
        int r;

        r = open_directory(dir_fd, name, &d);
        if (r < 0)
                return r;

        while ((entry = readdir(d)))
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                        (void) unlinkat(dirfd(d), entry->d_name, 0);

        return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int network_files_remove(const char *directory, unsigned *ret_n) {
        _cleanup_(closedirp) DIR *d = NULL;
        const struct dirent *entry;
        int r, first = 0;

        assert(directory);
        assert(ret_n);

        *ret_n = 0;
        r = open_directory(AT_FDCWD, directory, &d);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        while ((entry = readdir(d))) {
                if (!name_is_ours(entry->d_name))
                        continue;

                r = unlinkat(dirfd(d), entry->d_name, 0) < 0 ? -errno : 0;
                if (r == -EISDIR)
                        r = remove_drop_ins(dirfd(d), entry->d_name);
                if (r >= 0)
                        (*ret_n)++;
                else if (first == 0 && r != -ENOENT)
                        first = r;
        }

        return first;
}
