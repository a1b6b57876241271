/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"
#include "network-path.h"

/* By which everybody knows a supervisor: images, who must not end it, and we. The '@' spares it when systemd ends all others. */
#define NBD_SUPERVISOR_NAME "@xnbd-client"

/* What the volume's supervisor (supervise.h) knows of the link; without one nobody does. */
typedef enum NbdLink {
        NBD_LINK_UNKNOWN,
        NBD_LINK_UP,
        NBD_LINK_DOWN,
        _NBD_LINK_MAX,
        _NBD_LINK_INVALID = -22,
} NbdLink;

/* RUN_NBD_DIR/N.json: what the kernel does not know about an attached volume. Whoever has to connect it again, in the
 * initrd or at shutdown, reads it there. */
typedef struct NbdRecord {
        char *uri;
        char *identifier;    /* NULL: none */
        uint64_t size;       /* bytes, as given to the kernel */
        uint32_t block_size; /* bytes, as given to the kernel */
        uint16_t flags;      /* NBD_FLAG_*, as given to the kernel */
        bool oldstyle;
        bool root;     /* the root needs the volume */
        uint64_t time; /* when it was attached, seconds of the wall clock, which may be wrong this early */
        uint64_t pid;  /* of the supervisor, 0 if there is none */
        NbdLink link;
        uint64_t reconnects;
        uint64_t since;              /* when link changed, as time */
        char reason[NBD_REASON_MAX]; /* why the link was lost the last time, or cannot be had; empty if it never was */
        bool has_path;
        NetworkPath path; /* to the server */
} NbdRecord;

/* "up", "down", or NULL. */
const char *nbd_link_to_string(NbdLink link);

/* Opens the directory of the records, and makes it if need be. Returns a file descriptor or a negative errno. */
_must_check_ int nbd_record_open_directory(void);

/* All return 0 or a negative errno. Writing replaces the file as a whole. */
_must_check_ int nbd_record_write(unsigned index, const NbdRecord *r);
_must_check_ int nbd_record_write_at(int dir_fd, unsigned index, const NbdRecord *r);
/* -ENOENT if there is none, -EBADMSG if it is not one of ours. *ret is to be ended by nbd_record_done(). */
_must_check_ int nbd_record_read(unsigned index, NbdRecord *ret);
/* Whether that process lives and is a supervisor of a volume: root's, or the caller's own, and of a name that begins with
 * NBD_SUPERVISOR_NAME. When the one of a record has ended, another process may have got its number. */
bool nbd_process_is_supervisor(uint64_t pid);
static inline bool nbd_record_is_supervised(const NbdRecord *r) {
        return nbd_process_is_supervisor(r->pid);
}
/* No record is no error. */
_must_check_ int nbd_record_remove(unsigned index);
void nbd_record_done(NbdRecord *r);
