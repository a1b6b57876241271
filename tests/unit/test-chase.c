/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chase.h"
#include "fd-util.h"
#include "fileio.h"
#include "test.h"

/* A root whose links all would leave it, were they followed from outside. */
static void make_tree(int dir) {
        _cleanup_close_ int fd = -EBADF;

        ASSERT_OK(mkdirat(dir, "usr", 0755));
        ASSERT_OK(mkdirat(dir, "usr/lib", 0755));
        ASSERT_OK(mkdirat(dir, "usr/sbin", 0755));
        fd = openat(dir, "usr/lib/real", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
        ASSERT_OK(fd);
        ASSERT_OK(symlinkat("/usr/sbin", dir, "sbin"));
        ASSERT_OK(symlinkat("usr/lib", dir, "lib"));
        ASSERT_OK(symlinkat("/lib/real", dir, "usr/sbin/init"));
        ASSERT_OK(symlinkat("../../../../../../lib/real", dir, "usr/sbin/up"));
        ASSERT_OK(symlinkat("/etc/passwd", dir, "usr/sbin/outside"));
        ASSERT_OK(symlinkat("loop", dir, "usr/sbin/loop"));
}

static void check(int (*chase)(int, const char *), int dir, const char *path, int expected) {
        _cleanup_close_ int fd = chase(dir, path);
        struct stat found, real;

        if (expected < 0) {
                ASSERT_EQ(fd, expected);
                return;
        }

        ASSERT_OK(fd);
        ASSERT_OK(fstat(fd, &found));
        ASSERT_OK(fstatat(dir, "usr/lib/real", &real, 0));
        ASSERT_EQ(found.st_ino, real.st_ino);
}

static void check_all(int (*chase)(int, const char *), int dir) {
        _cleanup_close_ int root = -EBADF;
        char deep[600] = "";
        struct stat a, b;

        check(chase, dir, "/usr/lib/real", 0);
        check(chase, dir, "usr/lib/real", 0);
        check(chase, dir, "//usr/./lib//real", 0);
        check(chase, dir, "/lib/real", 0);
        check(chase, dir, "/sbin/init", 0);
        check(chase, dir, "/sbin/up", 0);
        check(chase, dir, "/../../usr/../sbin/init", 0);
        check(chase, dir, "/sbin/../lib/real", 0);
        check(chase, dir, "/sbin/outside", -ENOENT);
        check(chase, dir, "/sbin/none", -ENOENT);
        check(chase, dir, "/none/init", -ENOENT);
        check(chase, dir, "/usr/lib/real/init", -ENOTDIR);
        check(chase, dir, "/sbin/loop", -ELOOP);

        /* Many components, but no deep directory: each comes back. */
        for (size_t i = 0; i < 30; i++)
                strcat(deep, "/usr/lib/../..");
        for (size_t i = 0; i < 8; i++)
                strcat(deep, "/..");
        strcat(deep, "/lib/real");
        check(chase, dir, deep, 0);

        root = chase(dir, "/");
        ASSERT_OK(root);
        ASSERT_OK(fstat(root, &a));
        ASSERT_OK(fstat(dir, &b));
        ASSERT_EQ(a.st_ino, b.st_ino);
}

static void remove_tree(int dir, const char *path) {
        static const char *const files[] = { "usr/lib/real", "sbin", "lib", "usr/sbin/init", "usr/sbin/up",
                                             "usr/sbin/outside", "usr/sbin/loop" };
        static const char *const directories[] = { "usr/lib", "usr/sbin", "usr" };

        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                ASSERT_OK(unlinkat(dir, files[i], 0));
        for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
                ASSERT_OK(unlinkat(dir, directories[i], AT_REMOVEDIR));
        ASSERT_OK(rmdir(path));
}

int main(void) {
        char path[] = "/tmp/test-chase-XXXXXX", too_long[300];
        _cleanup_close_ int dir = -EBADF;

        ASSERT_TRUE(mkdtemp(path));
        dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(dir);
        make_tree(dir);

        check_all(chase_in_root, dir);
        check_all(chase_by_component, dir);

        memset(too_long, 'a', sizeof(too_long) - 1);
        too_long[sizeof(too_long) - 1] = '\0';
        ASSERT_ERROR(chase_in_root(dir, too_long), ENAMETOOLONG);
        ASSERT_ERROR(chase_by_component(dir, too_long), ENAMETOOLONG);

        remove_tree(dir, path);
        return 0;
}
