/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "fileio.h"
#include "metadata-internal.h"
#include "metadata.h"
#include "paths.h"
#include "string-util.h"

/* jansson recurses for each level and allocates for each value, so both are counted before it sees the text. Brackets
 * and commas are counted wherever they stand outside of strings; where the text is not JSON the count may be off, but
 * then jansson stops no later than at the first byte where that is so. */
static int check_bounds(const char *text, size_t size) {
        unsigned depth = 0, values = 1;
        bool in_string = false;

        for (size_t i = 0; i < size; i++) {
                if (in_string) {
                        if (text[i] == '\\')
                                i++;
                        else if (text[i] == '"')
                                in_string = false;
                        continue;
                }

                switch (text[i]) {
                case '"':
                        in_string = true;
                        break;
                case '{':
                case '[':
                        if (++depth > METADATA_DEPTH_MAX)
                                return -ELOOP;
                        values++;
                        break;
                case '}':
                case ']':
                        if (depth > 0)
                                depth--;
                        break;
                case ',':
                        values++;
                        break;
                }
                if (values > METADATA_VALUES_MAX)
                        return -EFBIG;
        }

        return 0;
}

static int collect_tags(Metadata *m) {
        json_t *tags = json_object_get(m->root, "tags"), *tag;
        size_t i;

        if (!json_is_array(tags) || json_array_size(tags) == 0)
                return 0;

        m->tags = new(const char *, MIN(json_array_size(tags), (size_t) METADATA_TAGS_MAX));
        if (!m->tags)
                return -ENOMEM;

        json_array_foreach(tags, i, tag) {
                if (m->n_tags >= METADATA_TAGS_MAX)
                        break;
                if (json_is_string(tag))
                        m->tags[m->n_tags++] = json_string_value(tag);
        }

        return 0;
}

int metadata_parse(const char *text, size_t size, Metadata **ret) {
        _cleanup_(metadata_freep) Metadata *m = NULL;
        json_error_t error;
        int r;

        assert(text || size == 0);
        assert(ret);

        if (size > METADATA_SIZE_MAX)
                return -EFBIG;
        if (size == 0 || memchr(text, '\0', size))
                return -EINVAL;
        r = check_bounds(text, size);
        if (r < 0)
                return r;

        m = new0(Metadata, 1);
        if (!m)
                return -ENOMEM;

        /* jansson checks the UTF-8 and refuses \u0000, so that every string is a C string. */
        m->root = json_loadb(text, size, 0, &error);
        if (!m->root)
                return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
        if (!json_is_object(m->root))
                return -EINVAL;

        r = collect_tags(m);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

int metadata_load(Metadata **ret) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t size;
        int r;

        assert(ret);

        r = run_path(RUN_METADATA_JSON, &path);
        if (r < 0)
                return r;
        r = read_file(path, METADATA_SIZE_MAX, &text, &size);
        if (r < 0)
                return r;

        return metadata_parse(text, size, ret);
}

void metadata_free(Metadata *m) {
        if (!m)
                return;

        json_decref(m->root);
        free(m->tags);
        free(m);
}

/* The member whose key is the first n bytes of key. */
static json_t *object_get_n(json_t *object, const char *key, size_t n) {
        const char *k;
        json_t *value;

        json_object_foreach(object, k, value)
                if (strlen(k) == n && memcmp(k, key, n) == 0)
                        return value;

        return NULL;
}

const char *metadata_string(const Metadata *m, const char *path) {
        json_t *value;

        assert(m);
        assert(path);

        value = m->root;
        for (const char *key = path;;) {
                size_t n = strcspn(key, ".");

                value = object_get_n(value, key, n);
                if (!value)
                        return NULL;
                if (!key[n])
                        return json_string_value(value);
                key += n + 1;
        }
}

size_t metadata_n_tags(const Metadata *m) {
        assert(m);
        return m->n_tags;
}

const char *metadata_tag(const Metadata *m, size_t i) {
        assert(m);
        assert(i < m->n_tags);
        return m->tags[i];
}

size_t metadata_n_ssh_keys(const Metadata *m) {
        assert(m);
        /* Of what is no array jansson says 0. */
        return MIN(json_array_size(json_object_get(m->root, "ssh_public_keys")), (size_t) METADATA_SSH_KEYS_MAX);
}

const char *metadata_ssh_key(const Metadata *m, size_t i) {
        assert(m);
        assert(i < metadata_n_ssh_keys(m));
        return json_string_value(json_object_get(json_array_get(json_object_get(m->root, "ssh_public_keys"), i), "key"));
}

int metadata_volume(const Metadata *m, unsigned index, MetadataVolume *ret) {
        char key[sizeof("4294967295")];
        json_t *volume, *size;

        assert(m);
        assert(ret);

        if (index >= METADATA_VOLUMES_MAX)
                return 0;

        (void) snprintf(key, sizeof(key), "%u", index);
        volume = json_object_get(json_object_get(m->root, "volumes"), key);
        if (!volume)
                return 0;
        if (!json_is_object(volume))
                return -EINVAL;

        size = json_object_get(volume, "size");
        *ret = (MetadataVolume) {
                .id = json_string_value(json_object_get(volume, "id")),
                .name = json_string_value(json_object_get(volume, "name")),
                .export_uri = json_string_value(json_object_get(volume, "export_uri")),
                .volume_type = json_string_value(json_object_get(volume, "volume_type")),
                .size = json_is_integer(size) && json_integer_value(size) > 0 ? (uint64_t) json_integer_value(size) : 0,
        };
        return 1;
}

/* Whether the platform says by it that there is nothing. */
static bool is_nothing(const json_t *value) {
        return !value || json_is_null(value) || (json_is_string(value) && isempty(json_string_value(value)));
}

int metadata_ipv6(const Metadata *m, MetadataIpv6 *ret) {
        json_t *ipv6, *address, *netmask, *gateway;

        assert(m);
        assert(ret);

        ipv6 = json_object_get(m->root, "ipv6");
        if (is_nothing(ipv6))
                return 0;
        if (!json_is_object(ipv6))
                return -EINVAL;

        address = json_object_get(ipv6, "address");
        netmask = json_object_get(ipv6, "netmask");
        gateway = json_object_get(ipv6, "gateway");
        if (is_nothing(address) && is_nothing(netmask) && is_nothing(gateway))
                return 0;

        *ret = (MetadataIpv6) {
                .address = json_string_value(address),
                .netmask = json_string_value(netmask),
                .gateway = json_string_value(gateway),
        };
        return 1;
}
