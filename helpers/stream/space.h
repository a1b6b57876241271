/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* What is left for an unpacked archive. */
typedef struct Space {
        uint64_t free;        /* bytes that may be written */
        bool in_memory;       /* tmpfs or ramfs */
        bool short_of_memory; /* memory is what limits it, not the size of the file system */
} Space;

/* Looks at the file system of the directory fd, and for one in memory at what the kernel could give, too, less a
 * reserve that the rest of the boot needs: a tmpfs may be larger than that, and then it is the out-of-memory killer
 * that ends the download. Returns 0 or a negative errno. */
_must_check_ int space_look(int dir_fd, Space *ret);

/* n bytes in decimal units for a person: "629.1 MB". The string is to be freed; NULL if memory is short. */
_must_check_ char *format_size(uint64_t n);
