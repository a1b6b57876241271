/* SPDX-License-Identifier: MIT */
#pragma once

#include "time-util.h"

/* The mounts of the old root: those below the folder that systemd-shutdown has put it to, or below / where nobody has
 * put it anywhere. */
typedef struct OldRoot {
        const char *path; /* "/oldroot" or "/" */
} OldRoot;

/* Called, if set, when something is left of a round of unmounting: ends what may hold a file system, like a loop device of a file on it. Returns how
 * many it has ended; after that it is tried again. */
extern unsigned (*unmount_more)(usec_t deadline);

/* Unmounts what there is, the innermost first; what is busy becomes read-only or is frozen, so that what lies on the
 * disk is whole, and is detached if it is not to stay. Says what could not be done as it should. Returns true if all is
 * on its disk. */
bool old_root_unmount(const OldRoot *o, usec_t deadline);

/* Only lets go of them, for file systems whose disks are gone. */
void old_root_detach(const OldRoot *o, usec_t deadline);

/* One line of /proc/self/mountinfo; it is changed. Returns 0, or -EINVAL if it is none. */
typedef struct MountLine {
        char *path; /* all of these are parts of the line, path is unescaped */
        char *type;
        char *source;
        bool read_only; /* the file system, not only this mount of it */
} MountLine;

_must_check_ int mount_line_parse(char *line, MountLine *ret);

/* True if the file system has no data of its own that could be lost: the kernel's own ones, and memory. */
bool mount_is_api(const char *type);
