/* SPDX-License-Identifier: MIT */
/* Without a server: what is mounted already, and a root that does not answer, for which a FUSE mount stands that nobody
 * serves. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "nfs-mount.h"
#include "root-mount.h"
#include "string-util.h"
#include "test.h"

#define SKIP 77
#define NOBODY "192.0.2.1:/srv"

static void test_mounted_already(const char *target) {
        _cleanup_free_ char *message = NULL, *etc = NULL;
        int look = -1;

        ASSERT_EQ(root_has_mount(target), 0);
        ASSERT_OK(mount("tmpfs", target, "tmpfs", 0, NULL));
        ASSERT_EQ(root_has_mount(target), 1);
        ASSERT_OK(nfs_mount(NOBODY, target, "", USEC_PER_SEC, &look, &message));
        ASSERT_EQ(look, ROOT_EMPTY);
        ASSERT_OK(asprintf_to(&etc, "%s/etc", target));
        ASSERT_OK(mkdir(etc, 0755));
        ASSERT_OK(nfs_mount(NOBODY, target, "", USEC_PER_SEC, &look, &message));
        ASSERT_EQ(look, ROOT_FINE);
        ASSERT_OK(umount2(target, MNT_DETACH));
}

static void test_root_that_hangs(const char *target) {
        _cleanup_close_ int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        _cleanup_free_ char *message = NULL;
        usec_t begin = now_usec();
        char data[100];
        int look;

        if (fd < 0)
                return;
        (void) snprintf(data, sizeof(data), "fd=%i,rootmode=40000,user_id=0,group_id=0", fd);
        if (mount("nobody", target, "fuse", 0, data) < 0)
                return;

        ASSERT_EQ(nfs_mount(NOBODY, target, "", USEC_PER_SEC, &look, &message), -ETIMEDOUT);
        ASSERT_EQ(root_has_mount(target), 1);
        ASSERT_TRUE(now_usec() - begin < 5 * USEC_PER_SEC);
        ASSERT_OK(umount2(target, MNT_DETACH | MNT_FORCE));
}

int main(void) {
        char directory[] = "/tmp/test-nfs-mount-XXXXXX";

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return SKIP;

        ASSERT_TRUE(mkdtemp(directory));
        test_mounted_already(directory);
        test_root_that_hangs(directory);
        ASSERT_OK(rmdir(directory));
        return 0;
}
