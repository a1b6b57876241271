/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "bounds.h"
#include "exit-mapper.h"
#include "fd-util.h"
#include "string-util.h"

typedef struct MapperList {
        struct dm_ioctl header;
        char data[EXIT_MAPPER_LIST_SIZE];
} MapperList;

static void put_header(struct dm_ioctl *h, size_t size) {
        *h = (struct dm_ioctl){
                .version = {DM_VERSION_MAJOR, 0, 0},
                .data_size = (uint32_t) size,
                .data_start = sizeof(*h),
        };
}

static int remove_one(int fd, const char *name) {
        struct dm_ioctl h;

        put_header(&h, sizeof(h));
        if ((size_t) snprintf(h.name, sizeof(h.name), "%s", name) >= sizeof(h.name))
                return -ENAMETOOLONG;

        return ioctl(fd, DM_DEV_REMOVE, &h) < 0 ? -errno : 0;
}

/* Returns how many it has removed and in *ret_left how many there still are, or a negative errno. */
static int remove_round(int fd, unsigned *ret_left) {
        static MapperList l __attribute__((aligned(8)));
        const struct dm_name_list *item;
        unsigned n = 0, left = 0;

        put_header(&l.header, sizeof(l));
        if (ioctl(fd, DM_LIST_DEVICES, &l) < 0)
                return -errno;

        item = (const struct dm_name_list *) ((const char *) &l + l.header.data_start);
        for (bool last = item->dev == 0; !last;
             item = (const struct dm_name_list *) ((const char *) item + item->next)) {
                last = item->next == 0;
                if (remove_one(fd, item->name) >= 0)
                        n++;
                else
                        left++;
        }

        *ret_left = left;
        return (int) n;
}

int mapper_remove_all(void *data) {
        _cleanup_close_ int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
        unsigned left = 0;
        int r;

        if (fd < 0)
                return errno == ENOENT || errno == ENODEV || errno == ENXIO ? 0 : -errno;
        for (unsigned i = 0; i < EXIT_MAPPER_ROUNDS_MAX; i++) {
                r = remove_round(fd, &left);
                if (r < 0)
                        return r;
                if (r == 0)
                        break;
        }

        return left > 0 ? -EBUSY : 0;
}
