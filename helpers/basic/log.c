/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "alloc-util.h"
#include "bounds.h"
#include "fd-util.h"
#include "log.h"
#include "parse-util.h"
#include "string-util.h"

static int log_max_level = LOG_INFO;
static bool log_with_prefix = false;
static int log_kmsg_fd = -EBADF;
static char log_last_error_line[LOG_LINE_MAX];

static int level_from_string(const char *s) {
        static const char *const names[] = {
                [LOG_EMERG] = "emerg",     [LOG_ALERT] = "alert",   [LOG_CRIT] = "crit", [LOG_ERR] = "err",
                [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
        };
        unsigned level;

        if (parse_unsigned(s, &level) >= 0 && level <= LOG_DEBUG)
                return (int) level;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(s, names[i]))
                        return (int) i;

        return -EINVAL;
}

/* systemd.exec(5): $JOURNAL_STREAM holds device and inode of the socket that is connected to stdout or stderr. A program that
 * was started with its stderr elsewhere must not write the <N> prefix there. */
static bool stderr_is_journal(void) {
        const char *e = getenv("JOURNAL_STREAM");
        char own[64];
        struct stat st;

        if (!e || fstat(STDERR_FILENO, &st) < 0)
                return false;

        (void) snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long) st.st_dev, (unsigned long long) st.st_ino);
        return streq(e, own);
}

void log_setup(LogTarget target) {
        const char *e = getenv("SCALEWAY_LOG_LEVEL");

        if (e) {
                int level = level_from_string(e);

                if (level >= 0)
                        log_max_level = level;
        }

        log_with_prefix = stderr_is_journal();
        if (target == LOG_TARGET_KMSG)
                log_kmsg_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
}

bool log_debug_enabled(void) {
        return log_max_level >= LOG_DEBUG;
}

static void write_line(int level, const char *text) {
        char line[LOG_LINE_MAX + 128];
        int k, fd = log_kmsg_fd >= 0 ? log_kmsg_fd : STDERR_FILENO;

        if (log_kmsg_fd >= 0)
                k = snprintf(line, sizeof(line), "<%i>%s[%i]: %s\n", LOG_DAEMON | level, program_invocation_short_name,
                             (int) getpid(), text);
        else if (log_with_prefix)
                k = snprintf(line, sizeof(line), "<%i>%s\n", level, text);
        else
                k = snprintf(line, sizeof(line), "%s\n", text);
        if (k < 0)
                return;

        /* There is nobody left to tell if this fails. */
        (void) !write_all(fd, line, MIN((size_t) k, sizeof(line) - 1));
}

int log_full_errno(int level, int error, const char *format, ...) {
        char text[LOG_LINE_MAX];
        int saved = errno;
        va_list ap;

        error = error < 0 ? -error : error;

        if (level <= log_max_level || level <= LOG_ERR) {
                errno = error;
                va_start(ap, format);
                (void) vsnprintf(text, sizeof(text), format, ap);
                va_end(ap);

                /* One message is one line, whatever a server put into a string that is quoted here. */
                for (char *p = text; *p; p++)
                        if ((unsigned char) *p < 0x20 || *p == 0x7f)
                                *p = ' ';

                write_line(level, text);
                if (level <= LOG_ERR)
                        strcpy(log_last_error_line, text);
        }

        errno = saved;
        return -error;
}

const char *log_last_error(void) {
        return empty_to_null(log_last_error_line);
}
