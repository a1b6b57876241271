/* SPDX-License-Identifier: MIT */
#pragma once

#include <errno.h>
#include <syslog.h>

#include "macro.h"

/* Where messages go is found out on first use, see log.c. Only programs log; basic/ and shared/ return errors,
 * and tell at most what is for debugging. */

typedef enum LogTarget {
        LOG_TARGET_AUTO,
        LOG_TARGET_KMSG, /* generators: nothing else exists yet, systemd.generator(7) */
} LogTarget;

/* Call first thing in main. Reads $SCALEWAY_LOG_LEVEL (a syslog number or name); default is info. */
void log_setup(LogTarget target);
bool log_debug_enabled(void);

/* Logs one line and returns -abs(error), so that one can write return log_error_errno(r, …). %m in the format shows error. */
_printf_(3, 4) int log_full_errno(int level, int error, const char *format, ...);

#define log_full(level, ...) ((void) log_full_errno(level, 0, __VA_ARGS__))
#define log_debug(...) log_full(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_full(LOG_INFO, __VA_ARGS__)
#define log_notice(...) log_full(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_full(LOG_ERR, __VA_ARGS__)

#define log_debug_errno(error, ...) log_full_errno(LOG_DEBUG, error, __VA_ARGS__)
#define log_info_errno(error, ...) log_full_errno(LOG_INFO, error, __VA_ARGS__)
#define log_notice_errno(error, ...) log_full_errno(LOG_NOTICE, error, __VA_ARGS__)
#define log_warning_errno(error, ...) log_full_errno(LOG_WARNING, error, __VA_ARGS__)
#define log_error_errno(error, ...) log_full_errno(LOG_ERR, error, __VA_ARGS__)

#define log_oom() log_error_errno(ENOMEM, "Out of memory.")

/* The last line logged at LOG_ERR, or NULL: what the failure path shows as the reason. */
const char *log_last_error(void);
