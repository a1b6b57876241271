/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "option-table.h"
#include "ssh-key.h"
#include "ssh-keys.h"
#include "string-util.h"

/* While they are collected. */
typedef struct Collection {
        SshKeys *keys;
        size_t n_bad, n_too_many;
} Collection;

void ssh_keys_done(SshKeys *k) {
        for (size_t i = 0; i < k->n_keys; i++)
                free(k->keys[i]);
        free(k->keys);
        for (size_t i = 0; i < k->n_problems; i++)
                free(k->problems[i]);
        free(k->problems);
        *k = (SshKeys) {};
}

static bool is_known(const SshKeys *k, const char *key) {
        for (size_t i = 0; i < k->n_keys; i++)
                if (streq(k->keys[i], key))
                        return true;

        return false;
}

/* source is for people. */
static int take(Collection *c, const char *text, const char *source) {
        _cleanup_free_ char *key = NULL;
        const char *reason;
        int r;

        r = ssh_key_parse(text, &key, &reason);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                if (c->n_bad++ >= SSH_PROBLEMS_MAX)
                        return 0;
                r = asprintf_to(&c->keys->problems[c->keys->n_problems], "%s is left out: it %s", source, reason);
                if (r >= 0)
                        c->keys->n_problems++;
                return r;
        }

        if (is_known(c->keys, key))
                return 0;
        if (c->keys->n_keys >= SSH_KEYS_MAX) {
                c->n_too_many++;
                return 0;
        }
        c->keys->keys[c->keys->n_keys++] = TAKE_PTR(key);
        return 0;
}

static int take_metadata(Collection *c, const Metadata *m) {
        for (size_t i = 0; i < metadata_n_ssh_keys(m); i++) {
                const char *text = metadata_ssh_key(m, i);
                _cleanup_free_ char *source = NULL;
                int r;

                r = asprintf_to(&source, "ssh_public_keys[%zu] of the metadata", i);
                if (r < 0)
                        return r;
                r = take(c, text ?: "", source);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int take_tags(Collection *c, const Metadata *m) {
        _cleanup_free_ char *prefix = NULL;
        int r;

        r = asprintf_to(&prefix, "%s=", option_table[OPTION_AUTHORIZED_KEY].key);
        if (r < 0)
                return r;

        for (size_t i = 0; i < metadata_n_tags(m); i++) {
                const char *value = startswith(metadata_tag(m, i), prefix);
                _cleanup_free_ char *text = NULL, *source = NULL;

                if (isempty(value))
                        continue;
                text = string_replace(value, "_", " ");
                if (!text)
                        return -ENOMEM;
                r = asprintf_to(&source, "%s= (server tag %zu)", option_table[OPTION_AUTHORIZED_KEY].key, i + 1);
                if (r < 0)
                        return r;
                r = take(c, text, source);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* What was only counted. */
static int add_summary(Collection *c) {
        SshKeys *k = c->keys;
        int r;

        if (c->n_bad > SSH_PROBLEMS_MAX) {
                r = asprintf_to(&k->problems[k->n_problems], "%zu more are left out", c->n_bad - SSH_PROBLEMS_MAX);
                if (r < 0)
                        return r;
                k->n_problems++;
        }
        if (c->n_too_many > 0) {
                r = asprintf_to(&k->problems[k->n_problems], "%zu keys are left out, no more than %u count", c->n_too_many, SSH_KEYS_MAX);
                if (r < 0)
                        return r;
                k->n_problems++;
        }

        return 0;
}

int ssh_keys_collect(const Metadata *m, SshKeys *ret) {
        _cleanup_(ssh_keys_done) SshKeys k = {};
        Collection c = { .keys = &k };
        int r;

        assert(ret);

        k.keys = new0(char *, SSH_KEYS_MAX);
        k.problems = new0(char *, SSH_PROBLEMS_MAX + 2);
        if (!k.keys || !k.problems)
                return -ENOMEM;
        if (m) {
                r = take_metadata(&c, m);
                if (r < 0)
                        return r;
                r = take_tags(&c, m);
                if (r < 0)
                        return r;
                r = add_summary(&c);
                if (r < 0)
                        return r;
        }

        *ret = k;
        k = (SshKeys) {};
        return 0;
}
