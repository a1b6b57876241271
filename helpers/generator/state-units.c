/* SPDX-License-Identifier: MIT */
/* The units that tell the control plane how far the boot is. */

#include "drop-in.h"
#include "host-unit.h"
#include "log.h"
#include "paths.h"
#include "state-units.h"
#include "string-util.h"
#include "wait-units.h"

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

/* "booted" is said when there is a root to switch to. A condition and not a dependency: the isolate before the switch stops
 * scaleway-root.target, and whatever requires it in any way would stop too, with the signal still under way. The name is
 * another than that of the drop-in for the template, which it would hide. Where that may take a person's time it is said at
 * once: the platform powers a server off that does not come up. */
static int order_booted(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;

        unit_file_section(u, "Unit");
        if (b->mode->person)
                unit_file_setting(u, "After", "scaleway-state@kernel-started.service");
        else {
                /* One is enough: an installation is due, a passphrase is asked for, or there is the root. */
                if (b->mode->installs)
                        unit_file_setting(u, "ConditionPathExists", "|/run/" RUN_INSTALL);
                if (b->mode->device)
                        unit_file_setting(u, "ConditionPathExists", "|/run/" RUN_UNLOCK);
                unit_file_setting(u, "ConditionPathIsMountPoint", b->mode->device ? "|/sysroot" : "/sysroot");
                unit_file_setting(u, "After", "scaleway-root.target");
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

        /* A signal that is still under way at switch-root goes on after it. */
        r = host_unit_copy(b, "scaleway-state@.service", "a late state signal will end at switch-root");
        if (r < 0)
                return r;
        r = early ? signal_before_pre_shell(b) : order_booted(b);
        if (r < 0)
                return r;
        if (!early && b->mode->installs) {
                r = signal_before_installation(b);
                if (r < 0)
                        return r;
        }

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
