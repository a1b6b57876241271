/* SPDX-License-Identifier: MIT */
#include "bounds.h"
#include "tcp-stall.h"

bool tcp_stall_tick(TcpStall *s, const struct tcp_info *i, usec_t now) {
        usec_t age = i->tcpi_last_ack_recv * USEC_PER_MSEC, acked = now > age ? now - age : 0;

        assert(s);
        assert(i);

        /* Nothing is under way; or the first probe of a closed window or of an idle connection, which may yet be
         * answered. */
        if (i->tcpi_unacked == 0 && i->tcpi_probes < 2)
                s->ticks = 0;
        else if (s->ticks == 0 || acked > s->seen + TCP_STALL_SLACK_USEC)
                s->ticks = 1;
        else
                s->ticks++;

        s->seen = acked;
        return s->ticks > TCP_STALL_TICKS_MAX;
}
