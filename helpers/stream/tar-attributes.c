/* SPDX-License-Identifier: MIT */
#include <archive.h>
#include <archive_entry.h>
#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdlib.h>

#include "bounds.h"
#include "string-util.h"
#include "tar-attributes.h"
#include "tar-policy.h"

static_assert(ELEMENTSOF(((TarAttributes *) NULL)->list) == TAR_XATTRS_MAX + 2, "room for two ACLs");

void tar_attributes_done(TarAttributes *a) {
        for (size_t i = 0; i < ELEMENTSOF(a->acls); i++)
                a->acls[i] = mfree(a->acls[i]);
        a->n = 0;
}

static int refuse(Reason *reason, struct archive_entry *entry, const char *why) {
        _cleanup_free_ char *shown = printable(archive_entry_pathname(entry) ?: "", 200);

        if (!shown)
                return reason_oom(reason);
        return reason_set(reason, EPERM, "Refused '%s': %s", shown, why);
}

/* The kernel's tag, and the place of the entry in the order that it wants. */
static int acl_tag(int tag) {
        switch (tag) {
        case ARCHIVE_ENTRY_ACL_USER_OBJ:
                return ACL_USER_OBJ;
        case ARCHIVE_ENTRY_ACL_USER:
                return ACL_USER;
        case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
                return ACL_GROUP_OBJ;
        case ARCHIVE_ENTRY_ACL_GROUP:
                return ACL_GROUP;
        case ARCHIVE_ENTRY_ACL_MASK:
                return ACL_MASK;
        case ARCHIVE_ENTRY_ACL_OTHER:
                return ACL_OTHER;
        default:
                return -EINVAL;
        }
}

static int acl_perm(int permset) {
        return (permset & ARCHIVE_ENTRY_ACL_READ ? ACL_READ : 0) | (permset & ARCHIVE_ENTRY_ACL_WRITE ? ACL_WRITE : 0) |
               (permset & ARCHIVE_ENTRY_ACL_EXECUTE ? ACL_EXECUTE : 0);
}

static int compare_acl_entries(const void *a, const void *b) {
        const struct posix_acl_xattr_entry *x = a, *y = b;

        if (x->e_tag != y->e_tag)
                return le16toh(x->e_tag) < le16toh(y->e_tag) ? -1 : 1;
        return le32toh(x->e_id) < le32toh(y->e_id) ? -1 : x->e_id != y->e_id;
}

/* *ret is the value of the extended attribute, to be freed. The entries' number is known beforehand and bounded. */
static int acl_value(struct archive_entry *entry, int type, size_t n_max, void **ret, size_t *ret_size,
                     size_t *by_name) {
        struct posix_acl_xattr_header *header;
        struct posix_acl_xattr_entry *entries;
        int kind, permset, tag, id;
        const char *name;
        size_t n = 0;

        header = malloc(sizeof(*header) + n_max * sizeof(*entries));
        if (!header)
                return -ENOMEM;
        header->a_version = htole32(POSIX_ACL_XATTR_VERSION);
        entries = (struct posix_acl_xattr_entry *) (header + 1);

        while (n < n_max && archive_entry_acl_next(entry, type, &kind, &permset, &tag, &id, &name) == ARCHIVE_OK) {
                bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
                int t = acl_tag(tag);

                if (t < 0) {
                        free(header);
                        return t;
                }
                /* GNU tar writes the name of a user that the system knew on which it ran. One is the same everywhere.
                 */
                if (named && id < 0 && streq_ptr(name, "root"))
                        id = 0;
                if (named && id < 0) {
                        (*by_name)++;
                        continue;
                }
                entries[n++] = (struct posix_acl_xattr_entry) {
                        .e_tag = htole16((uint16_t) t),
                        .e_perm = htole16((uint16_t) acl_perm(permset)),
                        .e_id = htole32(named ? (uint32_t) id : (uint32_t) ACL_UNDEFINED_ID),
                };
        }

        qsort(entries, n, sizeof(*entries), compare_acl_entries);
        *ret = header;
        *ret_size = sizeof(*header) + n * sizeof(*entries);
        return 0;
}

static int get_acls(struct archive_entry *entry, Reason *reason, TarAttributes *a) {
        static const struct {
                int type;
                const char *name;
        } kinds[] = {
                {ARCHIVE_ENTRY_ACL_TYPE_ACCESS,   "system.posix_acl_access" },
                { ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default"},
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                int n = archive_entry_acl_reset(entry, kinds[i].type);
                size_t size;

                /* The three that every file has are its mode. */
                if (n <= (kinds[i].type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS ? 3 : 0))
                        continue;
                if ((unsigned) n > TAR_ACL_ENTRIES_MAX)
                        return refuse(reason, entry, "its ACL has too many entries");

                r = acl_value(entry, kinds[i].type, (size_t) n, a->acls + i, &size, &a->n_by_name);
                if (r == -ENOMEM)
                        return reason_oom(reason);
                if (r < 0)
                        return refuse(reason, entry, "its ACL makes no sense");
                a->list[a->n++] = (TreeAttribute) { .name = kinds[i].name, .value = a->acls[i], .n = size };
        }

        return 0;
}

static int get_xattrs(struct archive_entry *entry, Reason *reason, TarAttributes *a) {
        const void *value;
        const char *name;
        size_t n;
        int r;

        (void) archive_entry_xattr_reset(entry);
        while (archive_entry_xattr_next(entry, &name, &value, &n) == ARCHIVE_OK) {
                r = tar_xattr_check(name, n);
                if (r < 0)
                        return refuse(reason, entry,
                                      r == -E2BIG ? "an extended attribute that is too large"
                                                  : "an extended attribute whose name makes no sense");
                if (r == 0)
                        continue;
                if (a->n == TAR_XATTRS_MAX)
                        return refuse(reason, entry, "too many extended attributes");
                a->list[a->n++] = (TreeAttribute) { .name = name, .value = value, .n = n };
        }

        return 0;
}

int tar_attributes_get(struct archive_entry *entry, Reason *reason, TarAttributes *ret) {
        int r;

        assert(entry);
        assert(ret);

        ret->n = ret->n_by_name = 0;
        ret->acls[0] = ret->acls[1] = NULL;

        r = get_xattrs(entry, reason, ret);
        if (r >= 0)
                r = get_acls(entry, reason, ret);
        if (r < 0)
                tar_attributes_done(ret);
        return r;
}
