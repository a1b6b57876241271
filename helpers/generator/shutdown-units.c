/* SPDX-License-Identifier: MIT */
#include "host-unit.h"
#include "shutdown-units.h"
#include "state-units.h"
#include "string-util.h"
#include "unit-file.h"

#define HOLD "scaleway-hold.service"

/* What is copied may be there already: of a root over NFS, and of volumes beside it. */
int shutdown_units_write(const Boot *b) {
        static const char *const copied[] = { "scaleway-shutdown@.service", "scaleway-shutdown@.socket",
                                             "scaleway-shutdown@.timer" };
        static const char *const verbs[] = { "halt", "kexec", "poweroff", "reboot" };
        int r;

        assert(b);

        for (size_t i = 0; i < ELEMENTSOF(copied); i++) {
                r = host_unit_copy(b, copied[i], "a shutdown that hangs because a server is gone may not end");
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                _cleanup_free_ char *path = NULL;

                r = asprintf_to(&path, "%s.target.wants/scaleway-shutdown@%s.socket", verbs[i], verbs[i]);
                if (r < 0)
                        return r;
                r = unit_link(b->unit_fd, path, HANDED_OVER "/scaleway-shutdown@.socket");
                if (r < 0)
                        return r;
        }

        return 0;
}

int shutdown_units_write_root(const Boot *b) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = shutdown_units_write(b);
        if (r < 0)
                return r;
        r = host_unit_copy(b, HOLD, "a shutdown long after the root was lost may not even begin");
        if (r < 0)
                return r;
        /* It reads what the boot has not; that is not to be in anybody's way. */
        r = order_after_boot_target(b, HOLD);
        if (r < 0)
                return r;
        r = asprintf_to(&path, "%s.wants/" HOLD, boot_target(b));
        if (r < 0)
                return r;

        return unit_link(b->unit_fd, path, HANDED_OVER "/" HOLD);
}
