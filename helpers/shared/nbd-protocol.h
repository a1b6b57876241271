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

/* "Newstyle negotiation": flags of both sides, options, and the answers to them. */
#define NBD_FLAG_FIXED_NEWSTYLE (1U << 0)
#define NBD_FLAG_NO_ZEROES (1U << 1)
#define NBD_OPT_EXPORT_NAME 1U
#define NBD_OPT_GO 7U
#define NBD_REP_MAGIC UINT64_C(0x3e889045565a9)
#define NBD_REP_ACK 1U
#define NBD_REP_INFO 3U
#define NBD_INFO_EXPORT 0U
#define NBD_INFO_BLOCK_SIZE 3U
#define NBD_REP_ERR(n) ((UINT32_C(1) << 31) + (n))
#define NBD_REP_ERR_UNSUP NBD_REP_ERR(1)
#define NBD_REP_ERR_POLICY NBD_REP_ERR(2)
#define NBD_REP_ERR_PLATFORM NBD_REP_ERR(4)
#define NBD_REP_ERR_TLS_REQD NBD_REP_ERR(5)
#define NBD_REP_ERR_UNKNOWN NBD_REP_ERR(6)
#define NBD_REP_ERR_SHUTDOWN NBD_REP_ERR(7)

/* "Transmission flags" */
#ifndef NBD_FLAG_ROTATIONAL
#define NBD_FLAG_ROTATIONAL (1 << 4)
#endif
#ifndef NBD_FLAG_SEND_WRITE_ZEROES
#define NBD_FLAG_SEND_WRITE_ZEROES (1 << 6)
#endif
