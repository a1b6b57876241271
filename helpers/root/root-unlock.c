/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounds.h"
#include "fileio.h"
#include "log.h"
#include "notify.h"
#include "paths.h"
#include "root-command.h"
#include "root-device.h"
#include "root-luks.h"
#include "root-unlock.h"
#include "string-util.h"

#define UNIT "scaleway-unlock.service"
#define PLAIN_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/+-.:@_"

extern char **environ;

/* Tests put a program of their own in its place. */
static const char *unlock_program(void) {
        return secure_getenv("SCALEWAY_UNLOCK_COMMAND") ?: PKGLIBDIR "/scaleway-unlock";
}

/* The unit that waits for the person has no time limit, ours has one: as long as the other is under way it is not reached. */
static void keep_time(void) {
        int r;

        r = notify_send("EXTEND_TIMEOUT_USEC=90000000");
        if (r < 0)
                log_debug_errno(r, "Failed to ask for more time: %m");
}

static int write_request(const char *path, const char *name) {
        _cleanup_free_ char *file = NULL, *text = NULL;
        int r;

        r = run_path(RUN_UNLOCK_ENV, &file);
        if (r < 0)
                return r;
        r = asprintf_to(&text, "UNLOCK_DEVICE=%s\nUNLOCK_NAME=%s\n", path, name);
        if (r < 0)
                return r;

        return write_file_atomic(file, text, strlen(text), 0644);
}

/* As a unit of its own the question is seen in "systemctl list-jobs", and what else is due before it is that unit's affair. */
static int ask_by_unit(const char *path, const char *shown, const char *name) {
        const char *const argv[] = { systemctl_program(), "start", UNIT, NULL };
        _cleanup_free_ char *message = NULL;
        int r;

        r = write_request(path, name);
        if (r < 0)
                return log_error_errno(r, "Failed to write down what " UNIT " is to unlock: %m");

        log_debug("Leaving it to " UNIT " to unlock '%s'.", shown);
        r = root_command_person(argv, keep_time, &message);
        if (r < 0)
                return log_error_errno(r, "Failed to start " UNIT " for '%s': %m", shown);
        if (r > 1)
                return log_error_errno(ENOEXEC, "Failed to start " UNIT " for '%s': %s", shown, message);

        return r == 0 ? 0 : -EKEYREJECTED;
}

/* By hand: the question and what becomes of it are for this terminal, if it is one. */
static int ask_here(const char *path, const char *shown, const char *name) {
        const char *const argv[] = { unlock_program(), path, name, NULL };
        int r, status;
        pid_t pid;

        r = posix_spawn(&pid, argv[0], NULL, NULL, (char *const *) argv, environ);
        if (r != 0)
                return log_error_errno(r, "Failed to run '%s': %m", argv[0]);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return log_error_errno(errno, "Failed to wait for '%s': %m", argv[0]);

        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EKEYREJECTED;
}

/* A link may have been made of any bytes that are on a disk, and the unit reads a file in which some of them mean something. */
static int ask(const char *path, const char *shown, const char *name) {
        _cleanup_free_ char *real = NULL;

        if (path[strspn(path, PLAIN_CHARS)] != '\0') {
                real = realpath(path, NULL);
                if (!real)
                        return log_error_errno(errno, "Failed to find out where '%s' is: %m", shown);
                path = real;
        }

        return notify_is_possible() ? ask_by_unit(path, shown, name) : ask_here(path, shown, name);
}

int root_unlock(const char *path, const char *shown, const RootProbe *probe, const char *wanted, char **ret) {
        _cleanup_free_ char *name = NULL, *mapping = NULL;
        bool unlocked;
        int r;

        assert(path);
        assert(shown);
        assert(probe);
        assert(ret);

        /* Somebody was here before. */
        r = root_luks_mapping(path, &name);
        if (r < 0 && r != -ENOMEM)
                log_debug_errno(r, "Failed to find out if '%s' is unlocked already: %m", shown);
        unlocked = r > 0;
        if (!unlocked && r != -ENOMEM)
                r = root_luks_name(probe, wanted, &name);
        if (r < 0)
                return log_oom();

        if (!unlocked) {
                if (access(unlock_program(), X_OK) < 0)
                        return log_error_errno(errno,
                                               "'%s' is encrypted (LUKS), and this initrd cannot unlock it: take the one that "
                                               "'dracut --add scaleway' makes where systemd-cryptsetup is installed.",
                                               shown);
                r = ask(path, shown, name);
                if (r < 0)
                        return r;
        }

        r = asprintf_to(&mapping, "/dev/mapper/%s", name);
        if (r < 0)
                return log_oom();
        r = root_device_wait(mapping, now_usec() + ROOT_MAPPING_USEC);
        if (r < 0)
                return log_error_errno(r, "'%s' is unlocked, but '%s' did not appear.", shown, mapping);

        log_info("'%s' is unlocked%s, it is '%s' now.", shown, unlocked ? " already" : "", mapping);
        *ret = TAKE_PTR(mapping);
        return 0;
}
