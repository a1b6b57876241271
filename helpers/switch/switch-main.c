/* SPDX-License-Identifier: MIT */
/* Runs from scaleway-switch.service, last of scaleway-boot.target: after the root is mounted on /sysroot, before
 * initrd-switch-root.service. It expects the value of init= as its argument, and leaves
 * /run/scaleway/switch-root.env, from which that service takes it, a word on who signals "booted", one to those who look after the volumes
 * of the root, and the footer on the console. What systemd
 * would refuse, and what would make the kernel panic, is found here, while there still is somebody to say so. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "alloc-util.h"
#include "bounds.h"
#include "chase.h"
#include "console-out.h"
#include "fd-util.h"
#include "fileio.h"
#include "log.h"
#include "main-func.h"
#include "nbd-control.h"
#include "nbd-script.h"
#include "paths.h"
#include "program-options.h"
#include "root-volumes.h"
#include "string-util.h"

#define ADVICE "set init= on the command line or as a server tag"

static const char *arg_init = NULL;

static const char usage[] = "scaleway-switch INIT\n\n"
                            "Checks that INIT can be started on the root file system and hands it over to\n"
                            "initrd-switch-root.service.";

static int parse_argv(int argc, char *argv[]) {
        int r;

        r = program_options_parse(argc, argv, usage, NULL, 0);
        if (r <= 0)
                return r;
        if (argc - optind != 1)
                return log_error_errno(EINVAL, "Give the path of one init, see --help.");

        arg_init = argv[optind];
        return 1;
}

/* initrd-switch-root.service splits $SCALEWAY_INIT at blanks and takes quotes and backslashes out of it. */
static bool can_be_handed_over(const char *s) {
        for (; *s; s++)
                if ((unsigned char) *s <= 0x20 || *s == 0x7f || strchr("\"'\\", *s))
                        return false;

        return true;
}

/* What keeps the file from being the first process, in words; NULL if nothing does. */
static const char *init_defect(int fd) {
        struct statvfs sv;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return "cannot be read";
        if (S_ISDIR(st.st_mode))
                return "is a directory";
        if (!S_ISREG(st.st_mode))
                return "is not a regular file";
        if ((st.st_mode & 0111) == 0)
                return "is not executable";
        if (st.st_size == 0)
                return "is an empty file";
        if (fstatvfs(fd, &sv) >= 0 && (sv.f_flag & ST_NOEXEC))
                return "lies on a file system that is mounted noexec";

        return NULL;
}

/* Whether both are the same file. */
static bool is_file(int fd, int root_fd, const char *path) {
        _cleanup_close_ int other = chase_in_root(root_fd, path);
        struct stat a, b;

        return other >= 0 && fstat(fd, &a) >= 0 && fstat(other, &b) >= 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* *ret: it is the image's systemd. What starts that only in the end, such as a script, is another init. */
static int check_init(int root_fd, const char *shown, bool *ret) {
        _cleanup_close_ int fd = -EBADF;
        const char *defect;

        if (arg_init[0] != '/')
                return log_error_errno(EINVAL, "init '%s' is not an absolute path; " ADVICE ".", shown);
        if (!can_be_handed_over(arg_init))
                return log_error_errno(EINVAL, "init '%s' contains blanks, quotes or control characters; " ADVICE ".",
                                       shown);

        fd = chase_in_root(root_fd, arg_init);
        if (fd == -ENOENT || fd == -ENOTDIR)
                return log_error_errno(fd, "init '%s' does not exist on the root file system; " ADVICE ".", shown);
        if (fd < 0)
                return log_error_errno(fd, "init '%s' cannot be opened on the root file system: %m; " ADVICE ".",
                                       shown);

        defect = init_defect(fd);
        if (defect)
                return log_error_errno(ENOEXEC, "init '%s' %s; " ADVICE ".", shown, defect);

        *ret = is_file(fd, root_fd, "/usr/lib/systemd/systemd") || is_file(fd, root_fd, "/lib/systemd/systemd");
        return 0;
}

/* systemd refuses to switch to a tree without this file, whatever its init is. */
static int check_os_release(int root_fd) {
        static const char *const paths[] = { "/etc/os-release", "/usr/lib/os-release" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_close_ int fd = chase_in_root(root_fd, paths[i]);

                if (fd >= 0)
                        return 0;
        }

        return log_error_errno(ENOENT,
                               "The root file system has neither /etc/os-release nor /usr/lib/os-release, systemd does "
                               "not switch to it; add the file to the image.");
}

/* In double quotes a backslash takes the meaning from the characters $ and `, systemd.exec(5); the others that
 * would need it are refused by can_be_handed_over(). */
static int environment_line(const char *init, char **ret) {
        _cleanup_free_ char *quoted = new(char, strlen(init) * 2 + 1);
        char *q = quoted;

        if (!quoted)
                return -ENOMEM;
        for (const char *p = init; *p; p++) {
                if (*p == '$' || *p == '`')
                        *q++ = '\\';
                *q++ = *p;
        }
        *q = '\0';

        return asprintf_to(ret, "SCALEWAY_INIT=\"%s\"\n", quoted);
}

/* The state "booted" is the host's to signal, by a unit of ours and a program that both lie in /run. If that will not be, a condition of
 * scaleway-state@booted.service has it signalled here. */
static void look_who_signals(bool systemd) {
        static const char *const needed[] = { "systemd/system/scaleway-booted@.service", RUN_HOST_SIGNAL_STATE };
        _cleanup_free_ char *marker = NULL;
        bool host = systemd;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(needed) && host; i++) {
                _cleanup_free_ char *path = NULL;

                host = run_path(needed[i], &path) >= 0 && access(path, F_OK) >= 0;
        }
        if (host)
                return;

        r = run_path(RUN_NO_BOOT_TARGET, &marker);
        if (r >= 0)
                r = write_file_atomic(marker, "", 0, 0644);
        if (r < 0)
                log_warning_errno(r, "Failed to have the state 'booted' signalled before the switch, ignoring: %m");
}

/* The generator knows of one volume that the root needs; that it is spread over several is known only now. Without a supervisor, as of a
 * volume that a person has attached, there is nobody to be told. */
static void tell_supervisors(int root_fd) {
        bool needed[NBD_INDEX_MAX + 1] = {};
        usec_t deadline = now_usec() + SWITCH_TELL_USEC;
        int r;

        r = root_volumes_find(root_fd, needed);
        if (r < 0)
                log_warning_errno(r, "Not all volumes that the root needs can be found out, ignoring: %m");
        for (unsigned i = 0; i <= NBD_INDEX_MAX; i++) {
                usec_t now = now_usec();

                if (!needed[i])
                        continue;
                r = nbd_control_ask(i, NBD_CONTROL_ROOT, now < deadline ? deadline - now : 0, NULL);
                if (r <= 0 && r != -ENOENT)
                        log_warning_errno(r < 0 ? r : EIO,
                                          "nbd%u: what looks after it does not take that the root needs it, ignoring: %m", i);
        }
}

static void warn_of_nbd_script(int root_fd) {
        _cleanup_free_ char *devices = NULL;
        int r;

        r = nbd_script_devices(root_fd, &devices);
        if (r < 0)
                log_debug_errno(r, "Cannot read /etc/nbdtab of the root, ignoring: %m");
        if (devices)
                log_warning("/etc/init.d/nbd-client of the root disconnects %s when the server goes down, while it is still needed: "
                            "take that out of /etc/nbdtab, this initrd attaches it.", devices);
}

static int hand_over(void) {
        _cleanup_free_ char *directory = NULL, *path = NULL, *line = NULL;
        int r;

        r = run_path("scaleway", &directory);
        if (r >= 0)
                r = run_path(RUN_SWITCH_ROOT_ENV, &path);
        if (r >= 0)
                r = environment_line(arg_init, &line);
        if (r >= 0)
                r = mkdir_p(directory);
        if (r >= 0)
                r = write_file_atomic(path, line, strlen(line), 0644);

        return r;
}

static int run(int argc, char *argv[]) {
        _cleanup_free_ char *shown = NULL;
        _cleanup_close_ int root_fd = -EBADF;
        bool systemd = false;
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        shown = printable(arg_init, 256);
        if (!shown)
                return log_oom();

        root_fd = open(sysroot_path(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return log_error_errno(errno, "Failed to open '%s', where the root should be mounted: %m",
                                       sysroot_path());

        r = check_init(root_fd, shown, &systemd);
        if (r < 0)
                return r;
        r = check_os_release(root_fd);
        if (r < 0)
                return r;

        r = hand_over();
        if (r < 0)
                return log_error_errno(r, "Failed to hand init '%s' over to initrd-switch-root.service: %m", shown);
        tell_supervisors(root_fd);
        look_who_signals(systemd);
        /* systemd does without that script: Debian masks it, and for nbd@.service there is a drop-in. */
        if (!systemd)
                warn_of_nbd_script(root_fd);

        /* The footer is for people: a console that is gone keeps no server from booting. */
        (void) fputs(">>> Switching to linux...\n"
                     "End of Scaleway' initrd\n"
                     "────────────────────────────────────────\n", stdout);
        r = console_flush(stdout);
        if (r < 0)
                log_warning_errno(r, "Failed to write to the console, ignoring: %m");

        return 0;
}

DEFINE_MAIN_FUNCTION(run)
