/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bounds.h"
#include "export-uri.h"
#include "string-util.h"
#include "volume-export.h"

int volume_look(const Metadata *m, unsigned index, MetadataVolume *ret, VolumeKind *ret_kind, char **ret_device) {
        ExportUri uri;
        int r;

        *ret_kind = VOLUME_NONE;
        if (!m)
                return 0;
        r = metadata_volume(m, index, ret);
        if (r == 0)
                return 0;
        if (r < 0)
                *ret = (MetadataVolume) {};

        *ret_kind = VOLUME_UNKNOWN;
        if (!ret->export_uri || !utf8_is_valid(ret->export_uri, strlen(ret->export_uri)))
                return 0;
        r = export_uri_parse(ret->export_uri, &uri);
        if (r < 0)
                return r == -ENOMEM ? r : 0;

        *ret_kind = uri.scheme == EXPORT_URI_NBD ? VOLUME_NBD : VOLUME_DEVICE;
        r = ret_device && uri.scheme == EXPORT_URI_DEVICE ? strdup_to(ret_device, uri.device) : 0;
        export_uri_done(&uri);
        return r;
}

const char *volume_identifier(const MetadataVolume *v) {
        static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";
        const char *id = v->id ?: "";

        return strlen(id) <= VOLUME_IDENTIFIER_MAX && id[0] != '-' && id[strspn(id, allowed)] == '\0' ? id : "";
}
