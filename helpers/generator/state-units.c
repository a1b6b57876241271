/* SPDX-License-Identifier: MIT */
/* The units that tell the control plane how far the boot is. */

#include "bounds.h"
#include "drop-in.h"
#include "host-unit.h"
#include "kexec-unit.h"
#include "log.h"
#include "paths.h"
#include "state-units.h"
#include "string-util.h"
#include "wait-units.h"

/* Where the host's systemd finds it; the initrd's own units are gone then. */
#define RESCUE "rescue.target"
#define EMERGENCY "emergency.target"
#define UNIT_NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@"

bool states_are_signalled(const Boot *b) {
        static const OptionId off[] = { OPTION_NO_METADATA, OPTION_NOMETADATA, OPTION_NO_SIGNAL_STATE };

        for (size_t i = 0; i < ELEMENTSOF(off); i++)
                if (options_get_bool(b->options, off[i]))
                        return false;

        return true;
}

/* The states of a second kernel were signalled by the first one, but for this. */
bool failure_is_signalled(const Boot *b) {
        if (options_get_bool(b->options, OPTION_NO_METADATA) || options_get_bool(b->options, OPTION_NOMETADATA))
                return false;

        return states_are_signalled(b) || (options_get_bool(b->options, OPTION_IS_IN_KEXEC) &&
                                           options_origin(b->options, OPTION_NO_SIGNAL_STATE) != ORIGIN_TAG);
}

/* As it reads its command line: systemd(1). A name that it would not take is none here. */
const char *boot_target(const Boot *b) {
        static const struct {
                const char *word, *target;
        } words[] = {
                { "1",         RESCUE              },
                { "S",         RESCUE              },
                { "s",         RESCUE              },
                { "single",    RESCUE              },
                { "rescue",    RESCUE              },
                { "-b",        EMERGENCY           },
                { "emergency", EMERGENCY           },
                { "2",         "multi-user.target" },
                { "3",         "multi-user.target" },
                { "4",         "multi-user.target" },
                { "5",         "graphical.target"  },
        };
        const char *target = "default.target";

        for (char **w = b->cmdline; *w; w++) {
                const char *name = startswith(*w, "systemd.unit=");

                if (name && endswith(name, ".target") && name[strspn(name, UNIT_NAME_CHARACTERS)] == '\0' && strlen(name) < UNIT_NAME_SIZE)
                        target = name;
                for (size_t i = 0; i < ELEMENTSOF(words); i++)
                        if (streq(*w, words[i].word))
                                target = words[i].target;
        }

        return target;
}

/* Who asks for one of these is at the console of the booted system, which does not come any further. */
static bool host_waits_for_person(const Boot *b) {
        const char *target = boot_target(b);

        return streq(target, RESCUE) || streq(target, EMERGENCY);
}

int order_after_boot_target(const Boot *b, const char *unit) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = asprintf_to(&path, "%s.d/60-boot-target.conf", unit);
        if (r < 0)
                return r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;

        unit_file_section(u, "Unit");
        unit_file_setting(u, "After", boot_target(b));
        return unit_file_write(u, b->unit_fd, path);
}

static int give_metadata_address(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        if (options_origin(b->options, OPTION_METADATA_IP) == ORIGIN_DEFAULT)
                return 0;
        r = unit_file_new(&u);
        if (r < 0)
                return r;
        r = drop_in_add_value(u, b->options, OPTION_METADATA_IP, "METADATA_IP", options_get_string(b->options, OPTION_METADATA_IP));
        if (r < 0)
                return r;
        return unit_file_write(u, b->unit_fd, "scaleway-booted@.service.d/" DROP_IN_NAME);
}

/* For the host's systemd: nothing but /run is common to both. A signal that is still under way at switch-root goes on after it
 * if the unit is known there; and "booted" is signalled when the boot target is reached, or if that takes so long that the
 * platform would take the server for dead. Where it was signalled before, that is found out by the program. The targets that
 * want the two are loaded in this initrd already, so the links mean nothing here. */
static int hand_over(const Boot *b) {
        static const char *const copied[] = { "scaleway-booted.timer", "scaleway-booted@.service", "scaleway-state@.service" };
        const char *target = boot_target(b);
        _cleanup_free_ char *path = NULL;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(copied); i++) {
                r = host_unit_copy(b, copied[i], "states will be signalled by the initrd alone");
                if (r < 0)
                        return r;
        }
        r = order_after_boot_target(b, "scaleway-booted@target.service");
        if (r < 0)
                return r;
        r = give_metadata_address(b);
        if (r < 0)
                return r;
        r = asprintf_to(&path, "%s.wants/scaleway-booted@target.service", target);
        if (r < 0)
                return r;
        r = unit_link(b->unit_fd, path, HANDED_OVER "/scaleway-booted@.service");
        if (r < 0)
                return r;
        return unit_link(b->unit_fd, "sysinit.target.wants/scaleway-booted.timer", HANDED_OVER "/scaleway-booted.timer");
}

/* Whether the time from the root to the switch may be longer than the platform waits. A second kernel need not be one that tells. */
static bool switch_may_take_long(const Boot *b) {
        return person_is_waited_for(b) || host_waits_for_person(b) || kexec_is_due(b) ||
               options_get_bool(b->options, OPTION_WAIT_SECONDARY_VOLUMES) ||
               (b->mode->installs && options_get_bool(b->options, OPTION_LIVE_GROW));
}

/* When "booted" is signalled by the initrd: at once where it takes a person's time until there is a root; when there is one, if
 * it may be long until the switch; else right before the switch, if nothing of the host would do it after. Conditions and
 * not dependencies: the isolate before the switch stops scaleway-root.target, and whatever requires it in any way would stop too,
 * with the signal still under way. The name is another than that of the drop-in for the template, which it would hide.
 * And how long it is tried. */
static int order_booted(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        bool after_root = switch_may_take_long(b);
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;

        unit_file_section(u, "Service");
        unit_file_environment(u, "STATE_TIMEOUT", BOOTED_TIMEOUT);
        /* The shell waits for it, and it for nothing. */
        if (pre_shell_waits(b))
                return unit_file_write(u, b->unit_fd, "scaleway-state@booted.service.d/60-root.conf");

        unit_file_section(u, "Unit");
        if (b->mode->person) {
                unit_file_setting(u, "After", "scaleway-state@kernel-started.service");
                return unit_file_write(u, b->unit_fd, "scaleway-state@booted.service.d/60-root.conf");
        }

        /* One is enough: an installation is due, a passphrase is asked for, or it is time. */
        if (b->mode->installs)
                unit_file_setting(u, "ConditionPathExists", "|/run/" RUN_INSTALL);
        if (b->mode->device)
                unit_file_setting(u, "ConditionPathExists", "|/run/" RUN_UNLOCK);
        if (after_root) {
                unit_file_setting(u, "ConditionPathIsMountPoint", "|/sysroot");
                unit_file_setting(u, "After", "scaleway-root.target");
        } else {
                unit_file_setting(u, "ConditionPathExists", "|/run/" RUN_NO_BOOT_TARGET);
                unit_file_setting(u, "After", "scaleway-switch.service");
                /* Until the program runs, not until the state has arrived. */
                unit_file_setting(u, "Before", "initrd-switch-root.target");
        }
        return unit_file_write(u, b->unit_fd, "scaleway-state@booted.service.d/60-root.conf");
}

/* The platform powers off a server that does not say "booted" in time. The unit's job waits for the root already: the new
 * one, which does not, is merged into it, and so the state is signalled now, and once. */
static int signal_before_installation(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;

        unit_file_section(u, "Service");
        unit_file_setting(u, "ExecStartPre",
                          "-systemctl --quiet --no-block --job-mode=ignore-dependencies start scaleway-state@booted.service");
        return unit_file_write(u, b->unit_fd, "scaleway-install.service.d/60-booted.conf");
}

/* The state is under way before the person can be; nothing waits until it has arrived. */
static int signal_before_pre_shell(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;

        unit_file_section(u, "Unit");
        unit_file_setting(u, "After", "scaleway-state@booted.service");
        return unit_file_write(u, b->unit_fd, "scaleway-pre-shell.service.d/" DROP_IN_NAME);
}

int state_units_write(const Boot *b) {
        static const char *const states[] = { "booted", "kernel-started" };
        bool early = pre_shell_waits(b);
        int r;

        if (!states_are_signalled(b))
                return 0;

        r = hand_over(b);
        if (r < 0)
                return r;
        r = order_booted(b);
        if (r < 0)
                return r;
        if (early)
                r = signal_before_pre_shell(b);
        else if (b->mode->installs)
                r = signal_before_installation(b);
        if (r < 0)
                return r;

        /* A shell before all else may take a person's time, so "booted" is said at once; after it the first state would be a step back. */
        for (size_t i = 0; i < (early ? 1 : ELEMENTSOF(states)); i++) {
                _cleanup_free_ char *path = NULL;

                r = asprintf_to(&path, "scaleway-boot.target.wants/scaleway-state@%s.service", states[i]);
                if (r < 0)
                        return r;
                r = unit_link(b->unit_fd, path, SHIPPED_UNITS "/scaleway-state@.service");
                if (r < 0)
                        return r;
        }

        return 0;
}
