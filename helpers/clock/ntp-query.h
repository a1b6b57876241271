/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "ntp-packet.h"
#include "time-util.h"

typedef struct NtpTime {
        char *server; /* name or address, as it was given */
        unsigned stratum;
        int64_t time; /* microseconds since 1970 … */
        usec_t at;    /* … at this moment of now_usec() */
} NtpTime;

void ntp_time_done(NtpTime *t);

/* Asks the n servers (names or addresses, at most NTP_SERVERS_MAX) all at once, and again each second, until one has given a good
 * answer, none is left that could, or the timeout is over; it holds for the look-up of names, too. If fallback is not NULL it is asked
 * as well: when a second has passed, or none of the servers is left. earliest is as for ntp_answer(). Returns 1 and the time, or 0
 * and in *ret_reasons what became of each server: "10.0.0.1: no answer; ntp.example: unknown host". To be freed. Or -ENOMEM.
 * Leaves a thread behind if a look-up is still under way. $SCALEWAY_NTP_PORT is the port in tests. */
_must_check_ int ntp_query(char *const *servers, size_t n, const char *fallback, int64_t earliest, usec_t timeout, NtpTime *ret,
                           char **ret_reasons);
