/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>

#include "bounds.h"
#include "export-uri.h"
#include "mask.h"
#include "nfs-source.h"
#include "options.h"
#include "parse-util.h"
#include "proc-cmdline.h"
#include "string-util.h"

#define METADATA_LOCAL "metadata.local"
#define DIGITS "0123456789"
#define ALNUM DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

typedef struct OptionValue {
        char *value; /* NULL: none */
        char *other; /* of the command line, if a tag has won over a different one */
        OptionOrigin origin;
} OptionValue;

struct Options {
        OptionValue values[_OPTION_MAX];
        /* Each source can have one for each key, no more are looked at. */
        OptionProblem problems[2 * _OPTION_MAX];
        size_t n_problems;
};

static bool only_has(const char *s, const char *allowed) {
        return s[strspn(s, allowed)] == '\0';
}

/* Takes "[…]" off, which is how an IPv6 address stands in a URL. Returns NULL if memory is short. */
static char *without_brackets(const char *s) {
        size_t n = strlen(s);

        return n > 2 && s[0] == '[' && s[n - 1] == ']' ? strndup(s + 1, n - 2) : strdup(s);
}

static bool is_address(const char *s) {
        struct in6_addr ignored;

        return inet_pton(AF_INET, s, &ignored) == 1 || inet_pton(AF_INET6, s, &ignored) == 1;
}

/* Replaces metadata.local. An IPv6 address needs brackets behind "//" or before ":", and there are none yet. */
static int expand_metadata_local(const char *s, const char *address, char **ret) {
        bool ipv6 = strchr(address, ':');
        _cleanup_free_ char *result = NULL;
        const char *hit, *p = s;
        size_t n, size = 0;
        FILE *f;

        f = open_memstream(&result, &size);
        if (!f)
                return -ENOMEM;

        n = strlen(METADATA_LOCAL);
        for (; (hit = strstr(p, METADATA_LOCAL)); p = hit + n) {
                bool in_url = hit[n] == ':' || (hit - s >= 2 && hit[-1] == '/' && hit[-2] == '/');

                fprintf(f, "%.*s", (int) (hit - p), p);
                fprintf(f, ipv6 && in_url ? "[%s]" : "%s", address);
        }
        fputs(p, f);
        if (fclose(f) != 0)
                return -ENOMEM;

        *ret = TAKE_PTR(result);
        return 0;
}

/* The check_* functions return NULL if the value is good, else what is wrong with it, and may replace *value. */

static const char *check_bool(const Option *o, char **value) {
        bool b;

        if (parse_boolean(*value, &b) < 0)
                return "is neither yes nor no";

        strcpy(*value, b ? "1" : "0");
        return NULL;
}

static const char *check_enum(const Option *o, char **value) {
        for (size_t i = 0; i < OPTION_CHOICES_MAX && o->choices[i].name; i++) {
                char *canonical;

                if (!streq(*value, o->choices[i].name))
                        continue;
                canonical = strdup(o->choices[i].value ?: o->choices[i].name);
                if (canonical)
                        free_and_replace_str(value, canonical);
                return NULL;
        }

        return "is none of the known ones";
}

static const char *check_address(const Option *o, char **value) {
        char *bare = without_brackets(*value);

        if (bare)
                free_and_replace_str(value, bare);
        return is_address(*value) ? NULL : "is not an IP address";
}

static const char *check_seconds(const Option *o, char **value) {
        unsigned seconds;

        return parse_unsigned(*value, &seconds) >= 0 && seconds > 0 && seconds <= 86400 ? NULL
                                                                                         : "is no number of seconds from 1 to 86400";
}

static const char *check_path(const Option *o, char **value) {
        return (*value)[0] == '/' ? NULL : "is not an absolute path";
}

static const char *check_name(const Option *o, char **value) {
        return only_has(*value, ALNUM "._-,") && (*value)[0] != '-' ? NULL : "has characters that no such name has";
}

static const char *check_url(const Option *o, char **value) {
        const char *rest = startswith(*value, "http://") ?: startswith(*value, "https://");

        if (!rest || *rest == '/' || *rest == '\0')
                return "is neither http:// nor https://";
        return strchr(*value, ' ') ? "has blanks" : NULL;
}

static const char *check_nfs(const Option *o, char **value) {
        NfsSource source;

        if (nfs_source_parse(*value, &source) < 0)
                return "is not SERVER:/PATH[,OPTIONS]";
        nfs_source_done(&source);
        return NULL;
}

static const char *check_sha256(const Option *o, char **value) {
        return strlen(*value) == 64 && only_has(*value, DIGITS "abcdefABCDEF") ? NULL
                                                                               : "is not 64 hexadecimal digits";
}

/* "default" is what says in older tags that there is none. */
static const char *check_boot_file(const Option *o, char **value) {
        if (streq(*value, "latest") || streq(*value, "default") || (*value)[0] == '/')
                return NULL;

        return check_url(o, value) ? "is neither latest, an absolute path nor a URL" : NULL;
}

static const char *check_root(const Option *o, char **value) {
        static const char *const tags[] = { "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=" };
        const char *device = startswith(*value, "/dev/");

        if (device)
                return *device && !strstr(*value, "/../") && !endswith(*value, "/..") ? NULL : "is not a device";

        for (size_t i = 0; i < ELEMENTSOF(tags); i++)
                if (!isempty(startswith(*value, tags[i])))
                        return NULL;

        if (startswith(*value, "nbd://")) {
                ExportUri uri;

                if (export_uri_parse(*value, &uri) < 0)
                        return "is not nbd://HOST[:PORT][/EXPORT]";
                export_uri_done(&uri);
                return NULL;
        }

        return "is not a form of root= that this initrd knows";
}

/* Returns 1 and the value in *ret, 0 and what is wrong with it in *ret_reason, or -ENOMEM. */
static int check_value(const Option *o, const char *raw, const char *address, char **ret, const char **ret_reason) {
        static const char *(*const checks[_OPTION_TYPE_MAX])(const Option *o, char **value) = {
                [OPTION_TYPE_BOOL] = check_bool,
                [OPTION_TYPE_ENUM] = check_enum,
                [OPTION_TYPE_ADDRESS] = check_address,
                [OPTION_TYPE_SECONDS] = check_seconds,
                [OPTION_TYPE_PATH] = check_path,
                [OPTION_TYPE_NAME] = check_name,
                [OPTION_TYPE_URL] = check_url,
                [OPTION_TYPE_SHA256] = check_sha256,
                [OPTION_TYPE_BOOT_FILE] = check_boot_file,
                [OPTION_TYPE_ROOT] = check_root,
                [OPTION_TYPE_NFS] = check_nfs,
        };
        _cleanup_free_ char *value = NULL;
        const char *reason = NULL;
        size_t n = strlen(raw);
        int r;

        if (n > OPTION_VALUE_MAX)
                reason = "is too long";
        else if (!utf8_is_valid(raw, n))
                reason = "is not UTF-8";
        else if (has_control_characters(raw))
                reason = "has control characters";
        if (!reason) {
                r = expand_metadata_local(raw, address, &value);
                if (r < 0)
                        return r;
                if (checks[o->type])
                        reason = checks[o->type](o, &value);
        }
        if (reason) {
                *ret_reason = reason;
                return 0;
        }

        *ret = TAKE_PTR(value);
        return 1;
}

/* What the word or tag says of the option: its value, or NULL if it says nothing. */
static const char *value_of(const Option *o, const char *word) {
        const char *value = word_value(word, o->key);
        bool bare;

        if (!value)
                return NULL;

        bare = word[strlen(o->key)] == '\0';
        if (o->type == OPTION_TYPE_WORD)
                return bare ? "1" : NULL;
        if (bare)
                return o->type == OPTION_TYPE_BOOL ? "1" : NULL;
        return empty_to_null(value);
}

static bool says_yes(const Option *o, const char *word) {
        const char *value = word_value(word, o->key);
        bool yes;

        return value && (*value == '\0' || (parse_boolean(value, &yes) >= 0 && yes));
}

static const char *find_on_cmdline(const Option *o, char *const *cmdline) {
        if (!(o->where & OPTION_CMDLINE))
                return NULL;

        for (char *const *w = cmdline; o->sticky && *w; w++)
                if (says_yes(o, *w))
                        return "1";

        for (; *cmdline; cmdline++) {
                const char *value = value_of(o, *cmdline);

                if (value)
                        return value;
        }

        return NULL;
}

static const char *find_in_tags(const Option *o, const Metadata *m) {
        if (!m || !(o->where & OPTION_TAG))
                return NULL;

        for (size_t i = 0; i < metadata_n_tags(m); i++) {
                const char *value = value_of(o, metadata_tag(m, i));

                if (value)
                        return value;
        }

        return NULL;
}

/* Takes over what a source says, if it is good. */
static int consider(Options *o, OptionId id, OptionOrigin origin, const char *raw, const char *address) {
        OptionValue *v = o->values + id;
        const char *reason = NULL;
        char *value = NULL;
        int r;

        if (!raw)
                return 0;

        r = check_value(option_table + id, raw, address, &value, &reason);
        if (r < 0)
                return r;
        if (r == 0) {
                OptionProblem *p = o->problems + o->n_problems;

                *p = (OptionProblem) { .id = id, .origin = origin, .reason = reason, .value = strdup(raw) };
                if (!p->value)
                        return -ENOMEM;
                o->n_problems++;
                return 0;
        }

        if (v->origin == ORIGIN_CMDLINE && !streq(v->value, value))
                v->other = TAKE_PTR(v->value); /* A tag that follows: each source comes once. */
        free_and_replace_str(&v->value, value);
        v->origin = origin;
        return 0;
}

/* The kernel has two words for one thing, of which the last one counts. */
static void settle_ro_and_rw(Options *o, char *const *cmdline) {
        OptionId loser = OPTION_RO;

        for (; *cmdline; cmdline++)
                if (streq(*cmdline, option_table[OPTION_RO].key))
                        loser = OPTION_RW;
                else if (streq(*cmdline, option_table[OPTION_RW].key))
                        loser = OPTION_RO;

        free_and_replace_str(&o->values[loser].value, NULL);
        o->values[loser].origin = ORIGIN_DEFAULT;
}

int options_load(char *const *cmdline, const Metadata *metadata, const char *metadata_address, Options **ret) {
        _cleanup_(options_freep) Options *o = NULL;
        int r;

        assert(cmdline);
        assert(ret);

        o = new0(Options, 1);
        if (!o)
                return -ENOMEM;

        for (OptionId id = 0; id < _OPTION_MAX; id++) {
                const Option *option = option_table + id;
                const char *address = metadata_address ?: o->values[OPTION_METADATA_IP].value ?: METADATA_IPV4;

                if (option->type == OPTION_TYPE_FOREIGN)
                        continue;

                r = strdup_to(&o->values[id].value, option->default_value);
                if (r < 0)
                        return r;
                r = consider(o, id, ORIGIN_CMDLINE, find_on_cmdline(option, cmdline), address);
                if (r < 0)
                        return r;
                /* In the table NO_METADATA comes before all that may stand in a tag. */
                if (options_get_bool(o, OPTION_NO_METADATA))
                        continue;
                r = consider(o, id, ORIGIN_TAG, find_in_tags(option, metadata), address);
                if (r < 0)
                        return r;
        }
        settle_ro_and_rw(o, cmdline);

        *ret = TAKE_PTR(o);
        return 0;
}

void options_free(Options *o) {
        if (!o)
                return;

        for (size_t i = 0; i < _OPTION_MAX; i++) {
                free(o->values[i].value);
                free(o->values[i].other);
        }
        for (size_t i = 0; i < o->n_problems; i++)
                free(o->problems[i].value);
        free(o);
}

const char *options_get_string(const Options *o, OptionId id) {
        assert(o);
        assert(id >= 0 && id < _OPTION_MAX);

        return o->values[id].value;
}

bool options_get_bool(const Options *o, OptionId id) {
        return streq_ptr(options_get_string(o, id), "1");
}

OptionOrigin options_origin(const Options *o, OptionId id) {
        assert(o);
        assert(id >= 0 && id < _OPTION_MAX);

        return o->values[id].origin;
}

const char *origin_to_string(OptionOrigin origin) {
        static const char *const names[_ORIGIN_MAX] = {
                [ORIGIN_DEFAULT] = "default",
                [ORIGIN_METADATA] = "metadata",
                [ORIGIN_CMDLINE] = "command line",
                [ORIGIN_TAG] = "server tag",
        };

        assert(origin < _ORIGIN_MAX);
        return names[origin];
}

int options_set(Options *o, OptionId id, const char *value, OptionOrigin origin) {
        char *copy;

        assert(o);
        assert(id >= 0 && id < _OPTION_MAX);

        copy = strdup(value);
        if (!copy)
                return -ENOMEM;

        free_and_replace_str(&o->values[id].value, copy);
        o->values[id].origin = origin;
        return 0;
}

size_t options_problems(const Options *o, const OptionProblem **ret) {
        assert(o);
        assert(ret);

        *ret = o->problems;
        return o->n_problems;
}

bool options_is_spoilt(const Options *o, OptionId id) {
        assert(o);

        if (options_origin(o, id) != ORIGIN_DEFAULT)
                return false;
        for (size_t i = 0; i < o->n_problems; i++)
                if (o->problems[i].id == id)
                        return true;

        return false;
}

/* For a message or a comment, which many can read: without the secrets of a URL. NULL if memory is short. */
static char *shown(const char *value) {
        _cleanup_free_ char *masked = NULL;

        return mask_word(value, &masked) < 0 ? NULL : printable(masked, OPTION_SHOWN_MAX);
}

int options_describe_problem(const Options *o, const OptionProblem *p, char **ret) {
        _cleanup_free_ char *bad = NULL, *used = NULL;
        const char *value, *instead, *verb, *quote;

        assert(o);
        assert(p);

        value = options_get_string(o, p->id);
        instead = value ?: option_table[p->id].default_text;
        bad = shown(p->value);
        used = instead ? shown(instead) : NULL;
        if (!bad || (instead && !used))
                return -ENOMEM;

        verb = value ? "using " : instead ? "using the default: " : "ignoring it";
        quote = value ? "'" : "";
        return asprintf_to(ret, "%s='%s' (%s) %s, %s%s%s%s", option_table[p->id].key, bad,
                           origin_to_string(p->origin), p->reason, verb, quote, used ?: "", quote);
}

int options_describe(const Options *o, OptionId id, char **ret) {
        _cleanup_free_ char *value = NULL, *other = NULL;
        const OptionValue *v;

        assert(o);
        assert(id >= 0 && id < _OPTION_MAX);

        v = o->values + id;
        value = shown(v->value ?: "");
        other = shown(v->other ?: "");
        if (!value || !other)
                return -ENOMEM;

        if (option_table[id].type == OPTION_TYPE_WORD)
                return asprintf_to(ret, "%s: %s", option_table[id].key, origin_to_string(v->origin));
        return asprintf_to(ret, "%s=%s: %s%s%s%s", option_table[id].key, value, origin_to_string(v->origin),
                           v->other ? ", instead of " : "", other, v->other ? " on the command line" : "");
}

int options_to_json(const Options *o, char **ret) {
        _cleanup_free_ char *text = NULL;
        json_t *object;
        bool ok;

        assert(o);
        assert(ret);

        object = json_object();
        ok = object;
        for (OptionId id = 0; ok && id < _OPTION_MAX; id++) {
                const OptionValue *v = o->values + id;
                json_t *entry;

                if (!v->value)
                        continue;
                entry = json_pack("{s:s, s:s, s:s*}", "value", v->value, "origin", origin_to_string(v->origin),
                                  "instead-of", v->other);
                ok = entry && json_object_set_new(object, option_table[id].key, entry) == 0;
        }
        if (ok)
                text = json_dumps(object, JSON_INDENT(8));
        json_decref(object);
        if (!text)
                return -ENOMEM;

        return asprintf_to(ret, "%s\n", text);
}
