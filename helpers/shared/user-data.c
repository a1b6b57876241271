/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bounds.h"
#include "string-util.h"
#include "user-data.h"

bool user_data_key_is_valid(const char *key) {
        size_t n;

        assert(key);

        n = strlen(key);
        if (n == 0 || n > USER_DATA_KEY_MAX || streq(key, ".") || streq(key, ".."))
                return false;

        for (size_t i = 0; i < n; i++)
                if (key[i] == '/' || (unsigned char) key[i] < 0x20 || key[i] == 0x7f)
                        return false;

        return true;
}

int user_data_request(const Platform *platform, Retry *retry, const char *method, const char *key, const char *value,
                      size_t size, HttpResponse *ret) {
        _cleanup_free_ char *escaped = NULL, *path = NULL;
        int r;

        assert(key[0] == '\0' || user_data_key_is_valid(key));

        escaped = http_escape(key);
        if (!escaped)
                return -ENOMEM;
        r = asprintf_to(&path, "/user_data/%s", escaped);
        if (r < 0)
                return r;

        return platform_request(platform, retry,
                                &(PlatformRequest) {
                                        .method = method,
                                        .path = path,
                                        .content_type = value ? "text/plain" : NULL,
                                        .body = value,
                                        .body_size = size,
                                        .privileged = true,
                                },
                                ret);
}
