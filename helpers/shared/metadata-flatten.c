/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "alloc-util.h"
#include "bounds.h"
#include "metadata-flatten.h"
#include "metadata-internal.h"
#include "metadata.h"
#include "string-util.h"

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
/* What the service leaves unquoted: the set of Python 2's pipes.quote(). */
#define BARE UPPER LOWER DIGITS "@%_+=:,./-"
#define KEY_CHARACTERS UPPER LOWER DIGITS "_"

static const char quoted_quote[] = "'\"'\"'";

typedef struct Flattening {
        char *text;
        size_t n, allocated;
        bool bare_objects; /* the form of 2014, see is_2014() */
} Flattening;

static int add_n(Flattening *f, const char *s, size_t n) {
        if (n > METADATA_TEXT_MAX - f->n)
                return -EFBIG;

        if (f->n + n + 1 > f->allocated) {
                size_t allocated = MAX(f->allocated * 2, f->n + n + 1);
                char *bigger = realloc(f->text, allocated);

                if (!bigger)
                        return -ENOMEM;
                f->text = bigger;
                f->allocated = allocated;
        }

        memcpy(f->text + f->n, s, n);
        f->n += n;
        f->text[f->n] = '\0';
        return 0;
}

static int add(Flattening *f, const char *s) {
        return add_n(f, s, strlen(s));
}

/* name=value, with the value as it stands. */
static int add_raw(Flattening *f, const char *name, const char *value) {
        int r;

        r = add(f, name);
        if (r >= 0)
                r = add(f, "=");
        if (r >= 0)
                r = add(f, value);
        if (r >= 0)
                r = add(f, "\n");
        return r;
}

static int add_quoted(Flattening *f, const char *name, const char *value) {
        _cleanup_free_ char *inner = NULL, *quoted = NULL;
        int r;

        if (!isempty(value) && value[strspn(value, BARE)] == '\0')
                return add_raw(f, name, value);

        inner = string_replace(value, "'", quoted_quote);
        if (!inner)
                return -ENOMEM;
        r = asprintf_to(&quoted, "'%s'", inner);
        if (r < 0)
                return r;

        return add_raw(f, name, quoted);
}

/* People read the text with the shell's "." command, so a key that is not part of a shell variable's name, and at the
 * top one that begins with a digit, would be run as a command there. The service has none of these; such an entry is
 * left out. */
static bool key_is_usable(const char *key, bool top) {
        size_t n = strlen(key);

        return n > 0 && n <= METADATA_KEY_MAX && strspn(key, KEY_CHARACTERS) == n && !(top && strchr(DIGITS, key[0]));
}

/* In ASCII, whatever the locale. */
static void upper_case(char *s) {
        for (; *s; s++)
                if (*s >= 'a' && *s <= 'z')
                        *s -= 'a' - 'A';
}

static int flatten_value(Flattening *f, const char *name, json_t *value);

/* name is NULL at the top, which has no line of its own. */
static int flatten_member(Flattening *f, const char *name, const char *key, json_t *value) {
        _cleanup_free_ char *full = NULL;
        int r;

        r = asprintf_to(&full, "%s%s%s", name ?: "", name ? "_" : "", key);
        if (r < 0)
                return r;
        upper_case(full);

        return flatten_value(f, full, value);
}

static int flatten_members(Flattening *f, const char *name, json_t *object) {
        const char *key;
        json_t *value;
        int r;

        json_object_foreach(object, key, value) {
                if (!key_is_usable(key, /* top= */ !name))
                        continue;
                r = flatten_member(f, name, key, value);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* The line of an object names its keys, in the order in which their lines follow. */
static int flatten_object(Flattening *f, const char *name, json_t *object) {
        _cleanup_free_ char *keys = NULL;
        const char *key;
        json_t *value;
        size_t n = 1;
        char *end;
        int r;

        json_object_foreach(object, key, value)
                n += strlen(key) + 1;
        keys = new(char, n);
        if (!keys)
                return -ENOMEM;

        end = keys;
        *end = '\0';
        json_object_foreach(object, key, value) {
                if (!key_is_usable(key, /* top= */ false))
                        continue;
                if (end > keys)
                        *end++ = ' ';
                end = stpcpy(end, key);
        }
        upper_case(keys);

        r = f->bare_objects ? add_raw(f, name, keys) : add_quoted(f, name, keys);
        if (r < 0)
                return r;

        return flatten_members(f, name, object);
}

static int flatten_array(Flattening *f, const char *name, json_t *array) {
        char number[sizeof("18446744073709551615")];
        json_t *value;
        size_t i;
        int r;

        (void) snprintf(number, sizeof(number), "%zu", json_array_size(array));
        r = add_raw(f, name, number);
        if (r < 0)
                return r;

        json_array_foreach(array, i, value) {
                (void) snprintf(number, sizeof(number), "%zu", i);
                r = flatten_member(f, name, number, value);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int flatten_number(Flattening *f, const char *name, json_t *value) {
        char number[64];

        /* Python 2's str(): twelve digits, and a fraction is never written as if it were an integer. */
        if (json_is_integer(value))
                (void) snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        else
                (void) snprintf(number, sizeof(number), "%.12g", json_real_value(value));
        if (json_is_real(value) && !number[strcspn(number, ".e")])
                strcat(number, ".0");

        return add_quoted(f, name, number);
}

static int flatten_value(Flattening *f, const char *name, json_t *value) {
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                return flatten_object(f, name, value);
        case JSON_ARRAY:
                return flatten_array(f, name, value);
        case JSON_STRING:
                return add_quoted(f, name, json_string_value(value));
        case JSON_INTEGER:
        case JSON_REAL:
                return flatten_number(f, name, value);
        case JSON_TRUE:
                return add_raw(f, name, "True");
        case JSON_FALSE:
                return add_raw(f, name, "False");
        case JSON_NULL:
                return add_raw(f, name, "");
        }

        return -EINVAL;
}

/* Servers and images of before 2014-11-01 got the names of an object's keys without quotes. The document carries no
 * date; what tells that time from the following is that commercial_type and hostname were not there yet, of which every
 * later document has both. */
static bool is_2014(const Metadata *m) {
        return !json_object_get(m->root, "commercial_type") && !json_object_get(m->root, "hostname");
}

int metadata_flatten(const Metadata *m, char **ret) {
        Flattening f = {};
        int r;

        assert(m);
        assert(ret);

        f.bare_objects = is_2014(m);
        r = add(&f, "");
        if (r >= 0)
                r = flatten_members(&f, NULL, m->root);
        if (r < 0) {
                free(f.text);
                return r;
        }

        *ret = f.text;
        return 0;
}

/* Length of the quoted string at s, both outer quotes included, if it is followed by the end of a line; else 0. */
static size_t quoted_length(const char *s) {
        const char *p = s;

        if (*p != '\'')
                return 0;

        for (;;) {
                p = strchr(p + 1, '\'');
                if (!p)
                        return 0;
                if (!startswith(p, quoted_quote))
                        break;
                p += strlen(quoted_quote) - 1;
        }

        return p[1] == '\n' || p[1] == '\0' ? (size_t) (p + 1 - s) : 0;
}

bool metadata_text_next(const char **p, MetadataEntry *ret) {
        const char *text, *equals;
        size_t n_line, n_quoted;

        assert(p && *p);
        assert(ret);

        text = *p;
        if (!*text)
                return false;

        n_line = strcspn(text, "\n");
        equals = memchr(text, '=', n_line);
        n_quoted = equals ? quoted_length(equals + 1) : 0;

        *ret = (MetadataEntry) {
                .text = text,
                .n_key = equals ? (size_t) (equals - text) : n_line,
                .n_line = n_line,
                .n = n_quoted > 0 ? (size_t) (equals + 1 - text) + n_quoted : n_line,
                .quoted = n_quoted > 0,
        };

        *p = text + ret->n;
        if (**p == '\n')
                (*p)++;
        return true;
}

int metadata_entry_value(const MetadataEntry *e, char **ret) {
        _cleanup_free_ char *inner = NULL;
        const char *value, *end;
        char *plain;

        assert(e);
        assert(ret);

        value = e->n_key < e->n_line ? e->text + e->n_key + 1 : e->text;
        end = e->text + e->n;
        if (value < end && (*value == '\'' || *value == '"'))
                value++;
        if (value < end && (end[-1] == '\'' || end[-1] == '"'))
                end--;

        inner = strndup(value, (size_t) (end - value));
        if (!inner)
                return -ENOMEM;
        if (!e->quoted) {
                *ret = TAKE_PTR(inner);
                return 0;
        }

        plain = string_replace(inner, quoted_quote, "'");
        if (!plain)
                return -ENOMEM;
        *ret = plain;
        return 0;
}

bool metadata_text_is_valid(const char *text) {
        MetadataEntry e;
        bool any = false;

        assert(text);

        for (const char *p = text; metadata_text_next(&p, &e); any = true)
                if (e.n_key == 0 || e.n_key == e.n_line || strspn(e.text, KEY_CHARACTERS) != e.n_key)
                        return false;

        return any;
}
