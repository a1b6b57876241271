/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "blkid-util.h"

#define AMBIVALENT_IS_AN_ERROR 2410 /* version of libblkid, as blkid_get_library_version() has it */

int blkid_look(blkid_probe probe) {
        int r;

        assert(probe);

        errno = 0;
        r = blkid_do_safeprobe(probe);
        if (r == 0 || r == 1)
                return r == 0 ? 0 : BLKID_NOTHING;
        /* The documented answer is -2. From 2.41 on it is -1, as for an error, but without one of the system's. */
        if (r == -2 || (errno == 0 && blkid_get_library_version(NULL, NULL) >= AMBIVALENT_IS_AN_ERROR))
                return BLKID_AMBIVALENT;

        return errno > 0 ? -errno : -EIO;
}

void blkid_probe_freep(blkid_probe *p) {
        if (*p)
                blkid_free_probe(*p);
}
