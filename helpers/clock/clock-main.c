/* SPDX-License-Identifier: MIT */
/* Sets the clock by one exchange with an NTP server.
 *
 * Runs from scaleway-clock.service, after scaleway-network.service: addresses, routes and name servers are as they will
 * be. Whatever speaks TLS or leaves files on the root comes after, and so does the switch; mounting the root goes on
 * beside it. A machine may come up with any time, and then no certificate is valid. It leaves the clock set, or, if
 * nobody has told the time within its timeout, as it is; the boot goes on either way. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bounds.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "networkd-state.h"
#include "ntp-query.h"
#include "parse-util.h"
#include "string-util.h"

/* If the build date cannot be read: 2026-01-01, before which nothing of this was written. */
#define EARLIEST_FALLBACK ((time_t) 1767225600)

enum {
        EXIT_NOBODY = 2,
};

static bool arg_set = false;
static unsigned arg_timeout = CLOCK_TIMEOUT_DEFAULT;
static char **arg_servers = NULL;
static size_t arg_n_servers = 0;

static const char usage[] = "scaleway-clock set|query [SERVER...]\n\n"
                            "Sets the clock by an NTP server, or shows how far it is off.";

static int parse_argv(int argc, char *argv[]) {
        const ProgramOption options[] = {
                { "timeout", "SECONDS", take_seconds, &arg_timeout,
                  "How long to wait for an answer" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;
        if (optind >= argc || (!streq(argv[optind], "set") && !streq(argv[optind], "query")))
                return log_error_errno(EINVAL, "Say 'set' or 'query', see --help.");

        arg_set = streq(argv[optind++], "set");
        arg_servers = argv + optind;
        arg_n_servers = (size_t) (argc - optind);
        if (arg_n_servers > NTP_SERVERS_MAX)
                return log_error_errno(EINVAL, "At most %u servers.", NTP_SERVERS_MAX);
        return 1;
}

/* When the day of the build began. */
static int64_t earliest_time(void) {
        time_t date;

        if (parse_date(BUILD_DATE, &date) < 0)
                date = EARLIEST_FALLBACK;

        return (int64_t) date * (int64_t) USEC_PER_SEC;
}

static int64_t realtime(void) {
        struct timespec ts = {};

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        return (int64_t) ts.tv_sec * (int64_t) USEC_PER_SEC + ts.tv_nsec / 1000;
}

/* 2026-11-27T12:00:00Z */
static const char *format_time(int64_t usec, char buffer[static 32]) {
        time_t seconds = (time_t) (usec / (int64_t) USEC_PER_SEC);
        struct tm tm;

        if (!gmtime_r(&seconds, &tm) || strftime(buffer, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
                strcpy(buffer, "?");
        return buffer;
}

/* The servers that DHCP has named: words of *ret_text, which is to be freed. */
static int servers_of_dhcp(char **ret_text, char *ret[static NTP_SERVERS_MAX], size_t *ret_n) {
        _cleanup_free_ char *state = NULL;
        size_t n = 0;
        int r;

        *ret_text = NULL;
        *ret_n = 0;
        r = networkd_state_read(&state);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                log_debug_errno(r, "Failed to read what systemd-networkd knows of NTP servers: %m");
                return 0;
        }
        r = networkd_state_value(state, "NTP", ret_text);
        if (r < 0)
                return r;

        for (char *p = *ret_text, *word; p && n < NTP_SERVERS_MAX && (word = strsep(&p, " \t"));)
                if (*word != '\0')
                        ret[n++] = word;

        *ret_n = n;
        return 0;
}

static int query(NtpTime *ret) {
        _cleanup_free_ char *text = NULL, *reasons = NULL;
        char *dhcp[NTP_SERVERS_MAX], **servers = arg_servers, now[32];
        size_t n = arg_n_servers;
        int r;

        if (n == 0) {
                r = servers_of_dhcp(&text, dhcp, &n);
                if (r < 0)
                        return log_oom();
                servers = dhcp;
        }

        r = ntp_query(servers, n, arg_n_servers == 0 ? NTP_SERVER : NULL, earliest_time(), arg_timeout * USEC_PER_SEC, ret, &reasons);
        if (r < 0)
                return log_error_errno(r, "Failed to ask for the time: %m");
        if (r == 0)
                log_warning("No NTP server has told the time (%s), the clock stays as it is: %s.", reasons,
                            format_time(realtime(), now));
        return r;
}

static int set_clock(const NtpTime *t) {
        int64_t before = realtime(), to = t->time + (int64_t) (now_usec() - t->at), wrong_by = llabs(to - before);
        _cleanup_free_ char *server = printable(t->server, 80);
        char then[32], now[32];
        struct timespec ts = {
                .tv_sec = (time_t) (to / (int64_t) USEC_PER_SEC),
                .tv_nsec = (long) (to % (int64_t) USEC_PER_SEC) * 1000,
        };

        /* In one step, however far: nothing of the boot measures by this clock. */
        if (clock_settime(CLOCK_REALTIME, &ts) < 0)
                return log_error_errno(errno, "Failed to set the clock: %m");

        if (wrong_by >= CLOCK_WRONG_BY_MIN)
                log_info("The clock was at %s, NTP server %s has set it to %s.", format_time(before, then), server ?: "?",
                         format_time(to, now));
        else
                log_debug("The clock was wrong by %" PRIi64 " ms, as NTP server %s says.", wrong_by / 1000, server ?: "?");
        return 0;
}

static int show(const NtpTime *t) {
        int64_t offset = t->time + (int64_t) (now_usec() - t->at) - realtime();
        _cleanup_free_ char *server = printable(t->server, 80);

        if (printf("%s: stratum %u, %+.6f s\n", server ?: "?", t->stratum, (double) offset / (double) USEC_PER_SEC) < 0 ||
            fflush(stdout) == EOF)
                return log_error_errno(errno, "Failed to write the answer: %m");
        return 0;
}

static int run(int argc, char *argv[]) {
        _cleanup_(ntp_time_done) NtpTime t = {};
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        r = query(&t);
        if (r < 0)
                return r;
        if (r == 0)
                return EXIT_NOBODY;

        return arg_set ? set_clock(&t) : show(&t);
}

DEFINE_MAIN_FUNCTION(run)
