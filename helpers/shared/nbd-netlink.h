/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"

/* The kernel's NBD driver through generic netlink: <linux/nbd-netlink.h>, drivers/block/nbd.c. The ioctl interface is
 * no alternative: it needs a process that lives as long as the device and dies of a signal at switch-root or
 * shutdown. */

typedef struct NbdNetlink NbdNetlink;

typedef struct NbdConnection {
        unsigned index;         /* N of /dev/nbdN */
        int fd;                 /* stream socket in the transmission phase; the kernel takes a reference of its own */
        uint64_t size;          /* bytes, a multiple of block_size */
        uint32_t block_size;    /* bytes, a power of two, 512 to the page size */
        uint64_t dead_timeout;  /* seconds that I/O waits for a new connection when this one is dead */
        uint16_t flags;         /* NBD_FLAG_* */
        const char *identifier; /* NULL: none. Any later RECONFIGURE must name the same */
} NbdConnection;

/* All of them return 0 or a negative errno and wait at most ten seconds for an answer. */

/* -ENOENT if the driver is not loaded. */
_must_check_ int nbd_netlink_open(NbdNetlink **ret);
void nbd_netlink_close(NbdNetlink *n);

/* Among the kernel's errors: -EBUSY the device is connected or somebody (udev) has it open, -EPERM no CAP_SYS_ADMIN,
 * -EINVAL something in c. */
_must_check_ int nbd_netlink_connect(NbdNetlink *n, const NbdConnection *c);
/* Hands the kernel a new socket, in the transmission phase, in the place of one that is dead. The kernel says 0 also if it knows of no dead one,
 * and then drops this one: wait for its news of the link's death (nbd-watch.h) before, or say it again after. -EINVAL: the device was
 * disconnected meanwhile, or identifier is not the one it was connected with. */
_must_check_ int nbd_netlink_reconnect(NbdNetlink *n, unsigned index, int fd, const char *identifier);
/* Another size, a multiple of the block size, for a device whose link is alive. If that dies meanwhile, this may not return before the
 * dead_timeout of the connection is over. */
_must_check_ int nbd_netlink_resize(NbdNetlink *n, unsigned index, uint64_t size, const char *identifier);
/* Another time that I/O waits for a new connection, from the next time on that the link is lost. */
_must_check_ int nbd_netlink_dead_timeout(NbdNetlink *n, unsigned index, uint64_t seconds, const char *identifier);
/* The multicast group for news of dead links, 0 if the kernel names none. */
uint32_t nbd_netlink_group(const NbdNetlink *n);
/* Ends the connection whether the device is in use or not. A device that exists but is free is no error; -EINVAL if it
 * does not exist. */
_must_check_ int nbd_netlink_disconnect(NbdNetlink *n, unsigned index);
/* Whether the kernel calls the device connected. That is no evidence of a link: it is true also while a free device is
 * open. */
_must_check_ int nbd_netlink_status(NbdNetlink *n, unsigned index, bool *ret_connected);

/* The messages by themselves, for tests. buffer has NBD_MESSAGE_MAX bytes. -EMSGSIZE if the identifier does not fit. */
_must_check_ int nbd_message_connect(void *buffer, uint16_t family, uint32_t sequence, const NbdConnection *c);
_must_check_ int nbd_message_reconnect(void *buffer, uint16_t family, uint32_t sequence, unsigned index, int fd,
                                       const char *identifier);
_must_check_ int nbd_message_resize(void *buffer, uint16_t family, uint32_t sequence, unsigned index, uint64_t size,
                                    const char *identifier);
_must_check_ int nbd_message_dead_timeout(void *buffer, uint16_t family, uint32_t sequence, unsigned index, uint64_t seconds,
                                          const char *identifier);
void nbd_message_get_family(void *buffer, uint32_t sequence);
void nbd_message_index(void *buffer, uint16_t family, uint32_t sequence, uint8_t command, unsigned index);

struct nlmsghdr;

/* Answers: -ENODATA if what is asked for is not in the message. */
_must_check_ int nbd_message_parse_family(const struct nlmsghdr *m, uint16_t *ret);
_must_check_ int nbd_message_parse_group(const struct nlmsghdr *m, uint32_t *ret);
_must_check_ int nbd_message_parse_status(const struct nlmsghdr *m, unsigned index, bool *ret_connected);
