/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/nbd.h>

/* Constants of the NBD protocol, spelt as in its specification (doc/proto.md), that <linux/nbd.h> does not have, or not
 * in every version that we build with. */

/* "Handshake phase": both styles begin with these eight bytes. */
#define NBD_INIT_MAGIC UINT64_C(0x4e42444d41474943) /* "NBDMAGIC" */
#define NBD_OLDSTYLE_MAGIC UINT64_C(0x00420281861253)
#define NBD_NEWSTYLE_MAGIC UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */

/* "Oldstyle negotiation": all that the server sends, big-endian. Nothing is answered. */
typedef struct NbdOldstyleHandshake {
        uint64_t nbdmagic;
        uint64_t version;
        uint64_t export_size;
        uint16_t global_flags;
        uint16_t transmission_flags;
        uint8_t zeroes[124];
} __attribute__((packed)) NbdOldstyleHandshake;

_Static_assert(sizeof(NbdOldstyleHandshake) == 152, "NBD specification, oldstyle negotiation");

/* "Transmission flags" */
#ifndef NBD_FLAG_ROTATIONAL
#define NBD_FLAG_ROTATIONAL (1 << 4)
#endif
#ifndef NBD_FLAG_SEND_WRITE_ZEROES
#define NBD_FLAG_SEND_WRITE_ZEROES (1 << 6)
#endif
