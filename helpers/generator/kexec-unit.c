/* SPDX-License-Identifier: MIT */
/* KEXEC_KERNEL=: another kernel in place of the switch to the root. */

#include <errno.h>

#include "drop-in.h"
#include "kexec-unit.h"
#include "log.h"
#include "shipped-program.h"
#include "state-units.h"
#include "string-util.h"

#define UNIT "scaleway-kexec.service"
#define DOWNLOADS "/run/scaleway/kexec/"
/* The values stand in the environment of the unit: only there nothing of them can be taken for systemd's own syntax. */
#define DOWNLOAD(what, variable) \
        PKGLIBDIR "/scaleway-stream --file --sha256=${" variable "_SHA256} env:" variable " " DOWNLOADS what

static const char *boot_file(const Boot *b, OptionId id) {
        const char *value = options_get_string(b->options, id);

        return value && !streq(value, "default") ? value : NULL;
}

static bool is_url(const char *value) {
        return value && value[0] != '/' && !streq(value, "latest");
}

/* Why KEXEC_KERNEL= is not obeyed, in words; NULL if it is. */
static const char *defect(const Boot *b, const char *kernel, const char *initrd) {
        const Options *o = b->options;

        /* Who gives a checksum wants no file that was not checked; and who wants an initrd, no kernel without one. */
        if (options_is_spoilt(o, OPTION_KEXEC_INITRD))
                return "without the initrd that was meant it would not boot";
        if (options_is_spoilt(o, OPTION_KEXEC_KERNEL_SHA256) || options_is_spoilt(o, OPTION_KEXEC_INITRD_SHA256))
                return "the checksum makes no sense";
        if ((options_get_string(o, OPTION_KEXEC_KERNEL_SHA256) && !is_url(kernel)) ||
            (options_get_string(o, OPTION_KEXEC_INITRD_SHA256) && !is_url(initrd)))
                return "a checksum is only for what comes from a URL";
        if (is_url(kernel) && initrd && streq(initrd, "latest"))
                return "KEXEC_INITRD=latest wants a kernel of the root, not one from a URL";
        if ((is_url(kernel) || is_url(initrd)) && !streamer_is_there())
                return "the lean image downloads nothing; take a path on the root, or the image that 'dracut --add scaleway' makes";
        if (b->mode->person)
                return "with boot=none it is done by hand";

        return NULL;
}

static int write_drop_in(const Boot *b, bool kernel_is_url, bool initrd_is_url) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        r = drop_in_add_options(u, b->options, UNIT);
        if (r < 0)
                return r;
        if (states_are_signalled(b))
                unit_file_environment(u, "KEXEC_STATE", "booted");
        if (kernel_is_url)
                unit_file_setting(u, "ExecStartPre", DOWNLOAD("kernel", "KEXEC_KERNEL"));
        if (initrd_is_url)
                unit_file_setting(u, "ExecStartPre", DOWNLOAD("initrd", "KEXEC_INITRD"));

        return unit_file_write(u, b->unit_fd, UNIT ".d/" DROP_IN_NAME);
}

bool kexec_is_due(const Boot *b) {
        const char *kernel = boot_file(b, OPTION_KEXEC_KERNEL);

        return kernel && !options_get_bool(b->options, OPTION_IS_IN_KEXEC) && !defect(b, kernel, boot_file(b, OPTION_KEXEC_INITRD));
}

int kexec_write(const Boot *b) {
        const char *kernel = boot_file(b, OPTION_KEXEC_KERNEL), *initrd = boot_file(b, OPTION_KEXEC_INITRD), *reason;
        int r;

        if (!kernel) {
                if (initrd)
                        log_warning("KEXEC_INITRD= does nothing without KEXEC_KERNEL=.");
                return 0;
        }
        if (options_get_bool(b->options, OPTION_IS_IN_KEXEC))
                return 0;
        reason = defect(b, kernel, initrd);
        if (reason) {
                log_warning("KEXEC_KERNEL= is passed over, booting without kexec: %s.", reason);
                return 0;
        }

        r = write_drop_in(b, is_url(kernel), is_url(initrd));
        if (r < 0)
                return r;

        return unit_link(b->unit_fd, "scaleway-boot.target.wants/" UNIT, SHIPPED_UNITS "/" UNIT);
}
