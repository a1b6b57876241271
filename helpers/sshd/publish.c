/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>

#include "alloc-util.h"
#include "bounds.h"
#include "log.h"
#include "publish.h"
#include "string-util.h"
#include "user-data.h"

#define KEY "ssh-host-fingerprints"

static int ask(const Platform *platform, Retry *retry, const char *method, const char *line, HttpResponse *ret) {
        int r;

        r = user_data_request(platform, retry, method, KEY, line, line ? strlen(line) : 0, ret);
        if (r == -ENOMEM)
                return log_oom();
        if (r < 0) {
                log_notice("The platform is not told the host key's fingerprint: %s.", http_strerror(r));
                return r;
        }

        return 0;
}

/* One line of an initrd's: the host's may be several. */
static bool is_ours(const char *value) {
        const char *end = strchr(value, '\n');
        size_t n = end ? (size_t) (end - value) : strlen(value);
        static const char ending[] = " " FINGERPRINT_COMMENT " (ED25519)";

        return (!end || end[1] == '\0') && n >= sizeof(ending) - 1 &&
               memcmp(value + n - (sizeof(ending) - 1), ending, sizeof(ending) - 1) == 0;
}

static bool may_set(const HttpResponse *response, const char *line) {
        if (response->status == 404)
                return true;
        if (response->status != 200) {
                log_notice("The platform is not told the host key's fingerprint: it answers %u (%s).", response->status,
                           http_status_string(response->status));
                return false;
        }
        if (streq(response->body, line))
                return false;
        if (!isempty(response->body) && !is_ours(response->body)) {
                log_info("The user data " KEY " are the host's, leaving them.");
                return false;
        }

        return true;
}

static int read_and_set(const Platform *platform, Retry *retry, const char *line) {
        _cleanup_(http_response_done) HttpResponse before = {}, after = {};
        int r;

        r = ask(platform, retry, "GET", NULL, &before);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        if (!may_set(&before, line))
                return 0;
        r = ask(platform, retry, "PATCH", line, &after);
        if (r < 0)
                return r == -ENOMEM ? r : 0;

        if (after.status / 100 == 2)
                log_info("The platform has the host key's fingerprint, in the user data " KEY ".");
        else
                log_notice("The platform does not take the host key's fingerprint: it answers %u (%s).", after.status,
                           http_status_string(after.status));
        return 0;
}

int publish(const char *line) {
        _cleanup_(platform_done) Platform platform = {};
        _cleanup_(retry_done) Retry retry = { .fd = -EBADF };
        int r;

        assert(line);

        (void) signal(SIGPIPE, SIG_IGN);
        r = http_init();
        if (r < 0)
                return log_error_errno(r, "Failed to initialize libcurl.");
        r = platform_init(&platform);
        if (r == -EINVAL)
                return log_error_errno(r, "METADATA_IP or METADATA_PORT is malformed.");
        if (r < 0)
                return log_oom();

        retry_init(&retry, FINGERPRINT_PUBLISH_USEC);
        return read_and_set(&platform, &retry, line);
}
