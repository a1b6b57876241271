/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <string.h>

#include "bounds.h"
#include "ntp-packet.h"
#include "time-util.h"

#define VERSION 4U
#define MODE_CLIENT 3U
#define MODE_SERVER 4U
#define LEAP_UNKNOWN 3U
/* RFC 5905, figure 4: seconds from 1900 to 1970. */
#define UNIX_EPOCH INT64_C(2208988800)

typedef struct NtpPacket {
        uint8_t flags; /* leap indicator, version, mode */
        uint8_t stratum;
        int8_t poll, precision;
        uint32_t root_delay, root_dispersion;
        uint32_t reference_id;
        uint64_t reference, origin, receive, transmit;
} __attribute__((packed)) NtpPacket;

_Static_assert(sizeof(NtpPacket) == NTP_PACKET_SIZE, "NtpPacket has no gaps");

const char *ntp_verdict_to_string(NtpVerdict v) {
        static const char *const texts[] = {
                [NTP_GOOD] = "a good answer",
                [NTP_NO_ANSWER] = "no answer",
                [NTP_KISS_OF_DEATH] = "does not want to be asked",
                [NTP_UNSYNCHRONIZED] = "does not know the time",
                [NTP_TOO_FAR] = "too far from a true clock",
                [NTP_IMPLAUSIBLE] = "an implausible answer",
                [NTP_BEFORE_BUILD] = "a time before this initrd was built",
        };

        assert(v >= 0 && v < _NTP_VERDICT_MAX);
        return texts[v];
}

void ntp_request(uint64_t nonce, uint8_t ret[static NTP_PACKET_SIZE]) {
        NtpPacket p = {
                .flags = VERSION << 3 | MODE_CLIENT,
                .transmit = htobe64(nonce),
        };

        memcpy(ret, &p, sizeof(p));
}

/* The seconds wrap in 2036: they are those nearest to the build date. */
static int64_t to_unix(uint64_t time, int64_t earliest) {
        int64_t pivot = earliest / (int64_t) USEC_PER_SEC;
        int32_t distance = (int32_t) ((uint32_t) (time >> 32) - (uint32_t) (pivot + UNIX_EPOCH));

        return (pivot + distance) * (int64_t) USEC_PER_SEC + (int64_t) (((time & UINT32_MAX) * USEC_PER_SEC) >> 32);
}

/* How far the server is at most from the clock that its time comes from. A delay below zero is no delay. */
static bool is_near(uint32_t delay, uint32_t dispersion) {
        return delay <= INT32_MAX && (uint64_t) delay / 2 + dispersion <= NTP_DISTANCE_MAX;
}

NtpVerdict ntp_answer(const uint8_t *packet, size_t n, uint64_t nonce, int64_t earliest, NtpSample *ret) {
        NtpPacket p;
        int64_t received, sent;

        assert(packet);
        assert(ret);

        /* What is longer has extensions, which nobody has asked for. */
        if (n < sizeof(p))
                return NTP_NO_ANSWER;
        memcpy(&p, packet, sizeof(p));
        if ((p.flags & 7) != MODE_SERVER || (p.flags >> 3 & 7) != VERSION || be64toh(p.origin) != nonce)
                return NTP_NO_ANSWER;

        /* RFC 5905, section 7.4: stratum 0 is a kiss, and its other fields mean nothing. Of what kind does not matter here, as nobody
         * asks this server again. */
        if (p.stratum == 0)
                return NTP_KISS_OF_DEATH;
        if (p.flags >> 6 == LEAP_UNKNOWN || p.stratum > NTP_STRATUM_MAX)
                return NTP_UNSYNCHRONIZED;
        if (!is_near(be32toh(p.root_delay), be32toh(p.root_dispersion)))
                return NTP_TOO_FAR;
        if (p.receive == 0 || p.transmit == 0)
                return NTP_IMPLAUSIBLE;

        received = to_unix(be64toh(p.receive), earliest);
        sent = to_unix(be64toh(p.transmit), earliest);
        if (sent < received)
                return NTP_IMPLAUSIBLE;
        if (received < earliest)
                return NTP_BEFORE_BUILD;

        *ret = (NtpSample) { .stratum = p.stratum, .received = received, .sent = sent };
        return NTP_GOOD;
}
