/* SPDX-License-Identifier: MIT */
#pragma once

#include <linux/tcp.h>

#include "bounds.h"
#include "macro.h"
#include "time-util.h"

/* Whether the path under a TCP connection is dead, by what the kernel tells of it (TCP_INFO) once a second. A server
 * that is slow, or takes no data because its window is closed, acknowledges all the same, be it the data or the
 * kernel's probes of the window. A time is no measure: a virtual machine may be stopped for any, and its peer's answers
 * with it. So ticks are counted in which nothing came. */
typedef struct TcpStall {
        unsigned ticks;
        usec_t seen; /* when the last acknowledgement came, as of the last tick */
} TcpStall;

/* Returns true if it is. now is that of the tick. */
bool tcp_stall_tick(TcpStall *s, const struct tcp_info *i, usec_t now);
