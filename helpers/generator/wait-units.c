/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "console-shell.h"
#include "drop-in.h"
#include "log.h"
#include "shipped-program.h"
#include "ssh-keys.h"
#include "wait-units.h"

#define PRE_SHELL "scaleway-pre-shell.service"
#define POST_SHELL "scaleway-post-shell.service"
#define SSHD "scaleway-sshd.service"
#define CONTINUE "scaleway-continue.service"
#define WANT(b, unit) unit_link((b)->unit_fd, "scaleway-boot.target.wants/" unit, SHIPPED_UNITS "/" unit)

/* Who had it in the first kernel does not want it again. */
static bool pre_shell_is_due(const Boot *b) {
        return options_get_bool(b->options, OPTION_PRE_SHELL) && !options_get_bool(b->options, OPTION_IS_IN_KEXEC);
}

bool pre_shell_waits(const Boot *b) {
        return pre_shell_is_due(b) && !console_shell_is_locked();
}

static bool post_shell_waits(const Boot *b) {
        return options_get_bool(b->options, OPTION_POST_SHELL) && !console_shell_is_locked();
}

bool person_is_waited_for(const Boot *b) {
        return b->sshd || post_shell_waits(b);
}

int sshd_settle(Boot *b) {
        _cleanup_(ssh_keys_done) SshKeys k = {};
        int r;

        if (!options_get_bool(b->options, OPTION_DROPBEAR)) {
                if (options_origin(b->options, OPTION_DROPBEAR_TIMEOUT) != ORIGIN_DEFAULT)
                        log_warning("INITRD_DROPBEAR_TIMEOUT= does nothing without INITRD_DROPBEAR=1.");
                return 0;
        }
        if (!sshd_is_there()) {
                log_warning("INITRD_DROPBEAR=1 does nothing, there is no ssh server in this image: take the one that "
                            "'dracut --add scaleway' makes where dropbear-bin is installed.");
                return 0;
        }

        r = ssh_keys_collect(b->metadata, &k);
        if (r < 0)
                return r;
        for (size_t i = 0; i < k.n_problems; i++)
                log_warning("INITRD_DROPBEAR=1: %s.", k.problems[i]);
        if (k.n_keys == 0) {
                log_warning("INITRD_DROPBEAR=1 does nothing, as nobody could log in: neither the metadata nor a tag "
                            "AUTHORIZED_KEY= has a usable key.");
                return 0;
        }

        b->sshd = true;
        return 0;
}

/* The host key that the root keeps is there when the root is prepared, unless it is a person at this very server who mounts it. */
static int write_sshd(const Boot *b) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        if (!b->mode->person) {
                r = unit_file_new(&u);
                if (r < 0)
                        return r;
                unit_file_section(u, "Unit");
                unit_file_setting(u, "After", "scaleway-prepare.service");
                r = unit_file_write(u, b->unit_fd, SSHD ".d/" DROP_IN_NAME);
                if (r < 0)
                        return r;
        }

        return WANT(b, SSHD);
}

static int write_continue(const Boot *b) {
        const char *timeout = options_get_string(b->options, OPTION_DROPBEAR_TIMEOUT);
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        if (timeout) {
                r = unit_file_new(&u);
                if (r < 0)
                        return r;
                r = drop_in_add_value(u, b->options, OPTION_DROPBEAR_TIMEOUT, "DROPBEAR_TIMEOUT", timeout);
                if (r < 0)
                        return r;
                r = unit_file_write(u, b->unit_fd, CONTINUE ".d/" DROP_IN_NAME);
                if (r < 0)
                        return r;
        }

        return WANT(b, CONTINUE);
}

int wait_units_write(const Boot *b) {
        int r;

        if (pre_shell_is_due(b)) {
                r = WANT(b, PRE_SHELL);
                if (r < 0)
                        return r;
        }
        if (options_get_bool(b->options, OPTION_POST_SHELL)) {
                r = WANT(b, POST_SHELL);
                if (r < 0)
                        return r;
        }
        if (!b->sshd)
                return 0;
        r = write_sshd(b);
        if (r < 0)
                return r;

        /* One wait is enough. A shell on the console is left by continue-boot as well, and with boot=none it is what mounts the root. */
        if (!b->mode->person && !post_shell_waits(b))
                return write_continue(b);
        if (options_origin(b->options, OPTION_DROPBEAR_TIMEOUT) != ORIGIN_DEFAULT)
                log_warning("INITRD_DROPBEAR_TIMEOUT= does nothing %s.",
                            post_shell_waits(b) ? "with INITRD_POST_SHELL=1, whose shell is waited for" : "with boot=none");
        return 0;
}
