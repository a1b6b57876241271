/* SPDX-License-Identifier: MIT */
/* rows: C6 */
/* The command line, and from the first NUL on tags, one after the other, each ended by a NUL. */
#include <jansson.h>
#include <stdlib.h>

#include "alloc-util.h"
#include "fuzz.h"
#include "metadata.h"
#include "options.h"
#include "proc-cmdline.h"
#include "string-util.h"
#include "unit-file.h"

/* Tags come out of JSON and are UTF-8: others are dropped here, as a document with them would be. */
static Metadata *document(const char *tags, size_t size) {
        _cleanup_free_ char *text = NULL;
        json_t *array = json_array(), *object;
        Metadata *m = NULL;

        while (size > 0) {
                size_t n = strnlen(tags, size);

                if (utf8_is_valid(tags, n))
                        (void) json_array_append_new(array, json_stringn(tags, n));
                tags += MIN(n + 1, size);
                size -= MIN(n + 1, size);
        }

        object = json_pack("{s:o}", "tags", array);
        text = json_dumps(object, 0);
        json_decref(object);
        if (text)
                (void) !metadata_parse(text, strlen(text), &m);
        return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *text = (const char *) data;
        size_t n = size > 0 ? strnlen(text, size) : 0;
        _cleanup_(words_freep) char **words = NULL;
        _cleanup_(metadata_freep) Metadata *m = NULL;
        _cleanup_(options_freep) Options *o = NULL;
        _cleanup_free_ char *json = NULL;
        const OptionProblem *problems;

        if (proc_cmdline_split(text, n, &words) < 0)
                return 0;
        if (n < size)
                m = document(text + n + 1, size - n - 1);
        if (options_load(words, m, n % 2 ? "fd00:42::42" : NULL, &o) < 0)
                abort();

        for (OptionId i = 0; i < _OPTION_MAX; i++) {
                const char *value = options_get_string(o, i);
                _cleanup_free_ char *described = NULL, *quoted = NULL;

                /* What is in force can stand in a unit file. */
                if (value && (!utf8_is_valid(value, strlen(value)) || strpbrk(value, "\n\r\033")))
                        abort();
                if (options_describe(o, i, &described) < 0 || strchr(described, '\n'))
                        abort();
                quoted = value ? unit_file_quote(value, /* exec= */ true) : NULL;
                if (value && !quoted)
                        abort();
        }
        for (size_t i = options_problems(o, &problems); i-- > 0;) {
                _cleanup_free_ char *described = NULL;

                if (options_describe_problem(o, problems + i, &described) < 0 ||
                    !utf8_is_valid(described, strlen(described)))
                        abort();
        }
        if (options_to_json(o, &json) < 0)
                abort();

        return 0;
}
