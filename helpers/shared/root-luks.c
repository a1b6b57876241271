/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "bounds.h"
#include "fd-util.h"
#include "fileio.h"
#include "root-luks.h"
#include "root-lvm.h"
#include "string-util.h"

#define UUID_CHARS "0123456789abcdefABCDEF-"
/* As udev writes them down below /dev/mapper without an escape. */
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789#+-.:=@_"

static bool is_made_of(const char *s, const char *chars, size_t max) {
        size_t n = strlen(s);

        return n > 0 && n <= max && strspn(s, chars) == n;
}

static bool name_is_valid(const char *s) {
        return is_made_of(s, NAME_CHARS, LUKS_NAME_MAX) && s[0] != '-' && !streq(s, ".") && !streq(s, "..") && !streq(s, "control");
}

int root_luks_name(const RootProbe *probe, const char *wanted, char **ret) {
        _cleanup_(root_volume_done) RootVolume v = {};
        const char *name;
        int r;

        assert(probe);
        assert(ret);

        name = wanted ? startswith(wanted, "/dev/mapper/") : NULL;
        if (name && name_is_valid(name)) {
                r = root_volume_parse(wanted, &v);
                if (r < 0)
                        return r;
                if (r == 0)
                        return strdup_to(ret, name);
        }

        /* It comes from the disk, and becomes the name of a file. */
        if (probe->uuid && is_made_of(probe->uuid, UUID_CHARS, 64))
                return asprintf_to(ret, "luks-%s", probe->uuid);
        return strdup_to(ret, "luks-root");
}

static int read_attribute(int dir_fd, const char *holder, const char *attribute, char **ret) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = asprintf_to(&path, "%s/dm/%s", holder, attribute);
        if (r < 0)
                return r;
        r = read_file_at(dir_fd, path, LUKS_ATTRIBUTE_MAX, ret, NULL);
        if (r < 0)
                return r;

        (*ret)[strcspn(*ret, "\n")] = '\0';
        return 0;
}

int root_luks_mapping(const char *path, char **ret) {
        _cleanup_free_ char *directory = NULL;
        _cleanup_(closedirp) DIR *d = NULL;
        const struct dirent *entry;
        struct stat st;
        int r;

        assert(path);
        assert(ret);

        if (stat(path, &st) < 0)
                return -errno;
        r = asprintf_to(&directory, "/sys/dev/block/%u:%u/holders", major(st.st_rdev), minor(st.st_rdev));
        if (r < 0)
                return r;
        d = opendir(directory);
        if (!d)
                return errno == ENOENT ? 0 : -errno;

        while ((entry = readdir(d))) {
                _cleanup_free_ char *uuid = NULL, *name = NULL;

                /* What libcryptsetup makes says so by its identifier. */
                if (entry->d_name[0] == '.' || read_attribute(dirfd(d), entry->d_name, "uuid", &uuid) < 0 ||
                    !startswith(uuid, "CRYPT-LUKS"))
                        continue;
                r = read_attribute(dirfd(d), entry->d_name, "name", &name);
                if (r < 0)
                        return r;
                if (!name_is_valid(name))
                        continue;
                *ret = TAKE_PTR(name);
                return 1;
        }

        return 0;
}
