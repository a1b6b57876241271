/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <utmp.h>

#include "bounds.h"
#include "fd-util.h"
#include "fileio.h"
#include "log.h"
#include "paths.h"
#include "shutdown-watch.h"
#include "string-util.h"

int shutdown_watch_open(ShutdownWatch *w) {
        _cleanup_free_ char *path = NULL;
        int r;

        assert(w);

        *w = (ShutdownWatch){ .run_fd = -EBADF, .verb = _REBOOT_VERB_INVALID };
        r = run_path("", &path);
        if (r < 0)
                return r;

        w->run_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return w->run_fd < 0 ? -errno : 0;
}

void shutdown_watch_done(ShutdownWatch *w) {
        w->run_fd = safe_close(w->run_fd);
}

static bool exists(const ShutdownWatch *w, const char *path) {
        return faccessat(w->run_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

static bool is_newer(struct timespec a, struct timespec b) {
        return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/* What began a long time ago is over: it was cancelled, and the host goes on. One from the future is of a clock that was set back. */
static bool is_over(struct timespec begin) {
        return time(NULL) - begin.tv_sec > (time_t) (SHUTDOWN_OVER_USEC / USEC_PER_SEC);
}

/* The newest one counts: that of a shutdown which was cancelled may have stayed. */
static RebootVerb verb_of_systemd(const ShutdownWatch *w) {
        RebootVerb verb = _REBOOT_VERB_INVALID;
        struct timespec newest = {};
        char path[64];

        for (int i = 0; i < _REBOOT_VERB_MAX; i++) {
                struct stat st;

                (void) snprintf(path, sizeof(path), "%s/%s", RUN_SHUTDOWN_DIR, reboot_verb_to_string((RebootVerb) i));
                if (fstatat(w->run_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                if (!is_over(st.st_mtim) && (verb < 0 || is_newer(st.st_mtim, newest))) {
                        verb = (RebootVerb) i;
                        newest = st.st_mtim;
                }
        }

        return verb;
}

/* utmp(5): init notes the runlevel as the process number of one record. */
static RebootVerb verb_of_sysvinit(const ShutdownWatch *w) {
        _cleanup_close_ int fd = openat(w->run_fd, "utmp", O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        struct utmp record;

        if (fd < 0)
                return _REBOOT_VERB_INVALID;
        for (unsigned i = 0; i < UTMP_RECORDS_MAX && read(fd, &record, sizeof(record)) == (ssize_t) sizeof(record); i++)
                if (record.ut_type == RUN_LVL)
                        switch (record.ut_pid & 0xff) {
                        case '0':
                                return REBOOT_POWEROFF;
                        case '6':
                                return REBOOT_REBOOT;
                        default:
                                return _REBOOT_VERB_INVALID;
                        }

        return _REBOOT_VERB_INVALID;
}

/* The runlevel that OpenRC is in or on its way to. It is noted when the first service is stopped and stays to the very end; rc.stopping
 * beside it is neither: it comes with each change of the runlevel, and goes before the last services are started. "reboot" is what
 * old ones have. Else it does not say what for, and a machine that comes back is the one that can be helped. */
static RebootVerb verb_of_openrc(const ShutdownWatch *w) {
        _cleanup_free_ char *level = NULL;

        if (read_file_at(w->run_fd, "openrc/softlevel", SOFTLEVEL_MAX, &level, NULL) < 0)
                return _REBOOT_VERB_INVALID;
        level[strcspn(level, "\n")] = '\0';

        return streq(level, "shutdown") || streq(level, "reboot") ? REBOOT_REBOOT : _REBOOT_VERB_INVALID;
}

RebootVerb shutdown_watch_verb(const ShutdownWatch *w) {
        RebootVerb v;

        assert(w);

        if (w->run_fd < 0 || exists(w, RUN_EXIT))
                return _REBOOT_VERB_INVALID;
        v = verb_of_systemd(w);
        if (v < 0)
                v = verb_of_sysvinit(w);
        return v < 0 ? verb_of_openrc(w) : v;
}

bool shutdown_watch_check(ShutdownWatch *w, bool link_is_down, usec_t now) {
        RebootVerb v;

        assert(w);

        v = link_is_down ? shutdown_watch_verb(w) : _REBOOT_VERB_INVALID;
        if (v < 0) {
                w->since = 0;
                return false;
        }

        w->verb = v;
        if (w->since == 0)
                w->since = now;
        return now >= w->since + SHUTDOWN_WATCH_USEC;
}

int shutdown_watch_end(const ShutdownWatch *w, const char *device) {
        assert(w);
        assert(w->verb >= 0);

        log_error("%s: its server has not answered for %llu s of the shutdown, %s at once; what was not yet written to "
                  "it is lost.",
                  device, (unsigned long long) (SHUTDOWN_WATCH_USEC / USEC_PER_SEC), reboot_verb_to_string(w->verb));
        return reboot_now(w->verb);
}
