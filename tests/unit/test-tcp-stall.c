/* SPDX-License-Identifier: MIT */
#include "tcp-stall.h"
#include "test.h"

typedef struct Tick {
        unsigned unacked, probes, ack_age_msec;
        bool dead;
} Tick;

/* Ticks are a second apart, and the first comes when the machine has been up for an hour. */
static void run(const char *what, const Tick *ticks, size_t n) {
        TcpStall s = {};

        for (size_t i = 0; i < n; i++) {
                struct tcp_info info = {
                        .tcpi_unacked = ticks[i].unacked,
                        .tcpi_probes = (uint8_t) ticks[i].probes,
                        .tcpi_last_ack_recv = ticks[i].ack_age_msec,
                };

                if (tcp_stall_tick(&s, &info, (3600 + i) * USEC_PER_SEC) != ticks[i].dead) {
                        fprintf(stderr, "%s: tick %zu should%s call it dead\n", what, i, ticks[i].dead ? "" : " not");
                        exit(EXIT_FAILURE);
                }
        }
}

#define RUN(what, ...)                                       \
        do {                                                 \
                static const Tick ticks[] = { __VA_ARGS__ }; \
                run(what, ticks, ELEMENTSOF(ticks));         \
        } while (0)

int main(void) {
        RUN("idle for long", { 0, 0, 60000, false }, { 0, 0, 61000, false }, { 0, 1, 62000, false },
            { 0, 0, 500, false }, { 0, 0, 1500, false }, { 0, 0, 2500, false });
        /* The age of the last one says nothing: the connection was idle before. */
        RUN("a write after a long time", { 1, 0, 60000, false }, { 1, 0, 100, false }, { 1, 0, 100, false },
            { 1, 0, 100, false }, { 1, 0, 100, false }, { 1, 0, 100, false });
        RUN("cable pulled under load", { 9, 0, 10, false }, { 9, 0, 1010, false }, { 9, 0, 2010, false },
            { 9, 0, 3010, true });
        RUN("cable pulled while idle", { 0, 0, 9000, false }, { 0, 1, 10000, false }, { 0, 2, 11000, false },
            { 0, 2, 12000, false }, { 0, 3, 13000, false }, { 0, 3, 14000, true });
        /* Its window is closed, and each probe is answered. */
        RUN("a server that takes nothing for a while", { 0, 1, 300, false }, { 0, 0, 900, false }, { 0, 1, 300, false },
            { 0, 1, 1300, false }, { 0, 1, 2300, false }, { 0, 0, 100, false }, { 0, 1, 1100, false });
        RUN("a slow server", { 3, 0, 50, false }, { 0, 0, 1050, false }, { 0, 0, 2050, false }, { 0, 0, 9050, false },
            { 2, 0, 20, false });
        RUN("packets lost for two seconds", { 5, 0, 100, false }, { 5, 0, 1100, false }, { 5, 0, 2100, false },
            { 5, 0, 150, false }, { 5, 0, 1150, false }, { 5, 0, 2150, false }, { 0, 0, 40, false });
        return 0;
}
