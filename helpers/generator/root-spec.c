/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "parse-util.h"
#include "root-spec.h"
#include "string-util.h"
#include "volume-export.h"

#define DIGITS "0123456789"

void root_spec_done(RootSpec *s) {
        free(s->device);
        free(s->volume);
        free(s->uri);
        free(s->identifier);
        free(s->uri_origin);
        *s = (RootSpec) { .nbd = -1 };
}

/* N of /dev/nbdN and of its partitions /dev/nbdNpM, else -1. */
static int nbd_index(const char *device) {
        const char *p = startswith(device, "/dev/nbd");
        char number[4] = {};
        size_t n;
        unsigned index;

        if (!p)
                return -1;
        n = strspn(p, DIGITS);
        if (n == 0 || n >= sizeof(number))
                return -1;
        if (p[n] && (p[n] != 'p' || !p[n + 1] || p[n + 1 + strspn(p + n + 1, DIGITS)]))
                return -1;

        memcpy(number, p, n);
        return parse_unsigned(number, &index) >= 0 ? (int) index : -1;
}

/* A name that says nothing of where the device is, such as UUID=…, /dev/disk/… or a logical volume's /dev/GROUP/NAME: it
 * may well be on volume 0. */
static bool may_be_on_any_volume(const char *device) {
        const char *name = startswith(device, "/dev/");

        return device[0] != '/' || (name && strchr(name, '/'));
}

static int set_default_root(Options *o, const Metadata *m) {
        _cleanup_free_ char *device = NULL;
        MetadataVolume volume;
        VolumeKind kind;
        int r;

        r = volume_look(m, 0, &volume, &kind, &device);
        if (r < 0)
                return r;

        return options_set(o, OPTION_ROOT, device ?: "/dev/nbd0",
                           kind == VOLUME_NBD || kind == VOLUME_DEVICE ? ORIGIN_METADATA : ORIGIN_DEFAULT);
}

/* Says why there is no server for /dev/nbdN. */
static int describe_missing(const Options *o, const Metadata *m, int nbd, VolumeKind kind, char **ret) {
        static const char advice[] = "give root=nbd://HOST[:PORT][/EXPORT] on the command line";

        if (options_get_bool(o, OPTION_NO_METADATA))
                return asprintf_to(ret, "NO_METADATA is set; %s", advice);
        if (!m)
                return asprintf_to(ret, "there are no metadata; %s", advice);
        switch (kind) {
        case VOLUME_DEVICE:
                return asprintf_to(ret, "volume %i of the metadata is a local disk; remove root= from tags and command line",
                                   nbd);
        case VOLUME_UNKNOWN:
                return asprintf_to(ret,
                                   "volume %i of the metadata has no export that is nbd://HOST[:PORT][/EXPORT]; %s",
                                   nbd, advice);
        default:
                return asprintf_to(ret, "the metadata have no volume %i; %s", nbd, advice);
        }
}

/* Fills in the server of /dev/nbdN from volume N. A root that only may be there needs none. */
static int take_volume(RootSpec *s, const Options *o, const Metadata *m, int nbd, bool required, char **ret_reason) {
        MetadataVolume volume;
        VolumeKind kind;
        int r;

        r = volume_look(m, (unsigned) nbd, &volume, &kind, NULL);
        if (r < 0)
                return r;
        if (kind != VOLUME_NBD) {
                if (!required)
                        return 0;
                r = describe_missing(o, m, nbd, kind, ret_reason);
                return r < 0 ? r : -ENXIO;
        }

        s->nbd = nbd;
        r = strdup_to(&s->uri, volume.export_uri);
        if (r < 0)
                return r;
        r = strdup_to(&s->identifier, volume_identifier(&volume));
        if (r < 0)
                return r;
        return asprintf_to(&s->uri_origin, "volume %i of the metadata", nbd);
}

/* The one that the server boots from, where an encrypted root may be. */
static int take_any_volume(RootSpec *s, const Options *o, const Metadata *m, char **ret_reason) {
        _cleanup_free_ char *device = NULL;
        MetadataVolume volume;
        VolumeKind kind;
        int r;

        r = take_volume(s, o, m, 0, /* required= */ false, ret_reason);
        if (r < 0)
                return r;
        if (s->nbd == 0)
                return strdup_to(&s->volume, "/dev/nbd0");

        r = volume_look(m, 0, &volume, &kind, &device);
        if (r < 0)
                return r;
        if (kind == VOLUME_DEVICE)
                s->volume = TAKE_PTR(device);
        return 0;
}

/* root=nbd://…: the first device is as good as any. The volume's id is known if it is the platform's own export. */
static int take_uri(RootSpec *s, const Options *o, const Metadata *m, const char *uri) {
        MetadataVolume volume;
        VolumeKind kind;
        int r;

        r = volume_look(m, 0, &volume, &kind, NULL);
        if (r < 0)
                return r;

        s->nbd = 0;
        r = strdup_to(&s->device, "/dev/nbd0");
        if (r < 0)
                return r;
        r = strdup_to(&s->uri, uri);
        if (r < 0)
                return r;
        r = strdup_to(&s->identifier,
                      kind == VOLUME_NBD && streq(volume.export_uri, uri) ? volume_identifier(&volume) : "");
        if (r < 0)
                return r;
        return options_describe(o, OPTION_ROOT, &s->uri_origin);
}

int root_spec_settle(Options *o, const Metadata *m, RootSpec *ret, char **ret_reason) {
        _cleanup_(root_spec_done) RootSpec s = { .nbd = -1 };
        const char *root;
        int r, nbd;

        assert(o);
        assert(ret);
        assert(ret_reason);

        if (!options_get_string(o, OPTION_ROOT)) {
                r = set_default_root(o, m);
                if (r < 0)
                        return r;
        }

        root = options_get_string(o, OPTION_ROOT);
        if (startswith(root, "nbd://"))
                r = take_uri(&s, o, m, root);
        else {
                r = strdup_to(&s.device, root);
                if (r < 0)
                        return r;
                nbd = nbd_index(root);
                if (nbd >= 0)
                        r = take_volume(&s, o, m, nbd, /* required= */ true, ret_reason);
                else if (may_be_on_any_volume(root))
                        r = take_any_volume(&s, o, m, ret_reason);
        }
        if (r < 0)
                return r;

        *ret = s;
        s = (RootSpec) { .nbd = -1 };
        return 0;
}
