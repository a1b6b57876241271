/* SPDX-License-Identifier: MIT */
#pragma once

#include "alloc-util.h"
#include "bounds.h"
#include "macro.h"

/* The document that GET /conf?format=json answers: who this server is. */
typedef struct Metadata Metadata;

typedef struct MetadataVolume {
        const char *id;         /* NULL if the document has none or it is not a string */
        const char *name;
        const char *export_uri; /* NULL for volumes that are not exported, such as sbs_volume */
        const char *volume_type;
        uint64_t size;          /* bytes, 0 if unknown */
} MetadataVolume;

/* text need not be NUL-terminated. Returns 0, -EINVAL (not a JSON object, or not UTF-8), -EFBIG (size), -ELOOP (nested deeper than
 * METADATA_DEPTH_MAX), -ENOMEM. */
_must_check_ int metadata_parse(const char *text, size_t size, Metadata **ret);
/* Reads the cache at RUN_METADATA_JSON. -ENOENT if there is none, else like metadata_parse() or read_file(). */
_must_check_ int metadata_load(Metadata **ret);
void metadata_free(Metadata *m);
DEFINE_TRIVIAL_CLEANUP_FUNC(Metadata *, metadata_free)

/* path is a key, or keys joined by dots: "location.zone_id". NULL if it is absent or not a string. Lives as long as m. */
const char *metadata_string(const Metadata *m, const char *path);

/* Tags that are not strings are passed over by both. Lives as long as m. */
size_t metadata_n_tags(const Metadata *m);
const char *metadata_tag(const Metadata *m, size_t i);

/* Entries of ssh_public_keys, at most METADATA_SSH_KEYS_MAX. */
size_t metadata_n_ssh_keys(const Metadata *m);
/* The key of one of them, any text; NULL if it has none or it is not a string. Lives as long as m. */
const char *metadata_ssh_key(const Metadata *m, size_t i);

/* Volume "0" is the root. Returns 1 and fills *ret (whose strings live as long as m), 0 if there is no such volume, -EINVAL if
 * it is not an object. */
_must_check_ int metadata_volume(const Metadata *m, unsigned index, MetadataVolume *ret);

typedef struct MetadataIpv6 {
        const char *address, *netmask, *gateway; /* texts as they came; NULL: absent or not a string */
} MetadataIpv6;

/* The member "ipv6", which servers have whose address does not come by router advertisement. Returns 1 and fills *ret (whose
 * strings live as long as m), 0 if there is none, it is null or all in it is null or empty, -EINVAL if it is not an object. */
_must_check_ int metadata_ipv6(const Metadata *m, MetadataIpv6 *ret);

/* The text form of the same document, as GET /conf answers it and as the old tools read it: KEY=value lines. *ret is to be
 * freed. Returns 0, -EFBIG (larger than METADATA_TEXT_MAX), -ENOMEM. In metadata-flatten.c. */
_must_check_ int metadata_flatten(const Metadata *m, char **ret);
