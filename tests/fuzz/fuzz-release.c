/* SPDX-License-Identifier: MIT */
/* rows: C6 */
/* The input is /etc/scw-release, os-release(5) or /etc/login.defs of an image. */
#include "alloc-util.h"
#include "fuzz.h"
#include "release.h"
#include "shadow.h"
#include "string-util.h"

/* A value is a part of one line. */
static void check_value(const char *text, const char *value) {
        require(!isempty(value) && !strchr(value, '\n') && strstr(text, value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const keys[] = { "IMAGE_DESCRIPTION", "IMAGE_RELEASE", "ID" };
        _cleanup_free_ char *text = fuzz_text(data, size), *method = NULL;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                _cleanup_free_ char *value = NULL;

                if (release_value(text, keys[i], &value) > 0)
                        check_value(text, value);
        }
        if (login_defs_method(text, &method) > 0)
                check_value(text, method);

        return 0;
}
