/* SPDX-License-Identifier: MIT */
/* rows: C6 */
#include "fuzz.h"
#include "ntp-packet.h"
#include "string-util.h"
#include "time-util.h"

#define NONCE UINT64_C(0x0123456789abcdef)
#define EARLIEST (INT64_C(1767225600) * (int64_t) USEC_PER_SEC)
/* 68 years later. */
#define LATEST (EARLIEST + (INT64_C(1) << 31) * (int64_t) USEC_PER_SEC)

/* The packet is what came from a server's address and port. What is good must keep the promises of ntp-packet.h. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        NtpSample sample = {};
        NtpVerdict verdict;

        if (size > 65536)
                return 0;
        verdict = ntp_answer(data, size, NONCE, EARLIEST, &sample);
        if (isempty(ntp_verdict_to_string(verdict)))
                abort();
        if (verdict != NTP_GOOD)
                return 0;

        if (size < NTP_PACKET_SIZE || (data[0] & 7) != 4 || data[0] >> 6 == 3 || sample.stratum < 1 || sample.stratum > 15 ||
            sample.received < EARLIEST || sample.sent < sample.received || sample.sent > LATEST)
                abort();
        return 0;
}
