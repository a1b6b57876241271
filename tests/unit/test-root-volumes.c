/* SPDX-License-Identifier: MIT */
/* The volumes below a file system, in a tree that is like sysfs. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "fileio.h"
#include "root-volumes.h"
#include "string-util.h"
#include "test.h"

#define BLOCK "devices/virtual/block"

static char directory[] = "/tmp/test-root-volumes-XXXXXX";

static void make_directory(const char *name) {
        _cleanup_free_ char *path = NULL;

        ASSERT_OK(asprintf_to(&path, "%s/%s", directory, name));
        ASSERT_OK(mkdir_p(path));
}

static void make_link(const char *name, const char *target) {
        _cleanup_free_ char *path = NULL, *whole = NULL;

        ASSERT_OK(asprintf_to(&path, "%s/%s", directory, name));
        ASSERT_OK(asprintf_to(&whole, "%s/" BLOCK "/%s", directory, target));
        ASSERT_OK(symlink(whole, path));
}

static void make_partition(const char *name) {
        _cleanup_free_ char *path = NULL;

        make_directory(name);
        ASSERT_OK(asprintf_to(&path, "%s/%s/partition", directory, name));
        ASSERT_OK(write_file_atomic(path, "1\n", 2, 0444));
}

static void check(const char *path, int expected, const char *volumes) {
        bool found[NBD_INDEX_MAX + 1] = {};

        ASSERT_EQ(root_volumes_below(path, found), expected);
        for (unsigned i = 0; i <= NBD_INDEX_MAX; i++) {
                char c[2] = { (char) ("0123456789abcdef"[i]), '\0' };

                ASSERT_EQ(found[i], strstr(volumes, c) != NULL);
        }
}

int main(void) {
        static const uint8_t uuid[16] = { 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0xff };
        _cleanup_free_ char *remove = NULL;
        bool found[NBD_INDEX_MAX + 1] = {};
        _cleanup_close_ int fd = -EBADF;

        ASSERT_TRUE(mkdtemp(directory));
        ASSERT_OK(setenv("SCALEWAY_SYS", directory, 1));
        make_directory("dev/block");
        make_directory(BLOCK "/nbd0/slaves");
        make_partition(BLOCK "/nbd0/nbd0p2");
        make_partition(BLOCK "/nbd15/nbd15p1");
        make_directory(BLOCK "/nbd3/slaves");
        make_directory(BLOCK "/nbd16/slaves");
        make_partition(BLOCK "/vda/vda1");
        make_directory(BLOCK "/vda/slaves");
        /* An array of two volumes, encrypted, and a logical volume on that and on a partition. */
        make_directory(BLOCK "/md0/slaves");
        make_directory(BLOCK "/dm-0/slaves");
        make_directory(BLOCK "/dm-1/slaves");
        make_link(BLOCK "/md0/slaves/nbd3", "nbd3");
        make_link(BLOCK "/md0/slaves/nbd15p1", "nbd15/nbd15p1");
        make_link(BLOCK "/dm-0/slaves/md0", "md0");
        make_link(BLOCK "/dm-1/slaves/dm-0", "dm-0");
        make_link(BLOCK "/dm-1/slaves/nbd0p2", "nbd0/nbd0p2");
        make_link("dev/block/43:0", "nbd0");
        make_link("dev/block/43:2", "nbd0/nbd0p2");
        make_link("dev/block/254:0", "dm-1");
        make_link("dev/block/259:1", "vda/vda1");
        make_link("dev/block/43:256", "nbd16");
        check("dev/block/43:0", 0, "0");
        check("dev/block/43:2", 0, "0");
        check("dev/block/254:0", 0, "03f");
        check("dev/block/259:1", 0, "");
        check("dev/block/43:256", 0, "");
        check("dev/block/1:1", -ENOENT, "");

        /* What cannot be, has an end; and what goes wrong on one side is no reason to miss the other. */
        make_directory(BLOCK "/dm-2/slaves");
        make_link(BLOCK "/dm-2/slaves/again", "dm-2");
        make_link(BLOCK "/dm-2/slaves/nbd3", "nbd3");
        make_link(BLOCK "/dm-2/slaves/gone", "gone");
        make_link("dev/block/254:2", "dm-2");
        ASSERT_TRUE(root_volumes_below("dev/block/254:2", found) < 0);
        ASSERT_TRUE(found[3]);
        found[3] = false;

        make_directory("fs/btrfs/deadbeef-0102-0304-0506-0708090a0bff/devices");
        make_link("fs/btrfs/deadbeef-0102-0304-0506-0708090a0bff/devices/nbd0p2", "nbd0/nbd0p2");
        make_link("fs/btrfs/deadbeef-0102-0304-0506-0708090a0bff/devices/dm-0", "dm-0");
        ASSERT_OK(root_volumes_of_btrfs(uuid, found));
        for (unsigned i = 0; i <= NBD_INDEX_MAX; i++)
                ASSERT_EQ(found[i], i == 0 || i == 3 || i == 15);

        /* Of a file system on no device there is none. */
        memset(found, 0, sizeof(found));
        fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        ASSERT_TRUE(fd >= 0);
        ASSERT_OK(root_volumes_find(fd, found));
        for (unsigned i = 0; i <= NBD_INDEX_MAX; i++)
                ASSERT_FALSE(found[i]);

        ASSERT_OK(asprintf_to(&remove, "rm -r '%s'", directory));
        return system(remove) == 0 ? 0 : EXIT_FAILURE;
}
