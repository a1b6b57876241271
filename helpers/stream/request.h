/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"
#include "time-util.h"

/* One GET, redirects followed, through libcurl: only http and https, never from https to http, through no proxy. */

/* What came of a request. */
typedef enum RequestOutcome {
        REQUEST_DONE,    /* the whole body has been handed over */
        REQUEST_STOPPED, /* on_head() or on_data() did not want it */
        REQUEST_RESTART, /* the server does not resume, or what it has is not the same any more */
        REQUEST_RETRY,   /* may be better later */
        REQUEST_FAILED,  /* will not be */
} RequestOutcome;

typedef struct ResponseHead {
        uint64_t total;      /* bytes of the whole body, whatever part of it comes; UINT64_MAX if not known */
        char validator[256]; /* for If-Range: a strong ETag, else Last-Modified, else "" */
        usec_t retry_after;  /* what the server asks for with an error, 0: nothing */
} ResponseHead;

typedef struct Request {
        const char *url;
        const char *ca;  /* PEM file with the only authorities to trust; NULL: the system's */
        usec_t stall;    /* a connection that brings next to nothing for so long is given up */
        uint64_t offset; /* where to begin; > 0 needs a validator */
        const char *validator;
        uint64_t total; /* what it was before, UINT64_MAX: not known */
        /* Returns < 0 to stop. Called once, before the first on_data(). */
        int (*on_head)(void *userdata, const ResponseHead *head);
        int (*on_data)(void *userdata, const void *data, size_t n);
        /* Called about once a second and more often, also when nothing comes. Returns < 0 to stop. */
        int (*on_tick)(void *userdata);
        void *userdata;
} Request;

/* *ret_reason (to be freed) is set unless the outcome is REQUEST_DONE or REQUEST_STOPPED, and NULL if memory is short:
 * a phrase without the secrets of a URL. */
RequestOutcome request_run(const Request *request, ResponseHead *ret, char **ret_reason);

/* url is http or https, "https" in *ret_secure. -EPROTONOSUPPORT if it is neither. */
_must_check_ int url_check(const char *url, bool *ret_secure);
