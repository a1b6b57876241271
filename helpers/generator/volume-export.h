/* SPDX-License-Identifier: MIT */
#pragma once

#include "metadata.h"

/* How a volume of the metadata can be reached. */
typedef enum VolumeKind {
        VOLUME_NONE, /* the metadata do not have it, or there are no metadata */
        VOLUME_NBD,
        VOLUME_DEVICE,  /* a local disk */
        VOLUME_UNKNOWN, /* no export, or one that is neither; or null */
} VolumeKind;

/* m may be NULL. *ret is filled in for all kinds but VOLUME_NONE and lives as long as m. *ret_device is set for
 * VOLUME_DEVICE: its path, to be freed; ret_device may be NULL. Returns 0 or -ENOMEM. */
_must_check_ int volume_look(const Metadata *m, unsigned index, MetadataVolume *ret, VolumeKind *ret_kind,
                             char **ret_device);

/* The id, which the kernel keeps as the volume's name, or "" if it is none that a name can be made of. Ids of the
 * platform are UUIDs. Lives as long as the metadata. */
const char *volume_identifier(const MetadataVolume *v);
