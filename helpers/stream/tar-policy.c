/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "alloc-util.h"
#include "string-util.h"
#include "tar-policy.h"

int tar_path_clean(const char *path, char **ret) {
        _cleanup_free_ char *clean = NULL;
        unsigned depth = 0;
        size_t n, o = 0;

        assert(ret);

        if (isempty(path))
                return -EINVAL;
        n = strlen(path);
        /* What is cleaned away counts, too: no archiver writes such names. */
        if (n > TAR_PATH_MAX)
                return -ENAMETOOLONG;

        clean = malloc(n + 1);
        if (!clean)
                return -ENOMEM;

        for (const char *p = path; *p;) {
                size_t k = strcspn(p, "/");

                if (k > TAR_COMPONENT_MAX)
                        return -ENAMETOOLONG;
                if (k == 2 && p[0] == '.' && p[1] == '.')
                        return -EXDEV;
                if (k > 0 && !(k == 1 && p[0] == '.')) {
                        if (++depth > TAR_DEPTH_MAX)
                                return -ELOOP;
                        if (o > 0)
                                clean[o++] = '/';
                        memcpy(clean + o, p, k);
                        o += k;
                }
                p += k;
                p += *p == '/';
        }
        clean[o] = '\0';

        *ret = TAKE_PTR(clean);
        return 0;
}

int tar_link_target_check(const char *target) {
        if (isempty(target))
                return -EINVAL;
        if (strlen(target) > TAR_PATH_MAX)
                return -ENAMETOOLONG;

        return 0;
}

int tar_xattr_check(const char *name, size_t size) {
        static const char *const namespaces[] = { "user.", "trusted.", "security." };

        if (isempty(name))
                return -EINVAL;
        if (strlen(name) > TAR_COMPONENT_MAX)
                return -ENAMETOOLONG;
        if (size > TAR_XATTR_MAX)
                return -E2BIG;

        for (size_t i = 0; i < ELEMENTSOF(namespaces); i++) {
                const char *rest = startswith(name, namespaces[i]);

                if (rest)
                        return *rest ? 1 : -EINVAL;
        }

        return 0;
}

int tar_id_check(int64_t id, uint32_t *ret) {
        assert(ret);

        if (id < 0 || id >= (int64_t) UINT32_MAX)
                return -ERANGE;

        *ret = (uint32_t) id;
        return 0;
}

int tar_piece_check(uint64_t offset, uint64_t n, uint64_t size) {
        return offset > size || n > size - offset ? -E2BIG : 0;
}

static bool all_zero(const unsigned char *p, size_t n) {
        return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

static bool trailer_take(TarTrailer *t, unsigned char c) {
        static const unsigned char magic[] = { 0xa6, 0x4c, 0x32, 0x2e, 0xd6, 0x14, 0xae, 0xdb };

        switch (t->state) {
        case TAR_TRAILER_ZEROS:
                if (c == 0)
                        return true;
                t->state = TAR_TRAILER_MAGIC;
                return trailer_take(t, c);
        case TAR_TRAILER_MAGIC:
                if (c != magic[t->n])
                        return false;
                if (++t->n == sizeof(magic))
                        *t = (TarTrailer) { .state = TAR_TRAILER_NAME };
                return true;
        case TAR_TRAILER_NAME:
                if (c == 0)
                        *t = (TarTrailer) { .state = TAR_TRAILER_OFFSET, .last = t->n == 0 };
                else
                        t->n++;
                return true;
        case TAR_TRAILER_OFFSET:
                if (++t->n == sizeof(uint64_t))
                        *t = (TarTrailer) { .state = t->last ? TAR_TRAILER_END : TAR_TRAILER_NAME };
                return true;
        default:
                return false;
        }
}

int tar_trailer_check(TarTrailer *t, const unsigned char *p, size_t n) {
        assert(t);

        if (t->state == TAR_TRAILER_ZEROS && all_zero(p, n))
                return 0;

        for (size_t i = 0; i < n; i++)
                if (!trailer_take(t, p[i]))
                        return -EINVAL;

        return 0;
}

bool tar_trailer_is_complete(const TarTrailer *t) {
        assert(t);

        return t->state == TAR_TRAILER_ZEROS || t->state == TAR_TRAILER_END;
}

const char *tar_policy_error(int error) {
        switch (error) {
        case -EINVAL:
                return "is empty";
        case -EXDEV:
                return "has a '..' component";
        case -ELOOP:
                return "is too deep";
        case -ENAMETOOLONG:
                return "is too long";
        case -ENOMEM:
                return "does not fit into memory";
        default:
                return "is not valid";
        }
}
