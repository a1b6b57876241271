/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "live-marker.h"

#define MIB ((uint64_t) 1 << 20)

/* A whole block of whatever size the disk has, so that nothing has to be read before it is written. */
#define BLOCK 4096U
/* What is compared. It is in the first sector, so it is there as a whole or not at all. */
#define TEXT "scaleway-live: mkfs did not end, the content of this disk is void\n"

uint64_t live_marker_offset(uint64_t size) {
        return size / BLOCK * BLOCK - BLOCK;
}

uint64_t live_usable_size(uint64_t size) {
        return size >= 3 * MIB ? (size - MIB) / MIB * MIB : 0;
}

int live_marker_read(int fd, uint64_t size) {
        char text[sizeof(TEXT) - 1];
        ssize_t n;

        if (live_usable_size(size) == 0)
                return 0;

        n = pread(fd, text, sizeof(text), (off_t) live_marker_offset(size));
        if (n < 0)
                return -errno;

        return n == (ssize_t) sizeof(text) && memcmp(text, TEXT, sizeof(text)) == 0;
}

int live_marker_write(int fd, uint64_t size, bool on) {
        char block[BLOCK] = {};
        ssize_t n;

        assert(live_usable_size(size) > 0);

        if (on)
                memcpy(block, TEXT, sizeof(TEXT) - 1);
        n = pwrite(fd, block, sizeof(block), (off_t) live_marker_offset(size));
        if (n < 0)
                return -errno;
        if (n != (ssize_t) sizeof(block))
                return -EIO;

        return fsync(fd) < 0 ? -errno : 0;
}
