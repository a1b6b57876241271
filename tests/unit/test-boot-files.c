/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot-files.h"
#include "fd-util.h"
#include "string-util.h"
#include "test.h"

static void make_file(int dir_fd, const char *path, const char *content) {
        _cleanup_close_ int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        ASSERT_TRUE(fd >= 0);
        ASSERT_OK(write_all(fd, content, strlen(content)));
}

static void test_kernel_version(void) {
        ASSERT_STREQ(kernel_version("vmlinuz-6.12.0-amd64"), "6.12.0-amd64");
        ASSERT_STREQ(kernel_version("vmlinuz"), "");
        ASSERT_STREQ(kernel_version("vmlinuz-lts"), "lts");
        ASSERT_STREQ(kernel_version("vmlinuz-"), NULL);
        ASSERT_STREQ(kernel_version("vmlinuz.old"), NULL);
        ASSERT_STREQ(kernel_version("vmlinuz-6.1.old"), NULL);
        ASSERT_STREQ(kernel_version("vmlinuz-6.1~"), NULL);
        ASSERT_STREQ(kernel_version("vmlinuz-6.1.gz"), NULL);
        ASSERT_STREQ(kernel_version("vmlinuz-6.1.sig"), NULL);
        ASSERT_STREQ(kernel_version("vmlinuz-6.1.dpkg-new"), NULL);
        ASSERT_STREQ(kernel_version("vmlinux-6.1"), NULL);
        ASSERT_STREQ(kernel_version("initrd.img-6.1"), NULL);
}

static void test_kernel_compare(void) {
        /* Each is newer than the one before. */
        static const char *const names[] = {
                "config-7.0",
                "vmlinuz",
                "vmlinuz-lts",
                "vmlinuz-virt",
                "vmlinuz-0-rescue-0123456789abcdef",
                "vmlinuz-6.12.117+debug",
                "vmlinuz-4.9.93-mainline-rev1",
                "vmlinuz-6.1.0-9-amd64",
                "vmlinuz-6.1.0-10-amd64",
                "vmlinuz-6.9.0",
                "vmlinuz-6.12~rc6-amd64",
                "vmlinuz-6.12-rc7",
                "vmlinuz-6.12",
                "vmlinuz-6.12.9+deb13-amd64",
                "vmlinuz-6.12.117+deb13-amd64",
                "vmlinuz-6.12.117+deb13-cloud-amd64",
                "vmlinuz-10.0",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                for (size_t j = 0; j < ELEMENTSOF(names); j++) {
                        int r = kernel_compare(names[i], names[j]);

                        ASSERT_EQ((r > 0) - (r < 0), (i > j) - (i < j));
                }
}

static void test_latest(int root_fd) {
        _cleanup_free_ char *none = NULL, *first = NULL, *second = NULL, *third = NULL;
        int fd;

        ASSERT_ERROR(kernel_open_latest(root_fd, &none), ENOENT);
        ASSERT_OK(mkdirat(root_fd, "boot", 0755));
        ASSERT_ERROR(kernel_open_latest(root_fd, &none), ENOENT);

        make_file(root_fd, "boot/config-9.0", "x");
        make_file(root_fd, "boot/vmlinuz-6.9.0", "x");
        make_file(root_fd, "boot/vmlinuz-6.12.0", "y");
        fd = kernel_open_latest(root_fd, &first);
        ASSERT_OK(fd);
        safe_close(fd);
        ASSERT_STREQ(first, "vmlinuz-6.12.0");

        /* Neither of these is a file with something in it, in this root. */
        ASSERT_OK(symlinkat("/nowhere", root_fd, "boot/vmlinuz-7.0"));
        ASSERT_OK(symlinkat("/../../../../proc/version", root_fd, "boot/vmlinuz-7.1"));
        ASSERT_OK(mkdirat(root_fd, "boot/vmlinuz-7.2", 0755));
        ASSERT_OK(mkfifoat(root_fd, "boot/vmlinuz-7.3", 0600));
        make_file(root_fd, "boot/vmlinuz-7.4", "");
        fd = kernel_open_latest(root_fd, &second);
        ASSERT_OK(fd);
        safe_close(fd);
        ASSERT_STREQ(second, "vmlinuz-6.12.0");

        /* An absolute link within the root is fine. */
        make_file(root_fd, "kernel", "z");
        ASSERT_OK(symlinkat("/kernel", root_fd, "boot/vmlinuz-8.0"));
        fd = kernel_open_latest(root_fd, &third);
        ASSERT_OK(fd);
        safe_close(fd);
        ASSERT_STREQ(third, "vmlinuz-8.0");
}

static void test_initrd(int root_fd) {
        static const char *const names[] = { "initrd-6.12.0.img", "initrd-6.12.0", "initramfs-6.12.0",
                                             "initramfs-6.12.0.img", "initrd.img-6.12.0" };
        _cleanup_free_ char *none = NULL, *plain = NULL;
        int fd;

        ASSERT_ERROR(initrd_open_for(root_fd, "vmlinuz-6.12.0", &none), ENOENT);
        ASSERT_ERROR(initrd_open_for(root_fd, "kernel", &none), ENOENT);
        /* Each is preferred to the ones before. */
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *path = NULL, *name = NULL;

                ASSERT_OK(asprintf_to(&path, "boot/%s", names[i]));
                make_file(root_fd, path, "x");
                fd = initrd_open_for(root_fd, "vmlinuz-6.12.0", &name);
                ASSERT_OK(fd);
                safe_close(fd);
                ASSERT_STREQ(name, names[i]);
        }
        ASSERT_ERROR(initrd_open_for(root_fd, "vmlinuz", &none), ENOENT);
        make_file(root_fd, "boot/initrd.img", "x");
        fd = initrd_open_for(root_fd, "vmlinuz", &plain);
        ASSERT_OK(fd);
        safe_close(fd);
        ASSERT_STREQ(plain, "initrd.img");
}

static void test_open(int root_fd) {
        int fd = boot_file_open(root_fd, "/boot/vmlinuz-6.12.0");

        ASSERT_OK(fd);
        safe_close(fd);
        ASSERT_ERROR(boot_file_open(root_fd, "/boot"), EISDIR);
        ASSERT_ERROR(boot_file_open(root_fd, "/boot/none"), ENOENT);
        ASSERT_ERROR(boot_file_open(root_fd, "/boot/vmlinuz-7.3"), EINVAL);
        ASSERT_ERROR(boot_file_open(root_fd, "/boot/vmlinuz-7.4"), ENODATA);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

int main(void) {
        char folder[] = "/tmp/test-boot-files-XXXXXX";
        _cleanup_close_ int root_fd = -EBADF;

        test_kernel_version();
        test_kernel_compare();

        ASSERT_TRUE(mkdtemp(folder));
        root_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        ASSERT_TRUE(root_fd >= 0);
        test_latest(root_fd);
        test_initrd(root_fd);
        test_open(root_fd);
        ASSERT_OK(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS));
        return 0;
}
