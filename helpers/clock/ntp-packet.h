/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* The packet of NTP (RFC 5905, section 7.3), as far as one exchange of a client needs it (RFC 4330), without extensions. */
#define NTP_PACKET_SIZE 48U

/* What an answer is worth. */
typedef enum NtpVerdict {
        NTP_GOOD,
        NTP_NO_ANSWER,      /* of a server, or not to our request: too short, another mode or version, another origin */
        NTP_KISS_OF_DEATH,  /* the server does not want to be asked */
        NTP_UNSYNCHRONIZED, /* it does not know the time itself */
        NTP_TOO_FAR,        /* from whoever knows it, so it may be seconds off */
        NTP_IMPLAUSIBLE,    /* times that cannot be, alone or together with ours */
        NTP_BEFORE_BUILD,   /* before this program was built */
        _NTP_VERDICT_MAX,
} NtpVerdict;

/* A few words: "the server does not know the time". Never NULL, constant. */
const char *ntp_verdict_to_string(NtpVerdict v);

typedef struct NtpSample {
        unsigned stratum;
        int64_t received, sent; /* when the server had the request, and answered: microseconds since 1970 */
} NtpSample;

/* The request. nonce takes the place of our own time in it: the server sends it back, and nobody else knows it. */
void ntp_request(uint64_t nonce, uint8_t ret[static NTP_PACKET_SIZE]);

/* Looks at the n bytes that came for that nonce. earliest is the build date, in microseconds since 1970: times are taken for those
 * within 68 years of it, as the packet has only the seconds of a century and a bit, and none before it is good. Fills *ret only if
 * NTP_GOOD is returned. */
NtpVerdict ntp_answer(const uint8_t *packet, size_t n, uint64_t nonce, int64_t earliest, NtpSample *ret);
