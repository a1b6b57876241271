/* SPDX-License-Identifier: MIT */
/* Has a person unlock the encrypted root.
 *
 * Runs from scaleway-unlock.service, which scaleway-root starts when it meets LUKS on its way to the root, and leaves the mapping
 * /dev/mapper/NAME. systemd-cryptsetup does the work. It asks by systemd's password agents, so whoever answers first, at the console or
 * logged in by ssh, has the boot go on. A try is one run of it: so the tries are counted here, where the console sees it, and a wrong
 * passphrase is nowhere kept. There is no limit to the time that a person takes. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "boot-step.h"
#include "bounds.h"
#include "fileio.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "parse-util.h"
#include "paths.h"
#include "root-command.h"
#include "string-util.h"
#include "time-util.h"

#define AGENT "systemd-tty-ask-password-agent"

static unsigned arg_tries = 3;
static const char *arg_start[UNLOCK_STARTS_MAX];
static size_t arg_n_start = 0;
static bool arg_boot = false;
static const char *arg_device = NULL;
static const char *arg_name = NULL;

static const char usage[] = "scaleway-unlock [OPTION...] DEVICE NAME\n\n"
                            "Ask for the passphrase of the LUKS volume DEVICE and make /dev/mapper/NAME of it.";

static int parse_tries(const char *name, const char *value, void *target) {
        (void) target;
        if (parse_unsigned(value, &arg_tries) < 0 || arg_tries == 0 || arg_tries > UNLOCK_TRIES_MAX)
                return log_error_errno(EINVAL, "--%s= takes a number from 1 to %u.", name, UNLOCK_TRIES_MAX);

        return 0;
}

static int parse_start(const char *name, const char *value, void *target) {
        (void) target;
        if (arg_n_start >= UNLOCK_STARTS_MAX)
                return log_error_errno(E2BIG, "Too many --%s=.", name);

        arg_start[arg_n_start++] = value;
        return 0;
}

static int parse_argv(int argc, char *argv[]) {
        const ProgramOption options[] = {
                { "boot", NULL, take_flag, &arg_boot,
                  "The boot waits for it: tell who logs in, and say that\n"
                  "it goes on" },
                { "tries", "N", parse_tries, NULL,
                  "Give up after so many passphrases, default 3" },
                { "start", "UNIT", parse_start, NULL,
                  "If this unit is part of the boot, start it before, whatever\n"
                  "it waits for" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;
        if (argc - optind != 2)
                return log_error_errno(EINVAL, "Expected a device and a name, see --help.");

        arg_device = argv[optind];
        arg_name = argv[optind + 1];
        return 1;
}

/* Tests put a program of their own in its place. */
static const char *cryptsetup_program(void) {
        return secure_getenv("SCALEWAY_CRYPTSETUP_COMMAND") ?: "/usr/lib/systemd/systemd-cryptsetup";
}

/* The second phase of the generator has the target of the boot want it. */
static bool is_part_of_the_boot(const char *unit) {
        _cleanup_free_ char *below = NULL, *path = NULL;

        return asprintf_to(&below, "systemd/system/scaleway-boot.target.wants/%s", unit) >= 0 && run_path(below, &path) >= 0 &&
               faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

/* What must not wait for a person: the signal without which the platform powers the server off, the sshd through which the person comes.
 * Their jobs wait for the root already: the new one, which does not, is merged into it. */
static void start_unit(const char *unit) {
        const char *const argv[] = {
                systemctl_program(), "--quiet", "--no-block", "--job-mode=ignore-dependencies", "start", unit, NULL,
        };
        _cleanup_free_ char *output = NULL, *message = NULL;
        int r;

        if (!is_part_of_the_boot(unit))
                return;

        r = root_command(argv, now_usec() + UNLOCK_START_USEC, &output, &message);
        if (r < 0)
                log_warning_errno(r, "Failed to start %s before the passphrase is asked for, ignoring: %m", unit);
        else if (r > 0)
                log_warning("Failed to start %s before the passphrase is asked for, ignoring: %s", unit, message);
}

/* Says what the person is to know before the next try. Returns 0, or -ENOMEM for a failure that another passphrase does not mend. */
static int judge(int r, const char *message, unsigned n) {
        /* argon2 takes as much memory as whoever made the volume had: without it, the kernel may also end the program. */
        if (r == -EPROTO || strstr(message, "annot allocate memory") || strstr(message, "available memory"))
                return log_error_errno(ENOMEM,
                                       "There is not enough memory to try the passphrase of '%s': its key slot wants more than this "
                                       "server has, see --pbkdf-memory in cryptsetup(8).",
                                       arg_device);

        if (r < 0)
                log_warning_errno(r, "Passphrase %u of %u was not tried: %m", n, arg_tries);
        else if (strstr(message, "Too many attempts"))
                log_warning("Passphrase %u of %u was wrong.", n, arg_tries);
        else if (strstr(message, "Failed to query password"))
                log_warning("Passphrase %u of %u was not given.", n, arg_tries);
        else
                log_warning("Passphrase %u of %u did not unlock it: %s", n, arg_tries, isempty(message) ? "no reason given" : message);
        return 0;
}

/* One question. password-cache: a passphrase stays neither in the kernel's keyring, for the next try to be wrong with, nor anywhere else.
 * password-echo: the console is recorded, and shows not even how long it is. Returns 0; 1 if it was a try that failed. */
static int try(unsigned n) {
        const char *const argv[] = {
                cryptsetup_program(), "attach", arg_name, arg_device, "-", "luks,tries=1,password-cache=no,password-echo=no", NULL,
        };
        _cleanup_free_ char *message = NULL;
        usec_t begin = now_usec();
        int r;

        r = root_command_person(argv, /* on_wait= */ NULL, &message);
        if (r == 0)
                return 0;
        if (r == -ENOENT)
                return log_error_errno(r,
                                       "'%s' is encrypted (LUKS), and this initrd has no systemd-cryptsetup: install that where the "
                                       "initrd is built.",
                                       arg_device);
        if (!message)
                return log_error_errno(r, "Failed to run '%s': %m", argv[0]);

        r = judge(r, message, n);
        if (r < 0)
                return r;
        if (now_usec() - begin < UNLOCK_PAUSE_USEC)
                sleep_usec(UNLOCK_PAUSE_USEC);
        return 1;
}

/* Who has typed the passphrase need not be waited for any more. */
static void write_down(void) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        int r;

        r = run_path(RUN_UNLOCKED, &path);
        if (r >= 0)
                r = asprintf_to(&text, "%s\n", arg_name);
        if (r >= 0)
                r = write_file_atomic(path, text, strlen(text), 0644);
        if (r < 0)
                log_warning_errno(r, "Failed to write down that '%s' is unlocked, ignoring: %m", arg_device);
}

/* For who logs in. Not if a person has called us: then the boot waits at another step, boot=none for one, and that is what is shown. */
static void show_step(void) {
        _cleanup_free_ char *text = NULL;

        if (asprintf_to(&text, "'%s' is encrypted, and the boot waits for its passphrase: type '" AGENT "'.", arg_device) >= 0)
                boot_step_show("unlock", text);
}

static int ask(void) {
        int r;

        log_notice("'%s' is encrypted. Type its passphrase here, or log in and call '" AGENT "'.", arg_device);
        for (unsigned n = 1; n <= arg_tries; n++) {
                r = try(n);
                if (r <= 0)
                        return r;
        }

        return log_error_errno(EKEYREJECTED, "'%s' is encrypted, and %u passphrase%s did not unlock it.", arg_device, arg_tries,
                               arg_tries == 1 ? "" : "s");
}

static int run(int argc, char *argv[]) {
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        /* First: who comes by the sshd that is started now is told. */
        if (arg_boot)
                show_step();
        for (size_t i = 0; i < arg_n_start; i++)
                start_unit(arg_start[i]);
        r = ask();
        if (arg_boot)
                boot_step_hide();
        if (r < 0)
                return r;

        write_down();
        log_notice("'%s' is unlocked%s.", arg_device, arg_boot ? ", the boot goes on" : "");
        return 0;
}

DEFINE_MAIN_FUNCTION(run)
