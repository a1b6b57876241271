/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "fileio.h"
#include "log.h"
#include "parse-util.h"
#include "paths.h"
#include "platform-request.h"
#include "random-util.h"
#include "string-util.h"

/* Below 1024 the service takes us for root. The upper ones are hardly used for anything else; bindresvport(3) begins
 * there, too. */
#define PRIVILEGED_FIRST 600U
#define PRIVILEGED_LAST 1023U

static int add_host(Platform *p, const char *host) {
        _cleanup_free_ char *url = NULL;
        int r;

        r = http_url(host, 0, "/", &url);
        if (r < 0)
                return r;
        r = strdup_to(p->hosts + p->n, host);
        if (r < 0)
                return r;
        p->n++;
        return 0;
}

/* The address that answered with the metadata, as scw-metadata left it; NULL if there is none. */
static int cached_address(char **ret) {
        _cleanup_free_ char *path = NULL, *line = NULL;
        int r;

        r = run_path(RUN_METADATA_ADDRESS, &path);
        if (r < 0)
                return r;
        r = read_file(path, ADDRESS_FILE_MAX, &line, NULL);
        if (r == -ENOMEM)
                return r;
        if (r >= 0)
                line[strcspn(line, "\n")] = '\0';

        *ret = isempty(line) ? NULL : TAKE_PTR(line);
        return 0;
}

int platform_init(Platform *p) {
        static const char *const addresses[] = { METADATA_IPV4, METADATA_IPV6 };
        const char *ip = empty_to_null(secure_getenv("METADATA_IP")),
                   *port = empty_to_null(secure_getenv("METADATA_PORT"));
        _cleanup_free_ char *cached = NULL;
        int r;

        assert(p);

        *p = (Platform) {};
        if (port && parse_port(port, &p->port) < 0)
                return -EINVAL;
        if (ip)
                return add_host(p, ip);
        r = cached_address(&cached);
        if (r < 0)
                return r;
        if (cached && add_host(p, cached) >= 0 && !streq(cached, METADATA_IPV4) && !streq(cached, METADATA_IPV6))
                return 0;

        /* The one that answered comes first. The host may have a network that only leads to the other one. */
        for (size_t i = 0; i < ELEMENTSOF(addresses); i++) {
                if (p->n > 0 && streq(p->hosts[0], addresses[i]))
                        continue;
                r = add_host(p, addresses[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

void platform_done(Platform *p) {
        for (size_t i = 0; i < p->n; i++)
                free(p->hosts[i]);
        p->n = 0;
}

/* A port that was used a moment ago is still held by the closed connection (TIME_WAIT), so two calls should not begin
 * with the same one. libcurl goes on to the next one that is free, up to the last of the range. */
static uint16_t random_privileged_port(void) {
        return (uint16_t) (PRIVILEGED_FIRST + random_number() % (PRIVILEGED_LAST + 1 - PRIVILEGED_FIRST));
}

static int try_host(const Platform *p, size_t i, const Retry *retry, const PlatformRequest *request,
                    HttpResponse *ret) {
        _cleanup_free_ char *url = NULL;
        HttpRequest http;
        int r;

        r = http_url(p->hosts[i], p->port, request->path, &url);
        if (r < 0)
                return r;

        http = (HttpRequest) {
                .method = request->method,
                .url = url,
                .content_type = request->content_type,
                .body = request->body,
                .body_size = request->body_size,
                .max_size = PLATFORM_ANSWER_MAX,
                .connect_timeout = retry_limit(retry, PLATFORM_CONNECT_TIMEOUT),
                .timeout = retry_limit(retry, HTTP_TIMEOUT),
                .local_port = request->privileged ? random_privileged_port() : 0,
                .local_port_last = PRIVILEGED_LAST,
        };
        r = http_race(&http, 1, 0, retry->fd, ret);
        if (r != -EADDRINUSE || http.local_port <= 1)
                return r;

        /* Whoever asks often has used up those above, for a minute. */
        http.local_port_last = (uint16_t) (http.local_port - 1);
        http.local_port = 1;
        return http_race(&http, 1, 0, retry->fd, ret);
}

/* One try at each address, until one answers. */
static int try_hosts(const Platform *p, const Retry *retry, const PlatformRequest *request, HttpResponse *ret) {
        int result = -EINVAL;

        for (size_t i = 0; i < p->n; i++) {
                int r;

                r = try_host(p, i, retry, request, ret);
                if (r >= 0 || r == -ENOMEM)
                        return r;

                log_debug("A try at '%s' failed: %s.", p->hosts[i], http_strerror(r));
                /* The network that is not there says less than the error of the other address. */
                if (i == 0 || (r != -ENETUNREACH && r != -EADDRNOTAVAIL))
                        result = r;
        }

        return result;
}

int platform_request(const Platform *p, Retry *retry, const PlatformRequest *request, HttpResponse *ret) {
        assert(p && p->n > 0);
        assert(retry);
        assert(request);
        assert(ret);

        for (;;) {
                HttpResponse response = {};
                usec_t pause;
                int r;

                r = try_hosts(p, retry, request, &response);
                if (!http_may_retry(r, response.status)) {
                        if (r >= 0)
                                *ret = response;
                        return r;
                }
                if (r >= 0)
                        log_debug("A try failed: HTTP status %u (%s).", response.status,
                                  http_status_string(response.status));

                pause = response.status == 429 ? MAX(response.retry_after, PLATFORM_BUSY_PAUSE) : response.retry_after;
                if (!retry_wait(retry, pause)) {
                        if (r >= 0)
                                *ret = response;
                        return r;
                }
                http_response_done(&response);
        }
}
