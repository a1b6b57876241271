/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>

#include "boot.h"
#include "bounds.h"
#include "drop-in.h"
#include "fd-util.h"
#include "fetch-modules-unit.h"
#include "fileio.h"
#include "kexec-unit.h"
#include "log.h"
#include "mode.h"
#include "modules.h"
#include "nbd-units.h"
#include "network-unit.h"
#include "paths.h"
#include "phase-boot.h"
#include "proc-cmdline.h"
#include "state-units.h"
#include "step-units.h"
#include "string-util.h"
#include "wait-units.h"

#define UDEV_RULES "61-scaleway-nbd.rules"

static void boot_done(Boot *b) {
        words_free(b->cmdline);
        metadata_free(b->metadata);
        options_free(b->options);
        root_spec_done(&b->root);
        safe_close(b->unit_fd);
}

/* The address that answered scw-metadata, NULL if none did. */
static int read_metadata_address(char **ret) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        struct in6_addr ignored;
        int r;

        *ret = NULL;

        r = run_path(RUN_METADATA_ADDRESS, &path);
        if (r < 0)
                return r;
        if (read_file(path, 256, &text, NULL) < 0)
                return 0;

        text[strcspn(text, "\n")] = '\0';
        if (inet_pton(AF_INET, text, &ignored) == 1 || inet_pton(AF_INET6, text, &ignored) == 1)
                *ret = TAKE_PTR(text);
        return 0;
}

static int load(Boot *b) {
        _cleanup_free_ char *address = NULL;
        int r;

        r = proc_cmdline_words(&b->cmdline);
        if (r == -ENOMEM)
                return log_oom();
        if (r < 0) {
                log_warning_errno(r, "Cannot read the kernel command line, going on without it: %m");
                b->cmdline = new0(char *, 1);
                if (!b->cmdline)
                        return log_oom();
        }

        /* scw-metadata has told why if there are none. */
        r = metadata_load(&b->metadata);
        if (r < 0 && r != -ENOENT)
                log_warning_errno(r, "Cannot use the cached metadata, booting from the command line alone: %m");

        r = read_metadata_address(&address);
        if (r < 0)
                return log_oom();
        r = options_load(b->cmdline, b->metadata, address, &b->options);
        if (r < 0)
                return log_oom();
        warn_about_problems(b->options, /* early= */ false);

        /* A document that was left behind counts for nothing then, its volumes no more than its tags. */
        if (options_get_bool(b->options, OPTION_NO_METADATA)) {
                metadata_free(b->metadata);
                b->metadata = NULL;
        }

        return 0;
}

static int write_state_file(const char *name, const char *text, mode_t mode) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = run_path(name, &path);
        if (r < 0)
                return r;

        return write_file_atomic(path, text, strlen(text), mode);
}

/* What the failure path is to do. */
static int write_emergency_env(const Boot *b) {
        _cleanup_free_ char *sshd = NULL, *text = NULL;
        int r;

        if (b->sshd) {
                r = asprintf_to(&sshd, "SCALEWAY_SSHD=yes\nSCALEWAY_SSHD_TIMEOUT=%s\n",
                                options_get_string(b->options, OPTION_DROPBEAR_TIMEOUT) ?: "");
                if (r < 0)
                        return r;
        }
        r = asprintf_to(&text, "%s=%s\nSCALEWAY_FAILURE_STATE=%s\nMETADATA_IP=%s\n%s", option_table[OPTION_FAILURE].variable,
                        options_get_string(b->options, OPTION_FAILURE), failure_is_signalled(b) ? "yes" : "no",
                        options_get_string(b->options, OPTION_METADATA_IP) ?: "", sshd ?: "");
        if (r < 0)
                return r;

        return write_state_file(RUN_EMERGENCY_ENV, text, 0644);
}

/* What options are in force, for people. Values are whole, passwords of URLs included, and the host has users that are not root. */
static int write_options_json(const Boot *b) {
        _cleanup_free_ char *json = NULL;
        int r;

        r = options_to_json(b->options, &json);
        return r < 0 ? r : write_state_file(RUN_OPTIONS_JSON, json, 0600);
}

/* Nothing of this is worth a boot. */
static void write_state_files(const Boot *b) {
        _cleanup_free_ char *directory = NULL;
        int r;

        r = run_path("scaleway", &directory);
        if (r >= 0)
                r = mkdir_p(directory);
        if (r >= 0)
                r = write_emergency_env(b);
        if (r >= 0)
                r = write_options_json(b);
        /* Images synchronise their kernel modules if it is there. */
        if (r >= 0)
                r = write_state_file(RUN_REMOTE_BOOT, "", 0644);
        if (r < 0)
                log_warning_errno(r, "Cannot write below '%s', going on without: %m", directory ?: "/run/scaleway");
}

/* The host's udev goes through all devices again, and would take away the names that its rules do not give. */
static int copy_udev_rules(void) {
        const char *seam = secure_getenv("SCALEWAY_UDEV_DIR");
        _cleanup_free_ char *from = NULL, *text = NULL, *directory = NULL, *to = NULL;
        int r;

        r = asprintf_to(&from, "%s/" UDEV_RULES, seam ?: "/usr/lib/udev/rules.d");
        if (r < 0)
                return r;
        r = run_path("udev/rules.d", &directory);
        if (r < 0)
                return r;
        r = asprintf_to(&to, "%s/" UDEV_RULES, directory);
        if (r < 0)
                return r;

        r = read_file(from, UNIT_SIZE_MAX, &text, NULL);
        if (r >= 0)
                r = mkdir_p(directory);
        if (r >= 0)
                r = write_file_atomic(to, text, strlen(text), 0644);
        if (r < 0)
                log_warning_errno(r, "Cannot copy '%s', the host will have no names by volume id: %m", from);
        return r == -ENOMEM ? r : 0;
}

/* Which other volumes there are decides what becomes of the NICs. */
static int write_volumes(const Boot *b) {
        bool others;
        int r;

        r = nbd_write_others(b);
        if (r < 0)
                return r;
        others = r > 0;
        if (others || b->root.nbd >= 0) {
                r = nbd_guard_attached(b);
                if (r < 0)
                        return r;
        }
        r = network_write(b, others);
        if (r < 0)
                return r;

        return copy_udev_rules();
}

static int write_units(const Boot *b) {
        static const char *const units[] = { "scaleway-state@.service", "scaleway-switch.service" };
        static int (*const steps[])(const Boot *) = {
                state_units_write, clock_write,   gpio_write,    prepare_write,    fetch_modules_write,
                kexec_write,       write_volumes, modules_write, wait_units_write,
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                r = drop_in_write_options(b->options, units[i], b->unit_fd, DROP_IN_NAME);
                if (r < 0)
                        return r;
        }
        /* A name of its own, which is read after that of the first phase: the same name would hide one of the two,
         * and in the directory of one unit the drop-in for all of them. */
        if (options_origin(b->options, OPTION_INITRD_VERBOSE) == ORIGIN_TAG ||
            options_origin(b->options, OPTION_INITRD_DEBUG) == ORIGIN_TAG) {
                r = drop_in_write_log_level(b->options, b->unit_fd, "45-scaleway-log-level.conf");
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                r = steps[i](b);
                if (r < 0)
                        return r;
        }

        if (options_get_bool(b->options, OPTION_LIVE_GROW) && !b->mode->installs)
                log_warning("live_grow=1 does nothing without boot=live.");
        return b->mode->write(b);
}

int phase_boot(void) {
        _cleanup_(boot_done) Boot b = { .root = { .nbd = -1 }, .unit_fd = -EBADF };
        _cleanup_free_ char *path = NULL, *reason = NULL, *shown = NULL;
        int r, failed;

        r = load(&b);
        if (r < 0)
                return r;
        r = boot_mode_settle(b.options, &b.mode);
        if (r < 0)
                return log_oom();
        r = sshd_settle(&b);
        if (r < 0)
                return log_oom();
        failed = b.mode->device ? root_spec_settle(b.options, b.metadata, &b.root, &reason) : 0;
        if (failed == -ENOMEM)
                return log_oom();

        /* Also if there is no root: what the failure path is to do stands there. */
        write_state_files(&b);
        if (b.mode->device && streq_ptr(b.root.device, ROOT_NFS))
                return log_error_errno(EINVAL,
                                       "root=" ROOT_NFS " is for boot=nfs, but boot=%s is set (%s): remove one of "
                                       "the two.",
                                       b.mode->name, origin_to_string(options_origin(b.options, OPTION_BOOT)));
        if (failed < 0) {
                shown = printable(options_get_string(b.options, OPTION_ROOT), 200);
                return log_error_errno(failed, "No NBD server is known for root=%s: %s.", shown ?: "?", reason ?: "?");
        }

        r = run_path("systemd/system", &path);
        if (r < 0)
                return log_oom();
        b.unit_fd = unit_dir_open(path);
        if (b.unit_fd < 0)
                return log_error_errno(b.unit_fd, "Cannot open '%s': %m", path);
        r = write_units(&b);
        if (r == -EINVAL)
                return r; /* said already */
        if (r < 0)
                return log_error_errno(r, "Cannot write the units of the boot below '%s': %m", path);

        return 0;
}
