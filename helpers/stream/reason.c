/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc-util.h"
#include "reason.h"

void reason_done(Reason *reason) {
        reason->text = mfree(reason->text);
        (void) pthread_mutex_destroy(&reason->lock);
}

int reason_set(Reason *reason, int error, const char *format, ...) {
        va_list ap;

        assert(reason);
        assert(error != 0);

        error = error < 0 ? error : -error;

        (void) pthread_mutex_lock(&reason->lock);
        if (reason->error == 0) {
                reason->error = error;
                errno = -error;
                va_start(ap, format);
                if (vasprintf(&reason->text, format, ap) < 0)
                        reason->text = NULL;
                va_end(ap);
        }
        (void) pthread_mutex_unlock(&reason->lock);

        return error;
}

int reason_oom(Reason *reason) {
        return reason_set(reason, ENOMEM, "Out of memory");
}

int reason_error(Reason *reason) {
        int error;

        (void) pthread_mutex_lock(&reason->lock);
        error = reason->error;
        (void) pthread_mutex_unlock(&reason->lock);
        return error;
}
