/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc-util.h"
#include "fileio.h"
#include "string-util.h"
#include "test.h"

static char directory[] = "/tmp/test-fileio-XXXXXX";

static void test_write_and_read(void) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        struct stat st;
        size_t size;

        ASSERT_OK(asprintf_to(&path, "%s/file", directory));
        ASSERT_OK(write_file_atomic(path, "first", 5, 0644));
        ASSERT_OK(write_file_atomic(path, "second", 6, 0600));
        ASSERT_OK(read_file(path, 6, &text, &size));
        ASSERT_STREQ(text, "second");
        ASSERT_EQ(size, 6);
        ASSERT_OK(stat(path, &st));
        ASSERT_EQ(st.st_mode & 07777, 0600);
        ASSERT_EQ(st.st_nlink, 1);

        text = mfree(text);
        ASSERT_ERROR(read_file(path, 5, &text, NULL), EFBIG);
        ASSERT_ERROR(read_file("/nonexistent/file", 5, &text, NULL), ENOENT);
        ASSERT_ERROR(write_file_atomic("/nonexistent/file", "x", 1, 0644), ENOENT);
        ASSERT_OK(unlink(path));
}

static void test_failed_replace_leaves_nothing(void) {
        _cleanup_free_ char *path = NULL;

        /* A directory cannot be replaced by rename(2): the temporary file must be gone all the same. */
        ASSERT_OK(asprintf_to(&path, "%s/a/b/c", directory));
        ASSERT_OK(mkdir_p(path));
        ASSERT_OK(mkdir_p(path));
        ASSERT_ERROR(write_file_atomic(path, "x", 1, 0644), EISDIR);
        ASSERT_OK(rmdir(path));
        strrchr(path, '/')[0] = '\0';
        ASSERT_OK(rmdir(path));
        strrchr(path, '/')[0] = '\0';
        ASSERT_OK(rmdir(path));
}

static void test_proc(void) {
        _cleanup_free_ char *text = NULL;

        ASSERT_OK(read_file("/proc/self/stat", 1 << 16, &text, NULL));
        ASSERT_TRUE(strlen(text) > 0);
}

int main(void) {
        ASSERT_TRUE(mkdtemp(directory));
        test_write_and_read();
        test_failed_replace_leaves_nothing();
        test_proc();
        ASSERT_OK(rmdir(directory));
        return EXIT_SUCCESS;
}
