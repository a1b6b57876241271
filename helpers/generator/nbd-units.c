/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bounds.h"
#include "drop-in.h"
#include "host-unit.h"
#include "log.h"
#include "nbd-units.h"
#include "shutdown-units.h"
#include "string-util.h"
#include "volume-export.h"

/* One unit for each volume, whatever it is attached for. It is for the caller to add more and to write it. */
static int nbd_unit_new(const char *uri, const char *identifier, const char *origin, UnitFile **ret) {
        int r;

        r = unit_file_new(ret);
        if (r < 0)
                return r;

        unit_file_section(*ret, "Service");
        unit_file_comment(*ret, origin);
        unit_file_environment(*ret, "NBD_URI", uri);
        unit_file_environment(*ret, "NBD_IDENTIFIER", identifier);
        return 0;
}

static int nbd_unit_write(const Boot *b, UnitFile *u, unsigned index) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = asprintf_to(&path, "scaleway-nbd@%u.service.d/" DROP_IN_NAME, index);
        if (r < 0)
                return r;

        return unit_file_write(u, b->unit_fd, path);
}

/* The supervisors have to know of a shutdown. One of the initrd is one as well. */
static int copy_unit(const Boot *b) {
        int r;

        r = host_unit_copy(b, "scaleway-nbd@.service", "what looks after the NBD volumes will end soon after the switch");
        return r < 0 ? r : shutdown_units_write(b);
}

int nbd_write_root(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        r = copy_unit(b);
        if (r < 0)
                return r;
        r = shutdown_units_write_root(b);
        if (r < 0)
                return r;

        r = nbd_unit_new(b->root.uri, b->root.identifier, b->root.uri_origin, &u);
        if (r < 0)
                return r;

        unit_file_environment(u, "NBD_ROOT", "yes");
        return nbd_unit_write(b, u, (unsigned) b->root.nbd);
}

int nbd_require_root(const Boot *b, UnitFile *u) {
        _cleanup_free_ char *unit = NULL;
        int r;

        if (b->root.nbd < 0)
                return 0;
        r = asprintf_to(&unit, "scaleway-nbd@%i.service", b->root.nbd);
        if (r < 0)
                return r;

        unit_file_section(u, "Unit");
        unit_file_setting(u, "Requires", unit);
        unit_file_setting(u, "After", unit);
        return 0;
}

static int describe_waiting(const Boot *b, UnitFile *u) {
        _cleanup_free_ char *origin = NULL;
        int r;

        if (options_origin(b->options, OPTION_WAIT_SECONDARY_VOLUMES) == ORIGIN_DEFAULT)
                return 0;
        r = options_describe(b->options, OPTION_WAIT_SECONDARY_VOLUMES, &origin);
        if (r < 0)
                return r;

        unit_file_comment(u, origin);
        return 0;
}

/* What a person mounts is not known; most likely it is on the first volume. */
static bool may_be_root(const Boot *b, unsigned index) {
        return b->mode->person && index == 0;
}

/* Nobody boots from it: its failure is not the boot's reason to fail, and it may not take long. */
static int write_other(const Boot *b, unsigned index, const MetadataVolume *v) {
        bool wait = options_get_bool(b->options, OPTION_WAIT_SECONDARY_VOLUMES);
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        _cleanup_free_ char *origin = NULL, *link = NULL;
        int r;

        r = asprintf_to(&origin, "volume %u of the metadata", index);
        if (r < 0)
                return r;
        r = nbd_unit_new(v->export_uri, volume_identifier(v), origin, &u);
        if (r < 0)
                return r;
        r = describe_waiting(b, u);
        if (r < 0)
                return r;
        unit_file_environment(u, "NBD_TIMEOUT", wait ? NBD_OTHER_TIMEOUT_WAIT_SEC : NBD_OTHER_TIMEOUT_SEC);
        unit_file_environment(u, "SCALEWAY_FAILURE_FILE", "");
        if (may_be_root(b, index))
                unit_file_environment(u, "NBD_ROOT", "yes");
        r = nbd_unit_write(b, u, index);
        if (r < 0)
                return r;
        r = asprintf_to(&link, "scaleway-volumes.target.wants/scaleway-nbd@%u.service", index);
        if (r < 0)
                return r;

        return unit_link(b->unit_fd, link, SHIPPED_UNITS "/scaleway-nbd@.service");
}

/* The target has an order with what it wants only if it says so itself: the units have no default dependencies. */
static int write_target(const Boot *b, const bool attached[static METADATA_VOLUMES_MAX]) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL, *s = NULL;
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        unit_file_section(u, "Unit");
        for (unsigned i = 0; i < METADATA_VOLUMES_MAX; i++) {
                _cleanup_free_ char *name = NULL;

                if (!attached[i])
                        continue;
                r = asprintf_to(&name, "scaleway-nbd@%u.service", i);
                if (r < 0)
                        return r;
                unit_file_setting(u, "After", name);
        }
        r = unit_file_write(u, b->unit_fd, "scaleway-volumes.target.d/" DROP_IN_NAME);
        if (r < 0)
                return r;

        r = unit_file_new(&s);
        if (r < 0)
                return r;
        unit_file_section(s, "Unit");
        unit_file_setting(s, "After", "scaleway-volumes.target");
        r = unit_file_write(s, b->unit_fd, "scaleway-switch.service.d/60-volumes.conf");
        if (r < 0)
                return r;

        return unit_link(b->unit_fd, "scaleway-boot.target.wants/scaleway-volumes.target",
                         SHIPPED_UNITS "/scaleway-volumes.target");
}

/* Of what is not attached people ask why. */
static int pass_over(unsigned index, VolumeKind kind, const MetadataVolume *v, const char *device) {
        _cleanup_free_ char *what = NULL;

        if (kind == VOLUME_NONE)
                return 0;
        what = printable(device ?: v->volume_type ?: "of no known type", 40);
        if (!what)
                return -ENOMEM;

        if (kind == VOLUME_DEVICE)
                log_info("Volume %u is the local disk '%s', nothing to attach.", index, what);
        else
                log_info("Volume %u (%s) is not exported over NBD, not attaching it.", index, what);
        return 0;
}

/* Volume 0 is the one to boot from: when another device was chosen for that, it was for a reason. Where no volume is the root, it is the one
 * that a person looks for first, and not one of the secondary ones. */
static bool is_other(const Boot *b, unsigned index) {
        if (options_get_bool(b->options, OPTION_SKIP_OPTIONAL_NBD_DEVICES) ||
            (index > 0 && options_get_bool(b->options, OPTION_SKIP_SECONDARY_VOLUMES)))
                return false;

        return b->mode->all_volumes || (index > 0 && (int) index != b->root.nbd);
}

int nbd_write_others(const Boot *b) {
        bool attached[METADATA_VOLUMES_MAX] = {};
        size_t n = 0;
        int r;

        for (unsigned i = 0; i < METADATA_VOLUMES_MAX; i++) {
                _cleanup_free_ char *device = NULL;
                MetadataVolume v;
                VolumeKind kind;

                if (!is_other(b, i))
                        continue;
                r = volume_look(b->metadata, i, &v, &kind, &device);
                if (r < 0)
                        return r;
                if (kind != VOLUME_NBD) {
                        r = pass_over(i, kind, &v, device);
                        if (r < 0)
                                return r;
                        continue;
                }
                r = write_other(b, i, &v);
                if (r < 0)
                        return r;
                attached[i] = true;
                n++;
        }

        if (n == 0)
                return 0;
        r = write_target(b, attached);
        if (r >= 0)
                r = copy_unit(b);
        return r < 0 ? r : 1;
}

int nbd_guard_attached(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;

        unit_file_section(u, "Unit");
        unit_file_comment(u, "The initrd attaches volumes; this unit would detach them when it is stopped. What is attached is not for it.");
        unit_file_setting(u, "ConditionPathExists", "!/sys/block/%i/pid");
        return unit_file_write(u, b->unit_fd, "nbd@.service.d/" DROP_IN_NAME);
}
