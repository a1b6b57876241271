/* SPDX-License-Identifier: MIT */
/* boot=nfs: a directory of a server. */

#include <errno.h>

#include "bounds.h"
#include "drop-in.h"
#include "host-unit.h"
#include "log.h"
#include "mode.h"
#include "shipped-program.h"
#include "shutdown-units.h"
#include "string-util.h"

#define UNIT "scaleway-nfs.service"
#define WATCH "scaleway-nfs-watch.service"

/* The server's id: what the NFS server knows it by stays the same, whatever its address. */
static int add_identifier(const Boot *b, UnitFile *u) {
        const char *id = b->metadata ? metadata_string(b->metadata, "id") : NULL;
        _cleanup_free_ char *shown = NULL;

        if (isempty(id) || strlen(id) > VOLUME_IDENTIFIER_MAX)
                return 0;
        shown = printable(id, VOLUME_IDENTIFIER_MAX);
        if (!shown)
                return -ENOMEM;

        unit_file_comment(u, "the id of the metadata");
        unit_file_environment(u, "NFS_IDENTIFIER", shown);
        return 0;
}

/* What ends a shutdown that hangs on a server that is gone is started here and is the host's as well. */
static int add_watch(const Boot *b) {
        int r;

        r = host_unit_copy(b, WATCH, "a shutdown that hangs because the server is gone will not end");
        if (r < 0)
                return r;
        r = shutdown_units_write_root(b);
        if (r < 0)
                return r;

        return unit_link(b->unit_fd, "scaleway-root.target.wants/" WATCH, SHIPPED_UNITS "/" WATCH);
}

int mode_nfs_write(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        if (!options_get_string(b->options, OPTION_NFSROOT))
                return log_error_errno(EINVAL,
                                       "boot=nfs lacks a root: set nfsroot=SERVER:/PATH on the command line or as a "
                                       "server tag.");
        r = mode_needs_nfs(b);
        if (r < 0)
                return r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        r = drop_in_add_options(u, b->options, UNIT);
        if (r < 0)
                return r;
        r = drop_in_add_mount_options(u, b->options, "NFS_OPTIONS", "");
        if (r < 0)
                return r;
        r = add_identifier(b, u);
        if (r < 0)
                return r;
        r = unit_file_write(u, b->unit_fd, UNIT ".d/" DROP_IN_NAME);
        if (r < 0)
                return r;
        r = add_watch(b);
        if (r < 0)
                return r;

        return unit_link(b->unit_fd, "scaleway-root.target.requires/" UNIT, SHIPPED_UNITS "/" UNIT);
}
