/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "alloc-util.h"
#include "bounds.h"
#include "fileio.h"
#include "root-source.h"
#include "string-util.h"

/* The number of the mount in mountinfo. Device numbers are not enough: btrfs has some of its own. */
static int mount_id(int fd, char **ret) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        const char *p;
        int r;

        r = asprintf_to(&path, "/proc/self/fdinfo/%d", fd);
        if (r < 0)
                return r;
        r = read_file(path, PROC_FDINFO_MAX, &text, NULL);
        if (r < 0)
                return r;
        p = strstr(text, "mnt_id:");
        if (!p)
                return -ENODATA;
        p += strlen("mnt_id:");
        p += strspn(p, " \t");

        *ret = strndup(p, strspn(p, "0123456789"));
        return *ret ? 0 : -ENOMEM;
}

/* The second word behind " - " of the line that begins with the number: proc_pid_mountinfo(5). */
static int mount_source(const char *mountinfo, const char *id, char **ret) {
        size_t n_id = strlen(id), n;

        for (const char *line = mountinfo; *line; line += n + (line[n] ? 1 : 0)) {
                const char *p;

                n = strcspn(line, "\n");
                if (strncmp(line, id, n_id) != 0 || line[n_id] != ' ')
                        continue;
                p = strstr(line, " - ");
                if (!p || p >= line + n)
                        return -ENODATA;
                p += strlen(" - ");
                p += strcspn(p, " \n");
                p += strspn(p, " ");
                *ret = strndup(p, strcspn(p, " \n"));
                return *ret ? 0 : -ENOMEM;
        }

        return -ENODATA;
}

int root_is_partitioned(int root_fd) {
        _cleanup_free_ char *id = NULL, *mountinfo = NULL, *source = NULL;
        static const char *const signs[] = { "partition", "dm" };
        struct stat st;
        int r;

        r = mount_id(root_fd, &id);
        if (r < 0)
                return r;
        r = read_file("/proc/self/mountinfo", ROOT_MOUNTINFO_MAX, &mountinfo, NULL);
        if (r < 0)
                return r;
        r = mount_source(mountinfo, id, &source);
        if (r < 0)
                return r;
        if (source[0] != '/' || stat(source, &st) < 0 || !S_ISBLK(st.st_mode))
                return 0;

        for (size_t i = 0; i < ELEMENTSOF(signs); i++) {
                _cleanup_free_ char *path = NULL;

                r = asprintf_to(&path, "/sys/dev/block/%u:%u/%s", major(st.st_rdev), minor(st.st_rdev), signs[i]);
                if (r < 0)
                        return r;
                if (access(path, F_OK) >= 0)
                        return 1;
        }

        return 0;
}
