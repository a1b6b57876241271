/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "fd-util.h"
#include "test.h"
#include "tree-dir.h"

static void make_file(int dir, const char *path) {
        _cleanup_close_ int fd = openat(dir, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

        ASSERT_TRUE(fd >= 0);
}

/* Both ways must agree: the one of the kernel and the one for kernels that have none. */
static void check(int dir, const char *path, bool create, int expected) {
        int (*const ways[])(int, const char *, bool) = { tree_open_dir, tree_open_dir_by_component };

        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                _cleanup_close_ int fd = ways[i](dir, path, create);

                if (expected >= 0)
                        ASSERT_OK(fd);
                else if (expected == -ELOOP)
                        /* Where openat2(2) says "a symlink", openat(2) says "no directory". */
                        ASSERT_TRUE(fd == -ELOOP || fd == -ENOTDIR);
                else
                        ASSERT_EQ(fd, expected);
        }
}

static void test_open(int dir) {
        ASSERT_OK(mkdirat(dir, "real", 0755));
        ASSERT_OK(symlinkat("real", dir, "link"));
        ASSERT_OK(symlinkat("/", dir, "absolute"));
        ASSERT_OK(symlinkat("..", dir, "up"));
        ASSERT_OK(symlinkat("loop", dir, "loop"));
        make_file(dir, "file");

        check(dir, "", false, 0);
        check(dir, "real", false, 0);
        check(dir, "missing", false, -ENOENT);
        check(dir, "real/a/b", false, -ENOENT);
        check(dir, "real/a/b", true, 0);
        check(dir, "real/a/b", false, 0);
        check(dir, "file", true, -ENOTDIR);
        check(dir, "file/x", true, -ENOTDIR);
        check(dir, "link", true, -ELOOP);
        check(dir, "link/new", true, -ELOOP);
        check(dir, "absolute/tmp", true, -ELOOP);
        check(dir, "up/x", true, -ELOOP);
        check(dir, "loop/x", true, -ELOOP);
        check(dir, "..", true, -EXDEV);
        check(dir, "real/../..", true, -EXDEV);
        ASSERT_EQ(faccessat(dir, "real/new", F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

/* Removes what is inside, and not what links lead to. */
static void test_empty(int dir, int outside) {
        struct stat st;

        ASSERT_EQ(tree_is_empty(dir), 0);
        ASSERT_OK(mkdirat(dir, "lost+found", 0700));
        ASSERT_OK(mkdirat(dir, "real/lost+found", 0700));
        ASSERT_OK(symlinkat("../outside", dir, "real/outside"));
        for (unsigned i = 0; i < 100; i++) {
                char name[32];

                (void) snprintf(name, sizeof(name), "real/a/f%u", i);
                make_file(dir, name);
        }
        make_file(outside, "file");

        ASSERT_OK(tree_empty(dir));
        ASSERT_EQ(tree_is_empty(dir), 1);
        ASSERT_OK(fstatat(dir, "lost+found", &st, 0));
        ASSERT_EQ(fstatat(dir, "real", &st, 0), -1);
        ASSERT_OK(fstatat(outside, "file", &st, 0));
}

int main(void) {
        char path[] = "/tmp/test-tree-dir-XXXXXX";
        _cleanup_close_ int base = -EBADF, dir = -EBADF, outside = -EBADF;

        ASSERT_TRUE(mkdtemp(path));
        base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(base);
        ASSERT_OK(mkdirat(base, "target", 0755));
        ASSERT_OK(mkdirat(base, "outside", 0755));
        dir = openat(base, "target", O_PATH | O_DIRECTORY | O_CLOEXEC);
        outside = openat(base, "outside", O_PATH | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(dir);
        ASSERT_OK(outside);

        test_open(dir);
        test_empty(dir, outside);

        ASSERT_OK(tree_empty(base));
        ASSERT_OK(unlinkat(AT_FDCWD, path, AT_REMOVEDIR));
        return 0;
}
