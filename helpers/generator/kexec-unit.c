/* SPDX-License-Identifier: MIT */
/* KEXEC_KERNEL=: another kernel in place of the switch to the root. */

#include <errno.h>

#include "drop-in.h"
#include "kexec-unit.h"
#include "log.h"
#include "streamer.h"
#include "string-util.h"

#define UNIT "scaleway-kexec.service"
#define DOWNLOADS "/run/scaleway/kexec/"
/* The values stand in the environment of the unit: only there nothing of them can be taken for systemd's own syntax. */
#define DOWNLOAD(what, variable) \
        PKGLIBDIR "/scaleway-stream --file --sha256=${" variable "_SHA256} ${" variable "} " DOWNLOADS what

static const char *boot_file(const Boot *b, OptionId id) {
        const char *value = options_get_string(b->options, id);

        return value && !streq(value, "default") ? value : NULL;
}

static bool is_url(const char *value) {
        return value && value[0] != '/' && !streq(value, "latest");
}

/* Who gives a checksum wants no file that was not checked; and who wants an initrd, no kernel without one. */
static bool was_spoilt(const Boot *b) {
        static const OptionId ids[] = { OPTION_KEXEC_KERNEL_SHA256, OPTION_KEXEC_INITRD, OPTION_KEXEC_INITRD_SHA256 };
        const OptionProblem *problems;
        size_t n = options_problems(b->options, &problems);

        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < ELEMENTSOF(ids); j++)
                        if (problems[i].id == ids[j])
                                return true;

        return false;
}

static int write_drop_in(const Boot *b, bool signalled, bool kernel_is_url, bool initrd_is_url) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        r = drop_in_add_options(u, b->options, UNIT);
        if (r < 0)
                return r;
        if (signalled)
                unit_file_environment(u, "KEXEC_STATE", "booted");
        if (kernel_is_url)
                unit_file_setting(u, "ExecStartPre", DOWNLOAD("kernel", "KEXEC_KERNEL"));
        if (initrd_is_url)
                unit_file_setting(u, "ExecStartPre", DOWNLOAD("initrd", "KEXEC_INITRD"));

        return unit_file_write(u, b->unit_fd, UNIT ".d/" DROP_IN_NAME);
}

int kexec_write(const Boot *b, bool signalled) {
        const char *kernel = boot_file(b, OPTION_KEXEC_KERNEL), *initrd = boot_file(b, OPTION_KEXEC_INITRD);
        int r;

        if (!kernel || options_get_bool(b->options, OPTION_IS_IN_KEXEC))
                return 0;
        if (was_spoilt(b)) {
                log_warning("KEXEC_KERNEL= is passed over for what is wrong beside it, booting without kexec.");
                return 0;
        }
        if ((is_url(kernel) || is_url(initrd)) && !streamer_is_there()) {
                log_warning("KEXEC_KERNEL= by URL is not in this image, booting without kexec: take a path on the "
                            "root, or the "
                            "image that 'dracut --add scaleway' makes.");
                return 0;
        }

        r = write_drop_in(b, signalled, is_url(kernel), is_url(initrd));
        if (r < 0)
                return r;

        return unit_link(b->unit_fd, "scaleway-boot.target.wants/" UNIT, SHIPPED_UNITS "/" UNIT);
}
