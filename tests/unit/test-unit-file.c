/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "fileio.h"
#include "string-util.h"
#include "test.h"
#include "unit-file.h"

static void test_quote(void) {
        static const struct {
                const char *in, *out;
                bool exec;
        } cases[] = {
                { "",              "\"\"",                  false },
                { "a b",           "\"a b\"",               false },
                { "a\"b'c",        "\"a\\\"b'c\"",          false },
                { "a\\nb\\",       "\"a\\\\nb\\\\\"",       false },
                { "100%n",         "\"100%%n\"",            false },
                { "${X} $Y",       "\"${X} $Y\"",           false },
                { "${X} $Y",       "\"$${X} $$Y\"",         true  },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *quoted = unit_file_quote(cases[i].in, cases[i].exec);

                ASSERT_STREQ(quoted, cases[i].out);
        }
}

static UnitFile *small_unit(const char *value) {
        UnitFile *u;

        ASSERT_OK(unit_file_new(&u));
        unit_file_section(u, "Unit");
        unit_file_setting(u, "After", "a.service");
        unit_file_section(u, "Service");
        unit_file_comment(u, "why");
        unit_file_environment(u, "X", value);
        unit_file_section(u, "Service");
        unit_file_environment(u, "Y", "");
        return u;
}

static void test_write(int dir_fd) {
        _cleanup_(unit_file_freep) UnitFile *u = small_unit("1%"), *again = small_unit("2"), *other = small_unit("3");
        _cleanup_free_ char *text = NULL, *replaced = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        ASSERT_OK(unit_file_write(u, dir_fd, "a.service.d/50.conf"));
        ASSERT_OK(read_file_at(dir_fd, "a.service.d/50.conf", 4096, &text, NULL));
        ASSERT_STREQ(text, UNIT_FILE_MARKER "\n"
                           "\n[Unit]\nAfter=a.service\n"
                           "\n[Service]\n# why\nEnvironment=\"X=1%%\"\nEnvironment=\"Y=\"\n");
        ASSERT_OK(fstatat(dir_fd, "a.service.d/50.conf", &st, AT_SYMLINK_NOFOLLOW));
        ASSERT_EQ(st.st_mode & 07777, 0644);

        /* Our own file is replaced, somebody else's is not. */
        ASSERT_OK(unit_file_write(again, dir_fd, "a.service.d/50.conf"));
        ASSERT_OK(read_file_at(dir_fd, "a.service.d/50.conf", 4096, &replaced, NULL));
        ASSERT_TRUE(strstr(replaced, "X=2"));
        fd = openat(dir_fd, "foreign.conf", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        ASSERT_OK(fd);
        ASSERT_OK(write_all(fd, "[Unit]\n", 7));
        ASSERT_ERROR(unit_file_write(other, dir_fd, "foreign.conf"), EEXIST);
}

/* It stays in /run, and the host has users. */
static void test_secret(int dir_fd) {
        static const struct {
                const char *value;
                mode_t mode;
        } cases[] = {
                { "https://host/a.tar",                0644 },
                { "https://user:password@host/a.tar",  0600 },
                { "https://host/a.tar?signature=x",    0600 },
                { "quiet luks.passphrase=secret debug", 0600 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(unit_file_freep) UnitFile *u = small_unit(cases[i].value);
                struct stat st;

                /* What comes after must not let go of it. */
                unit_file_environment(u, "Y", "plain");
                ASSERT_OK(unit_file_write(u, dir_fd, "secret.conf"));
                ASSERT_OK(fstatat(dir_fd, "secret.conf", &st, AT_SYMLINK_NOFOLLOW));
                ASSERT_EQ(st.st_mode & 07777, cases[i].mode);
        }
}

static void test_no_symlinks(int dir_fd) {
        _cleanup_(unit_file_freep) UnitFile *u = small_unit("1");

        ASSERT_OK(mkdirat(dir_fd, "real", 0755));
        ASSERT_OK(symlinkat("real", dir_fd, "link.d"));
        ASSERT_TRUE(unit_file_write(u, dir_fd, "link.d/50.conf") < 0);
        ASSERT_OK(symlinkat("real/new", dir_fd, "dangling.conf"));
        ASSERT_ERROR(unit_file_write(u, dir_fd, "dangling.conf"), EEXIST);
        ASSERT_EQ(faccessat(dir_fd, "real/new", F_OK, 0), -1);
}

static void test_link(int dir_fd) {
        char target[64] = {};

        ASSERT_OK(unit_link(dir_fd, "t.target.wants/b.service", "/usr/b.service"));
        ASSERT_EQ(readlinkat(dir_fd, "t.target.wants/b.service", target, sizeof(target) - 1), 14);
        ASSERT_STREQ(target, "/usr/b.service");
        ASSERT_OK(unit_link(dir_fd, "t.target.wants/b.service", "/usr/b.service"));
        ASSERT_ERROR(unit_link(dir_fd, "t.target.wants/b.service", "/usr/c.service"), EEXIST);
        ASSERT_ERROR(unit_link(dir_fd, "t.target.wants/b.service", "/usr/b.servic"), EEXIST);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

int main(void) {
        char directory[] = "/tmp/test-unit-file.XXXXXX";
        _cleanup_close_ int dir_fd = -EBADF;
        _cleanup_free_ char *below = NULL;

        ASSERT_TRUE(mkdtemp(directory));
        ASSERT_OK(asprintf_to(&below, "%s/run/systemd/system", directory));
        dir_fd = unit_dir_open(below);
        ASSERT_OK(dir_fd);

        test_quote();
        test_write(dir_fd);
        test_secret(dir_fd);
        test_no_symlinks(dir_fd);
        test_link(dir_fd);

        ASSERT_OK(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS));
        return EXIT_SUCCESS;
}
