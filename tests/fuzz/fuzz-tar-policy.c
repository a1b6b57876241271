/* SPDX-License-Identifier: MIT */
/* rows: C3 C6 */
#include <errno.h>

#include "fuzz.h"
#include "string-util.h"
#include "tar-policy.h"

#define CHECK(condition)          \
        do                        \
                if (!(condition)) \
                        abort();  \
        while (0)

/* What is accepted must stay below the root, whoever opens it. */
static void check_path(const char *path) {
        _cleanup_free_ char *clean = NULL, *again = NULL;
        unsigned depth = 0;

        if (tar_path_clean(path, &clean) < 0) {
                CHECK(!clean);
                return;
        }

        CHECK(strlen(clean) <= MIN(strlen(path), (size_t) TAR_PATH_MAX));
        CHECK(clean[0] != '/');
        for (const char *p = clean; *p; depth++) {
                size_t n = strcspn(p, "/");

                CHECK(n > 0 && n <= TAR_COMPONENT_MAX);
                CHECK(!(n == 1 && p[0] == '.') && !(n == 2 && p[0] == '.' && p[1] == '.'));
                p += n;
                if (*p) {
                        p++;
                        CHECK(*p);
                }
        }
        CHECK(depth <= TAR_DEPTH_MAX);

        /* Cleaning again changes nothing. */
        if (*clean) {
                CHECK(tar_path_clean(clean, &again) >= 0);
                CHECK(streq(clean, again));
        }
}

static void check_numbers(const uint8_t *data, size_t size) {
        uint64_t offset, n, total;
        uint32_t id;

        if (size < 3 * sizeof(uint64_t))
                return;
        memcpy(&offset, data, sizeof(offset));
        memcpy(&n, data + 8, sizeof(n));
        memcpy(&total, data + 16, sizeof(total));

        if (tar_piece_check(offset, n, total) >= 0)
                CHECK(offset <= total && n <= total - offset);
        else
                CHECK(offset > total || n > total - offset);
        if (tar_id_check((int64_t) n, &id) >= 0)
                CHECK(id == n && id != UINT32_MAX);
}

/* In whatever pieces it comes. */
static void check_trailer(const uint8_t *data, size_t size) {
        TarTrailer whole = {}, pieces = {};
        int r, k = 0;

        r = tar_trailer_check(&whole, data, size);
        for (size_t i = 0; i < size && k >= 0; i += 7)
                k = tar_trailer_check(&pieces, data + i, MIN(size - i, (size_t) 7));
        CHECK(r == k);
        CHECK(r < 0 || tar_trailer_is_complete(&whole) == tar_trailer_is_complete(&pieces));
}

/* The text is what an archive may give as a name, a link target or the name of an extended attribute. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = NULL;
        int r;

        if (size > 65536)
                return 0;
        text = strndup((const char *) data, size);
        if (!text)
                return 0;

        check_path(text);
        check_numbers(data, size);
        check_trailer(data, size);
        r = tar_link_target_check(text);
        CHECK((r >= 0) == (*text && strlen(text) <= TAR_PATH_MAX));
        CHECK(!isempty(tar_policy_error(r)));
        r = tar_xattr_check(text, size);
        CHECK(r <= 0 || (strlen(text) <= TAR_COMPONENT_MAX && size <= TAR_XATTR_MAX && !startswith(text, "system.")));
        return 0;
}
