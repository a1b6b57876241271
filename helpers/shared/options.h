/* SPDX-License-Identifier: MIT */
#pragma once

#include "alloc-util.h"
#include "bounds.h"
#include "metadata.h"
#include "option-table.h"

/* The options in force. Rules: a tag wins over the command line. In one source the first occurrence that has a value
 * counts, as in the old initrd; an empty value is no value. The value is all that follows the first '='.
 * metadata.local in a value becomes the address of the metadata service, in brackets if it is IPv6 and stands where
 * a URL or HOST:PATH has its host. */
typedef struct Options Options;

typedef enum OptionOrigin {
        ORIGIN_DEFAULT,
        ORIGIN_METADATA, /* not a tag: found out from the document, such as the root from volume 0 */
        ORIGIN_CMDLINE,
        ORIGIN_TAG,
        _ORIGIN_MAX,
} OptionOrigin;

/* A bad value, which is not used. */
typedef struct OptionProblem {
        OptionId id;
        OptionOrigin origin;
        char *value;        /* as it was given: any bytes */
        const char *reason; /* "is not UTF-8" */
} OptionProblem;

/* cmdline is an array that ends in NULL, metadata may be NULL: no tags. metadata_address is the one that answered,
 * or NULL: then METADATA_IP or its default. With NO_METADATA on the command line tags are left alone. Returns 0 or
 * -ENOMEM: bad values are no error, see options_problems(). */
_must_check_ int options_load(char *const *cmdline, const Metadata *metadata, const char *metadata_address,
                              Options **ret);
void options_free(Options *o);
DEFINE_TRIVIAL_CLEANUP_FUNC(Options *, options_free)

/* The value in force, NULL if there is none. Lives as long as o and until options_set(). */
const char *options_get_string(const Options *o, OptionId id);
/* Of a bool or a word; false if there is none. */
bool options_get_bool(const Options *o, OptionId id);
OptionOrigin options_origin(const Options *o, OptionId id);
/* "server tag" */
const char *origin_to_string(OptionOrigin origin);

/* For a value that is found out: root from the volumes. Returns 0 or -ENOMEM. */
_must_check_ int options_set(Options *o, OptionId id, const char *value, OptionOrigin origin);

/* Bad values in the order of the table. Live as long as o. */
size_t options_problems(const Options *o, const OptionProblem **ret);
/* True if a value was given that is bad, and there is no other in its place: for options that somebody relies on. */
bool options_is_spoilt(const Options *o, OptionId id);
/* One line for people, without the secrets of a URL, to be freed: "boot='x' (server tag) is none of the known ones, using 'local'". */
_must_check_ int options_describe_problem(const Options *o, const OptionProblem *p, char **ret);

/* Where the value comes from, to be freed: "root=/dev/vda: server tag, instead of /dev/nbd0 on the command line".
 * Returns 0 or -ENOMEM. */
_must_check_ int options_describe(const Options *o, OptionId id, char **ret);

/* { "root": { "value": "/dev/vda", "origin": "server tag", "instead-of": "/dev/nbd0" }, … } for all options that
 * have a value. *ret is to be freed. Returns 0 or -ENOMEM. */
_must_check_ int options_to_json(const Options *o, char **ret);
