/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "http-util.h"
#include "retry.h"

/* Where the metadata service is: one address, or the IPv4 and the IPv6 one, which are then tried in turn. */
typedef struct Platform {
        char *hosts[2];
        size_t n;
        uint16_t port; /* 0: 80 */
} Platform;

/* $METADATA_IP, else both addresses of the platform, the one that answered scw-metadata last first; another one that answered is the
 * only one; $METADATA_PORT.
 * Returns 0, -EINVAL (one of the two variables is malformed) or -ENOMEM. */
_must_check_ int platform_init(Platform *p);
void platform_done(Platform *p);

typedef struct PlatformRequest {
        const char *method;
        const char *path;
        const char *content_type, *body; /* NULL if there is none */
        size_t body_size;
        bool privileged; /* from a source port below 1024, which the service wants for user data */
} PlatformRequest;

/* Sends the request until the service has taken it, refused it for good, or the deadline has passed. Returns 0 and
 * fills *ret if there was an answer, of whatever status, else an error as of http_perform(). Each try that fails is a debug
 * message. */
_must_check_ int platform_request(const Platform *p, Retry *retry, const PlatformRequest *request, HttpResponse *ret);
