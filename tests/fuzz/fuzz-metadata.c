/* SPDX-License-Identifier: MIT */
/* rows: C2 C6 */
#include <string.h>

#include "fuzz.h"
#include "metadata-flatten.h"
#include "metadata.h"

/* Every entry that is handed out lies within the text, and together they are the text. */
static size_t walk_text(const char *text) {
        const char *p = text, *end = text + strlen(text);
        MetadataEntry e;
        size_t n = 0;

        for (const char *before = p; metadata_text_next(&p, &e); before = p, n++) {
                _cleanup_free_ char *value = NULL;

                require(e.text == before && p > before && p <= end);
                require(e.n_key <= e.n_line && e.n_line <= e.n && e.text + e.n <= end);
                require(metadata_entry_value(&e, &value) >= 0);
                require(strlen(value) <= e.n);
        }
        require(p == end);

        return n;
}

static void look_around(const Metadata *m) {
        static const char *const paths[] = { "id", "hostname", "location.zone_id", "a.b.c", "", ".", "volumes.0.id" };
        MetadataVolume v;

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                (void) metadata_string(m, paths[i]);
        for (size_t i = 0; i < metadata_n_tags(m); i++)
                (void) strlen(metadata_tag(m, i));
        for (unsigned i = 0; i <= METADATA_VOLUMES_MAX; i++)
                if (metadata_volume(m, i, &v) > 0)
                        (void) (strlen(v.id ?: "") + strlen(v.name ?: "") + strlen(v.export_uri ?: ""));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(metadata_freep) Metadata *m = NULL;
        _cleanup_free_ char *text = NULL, *raw = NULL;

        /* The input as a text form that came from elsewhere. */
        raw = strndup((const char *) data, size);
        require(raw);
        (void) walk_text(raw);
        (void) metadata_text_is_valid(raw);

        /* The input as a document. */
        if (metadata_parse((const char *) data, size, &m) < 0)
                return 0;
        look_around(m);
        if (metadata_flatten(m, &text) < 0)
                return 0;
        require(strlen(text) <= METADATA_TEXT_MAX);
        require(walk_text(text) == 0 || metadata_text_is_valid(text));

        return 0;
}
