/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "blkid-util.h"
#include "bounds.h"
#include "live-empty.h"
#include "string-util.h"

#define KIB ((uint64_t) 1 << 10)
#define MIB ((uint64_t) 1 << 20)

/* Tables are followed by a partition at 1 MiB or, older ones, at sector 63. A file system has something in its first
 * 64 MiB, wherever of the two it begins, and btrfs its second superblock at their end. */
#define BEGINNING (64 * MIB)
#define END MIB

/* Of 4 KiB, over the whole device. At a volume that answers a read in a millisecond, that is a second. */
#define SAMPLES 1024U
#define SAMPLE (4 * KIB)
/* So many are asked for before they are read: they come at once and not one after the other. */
#define SAMPLES_AHEAD 32U

/* 1, 0 or a negative errno. */
static int is_zero(int fd, uint64_t offset, uint64_t n, usec_t deadline) {
        char buffer[65536];

        while (n > 0) {
                ssize_t k;

                if (now_usec() >= deadline)
                        return -ETIMEDOUT;
                k = pread(fd, buffer, (size_t) MIN(n, (uint64_t) sizeof(buffer)), (off_t) offset);
                if (k < 0)
                        return -errno;
                if (k == 0)
                        return -EIO;
                if (buffer[0] != 0 || memcmp(buffer, buffer + 1, (size_t) k - 1) != 0)
                        return 0;
                offset += (uint64_t) k;
                n -= (uint64_t) k;
        }

        return 1;
}

static uint64_t sample_offset(uint64_t size, unsigned i) {
        return size / SAMPLES * i / SAMPLE * SAMPLE;
}

/* 1, 0 or a negative errno. Those that lie in what has been looked at anyway are left out. */
static int samples_are_zero(int fd, uint64_t size, usec_t deadline) {
        int r;

        for (unsigned i = 0; i < SAMPLES + SAMPLES_AHEAD; i++) {
                if (i < SAMPLES && sample_offset(size, i) >= BEGINNING)
                        (void) posix_fadvise(fd, (off_t) sample_offset(size, i), (off_t) SAMPLE, POSIX_FADV_WILLNEED);
                if (i < SAMPLES_AHEAD || sample_offset(size, i - SAMPLES_AHEAD) < BEGINNING)
                        continue;
                r = is_zero(fd, sample_offset(size, i - SAMPLES_AHEAD), SAMPLE, deadline);
                if (r <= 0)
                        return r;
        }

        return 1;
}

/* 1: nothing that is known begins there; else as live_is_empty(). */
static int look_at_partition(int fd, uint64_t offset, uint64_t size, char **ret_words) {
        _cleanup_(blkid_probe_freep) blkid_probe probe = NULL;
        _cleanup_free_ char *shown = NULL;
        const char *type = NULL, *label = NULL;
        int r;

        if (size <= offset)
                return 1;

        errno = 0;
        probe = blkid_new_probe();
        if (!probe || blkid_probe_set_device(probe, fd, (blkid_loff_t) offset, (blkid_loff_t) (size - offset)) < 0)
                return errno > 0 ? -errno : -ENOMEM;
        (void) blkid_probe_enable_superblocks(probe, 1);
        (void) blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);

        r = blkid_look(probe);
        if (r == BLKID_NOTHING)
                return 1;
        if (r == BLKID_AMBIVALENT)
                return asprintf_to(ret_words, "signatures of several file systems %" PRIu64 " KiB from its beginning",
                                   (offset + KIB - 1) / KIB);
        if (r < 0)
                return r;

        if (blkid_probe_lookup_value(probe, "TYPE", &type, NULL) < 0)
                return 1;
        (void) blkid_probe_lookup_value(probe, "LABEL", &label, NULL);
        shown = printable(label ?: "", LIVE_LABEL_MAX);
        if (!shown)
                return -ENOMEM;
        return asprintf_to(ret_words, "'%s' data%s%s%s, as of a partition %s from its beginning, but no partition table", type,
                           isempty(shown) ? "" : " labelled '", shown, isempty(shown) ? "" : "'",
                           offset == MIB ? "1 MiB" : "63 sectors");
}

int live_is_empty(int fd, uint64_t size, usec_t deadline, char **ret_words) {
        static const uint64_t partitions[] = { MIB, 63 * 512 };
        int r = 1;

        assert(fd >= 0);
        assert(size > 0);
        assert(ret_words);

        /* First: it has words for what it finds. */
        for (size_t i = 0; i < ELEMENTSOF(partitions) && r > 0; i++) {
                r = look_at_partition(fd, partitions[i], size, ret_words);
                if (r <= 0)
                        return r;
        }

        (void) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        r = is_zero(fd, 0, MIN(size, BEGINNING), deadline);
        (void) posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
        if (r > 0)
                r = is_zero(fd, size - MIN(size, END), MIN(size, END), deadline);
        if (r > 0)
                r = samples_are_zero(fd, size, deadline);
        return r != 0 ? r : strdup_to(ret_words, "data of no known kind");
}
