/* SPDX-License-Identifier: MIT */
/* Runs from scaleway-fetch-modules.service, after the root is mounted on /sysroot and before scaleway-switch.service, if the root
 * has no modules for the kernel that runs. It has scaleway-stream unpack an archive of them into a folder beside their place, and
 * moves them there when all of them have come. Most roots do without, so nothing of this is worth a boot: whatever fails costs
 * one warning, and leaves nothing behind. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "alloc-util.h"
#include "bounds.h"
#include "fd-util.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "mask.h"
#include "paths.h"
#include "root-command.h"
#include "root-file.h"
#include "string-util.h"
#include "tree-dir.h"

#define MODULES "/lib/modules"
/* depmod(8) and kernel packages look at folders that a shell's * finds, so not at this one. */
#define TEMPORARY ".scaleway-fetch-modules"

static const char *arg_mirror = NULL;
static const char *arg_sha256 = "";

static const char usage[] = "scaleway-fetch-modules [OPTION…] MIRROR\n\n"
                            "Fetches MIRROR/kernel/MACHINE/RELEASE/modules.tar for the root file system on /sysroot, if it has no\n"
                            "modules for the kernel that runs.";

static int parse_argv(int argc, char *argv[]) {
        const ProgramOption options[] = {
                { "sha256", "HEX", take_string, &arg_sha256,
                  "Checksum of the archive" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;
        if (argc - optind != 1)
                return log_error_errno(EINVAL, "Expected the URL of a mirror, see --help.");

        arg_mirror = argument_value(argv[optind]);
        return 1;
}

/* The folder of the root that has modules of all kernels. Returns its descriptor, or a negative errno. */
static int open_modules(int root_fd) {
        _cleanup_close_ int lib_fd = -EBADF;
        int fd;

        fd = root_directory_open(root_fd, MODULES);
        if (fd != -ENOENT)
                return fd;

        lib_fd = root_directory_open(root_fd, "/lib");
        if (lib_fd < 0)
                return lib_fd;
        if (mkdirat(lib_fd, "modules", 0755) < 0)
                return -errno;
        if (fsync(lib_fd) < 0)
                return -errno;

        return root_directory_open(root_fd, MODULES);
}

/* What is under the temporary name: a folder that a boot has left which was interrupted, or whatever the image has there. */
static int remove_temporary(int modules_fd) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (unlinkat(modules_fd, TEMPORARY, 0) >= 0 || errno == ENOENT)
                return 0;
        fd = tree_open_dir(modules_fd, TEMPORARY, /* create= */ false);
        if (fd < 0)
                return fd;
        r = tree_empty(fd);
        if (r < 0)
                return r;

        return unlinkat(modules_fd, TEMPORARY, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* Returns the descriptor of the empty folder. */
static int make_temporary(int modules_fd) {
        int r;

        r = remove_temporary(modules_fd);
        if (r < 0)
                return r;
        if (mkdirat(modules_fd, TEMPORARY, 0700) < 0)
                return -errno;

        return tree_open_dir(modules_fd, TEMPORARY, /* create= */ false);
}

/* Unpacks into the working directory: the one name by which the streamer, a process of its own, can reach a folder whose path
 * leads through links of the root. Returns 0, or a negative errno and why in *ret_message. */
static int download(const char *url, char **ret_message) {
        const char *seam = secure_getenv("SCALEWAY_STREAM");
        _cleanup_free_ char *output = NULL, *sha256 = NULL;
        int r;

        r = asprintf_to(&sha256, "--sha256=%s", arg_sha256);
        if (r < 0)
                return r;

        const char *const argv[] = {
                isempty(seam) ? PKGLIBDIR "/scaleway-stream" : seam,
                "--timeout=" MODULES_TIMEOUT,
                "--progress=0",
                "--max-entries=" MODULES_ENTRIES_MAX,
                sha256,
                url,
                ".",
                NULL,
        };
        /* What it says comes to us and not to the journal, so its arguments do not go there either. */
        r = root_command(argv, now_usec() + MODULES_DEADLINE, &output, ret_message);
        return r > 0 ? -EPROTO : r;
}

/* What came must be modules of this very kernel. Returns the descriptor of the folder that they lie in, which is called like the
 * kernel, or a negative errno. */
static int check(int temporary_fd, const char *release) {
        _cleanup_close_ int parent_fd = -EBADF, fd = -EBADF;
        struct stat st;

        parent_fd = tree_open_dir(temporary_fd, "modules", /* create= */ false);
        if (parent_fd < 0)
                return parent_fd;
        fd = openat(parent_fd, release, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstatat(fd, "modules.dep", &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size == 0)
                return -EINVAL;

        return TAKE_FD(parent_fd);
}

/* Everything is on the disk before it gets its name: the name is what says that it is complete. */
static int move(int modules_fd, int parent_fd, const char *release) {
        if (syncfs(modules_fd) < 0)
                return -errno;
        if (renameat(parent_fd, release, modules_fd, release) < 0)
                return -errno;

        return fsync(modules_fd) < 0 ? -errno : 0;
}

static int fetch(int modules_fd, const char *url, const char *release) {
        _cleanup_close_ int temporary_fd = -EBADF, parent_fd = -EBADF;
        _cleanup_free_ char *message = NULL, *shown = NULL;
        int r;

        r = mask_word(url, &shown);
        if (r < 0)
                return log_oom();
        log_info("The root has no modules for the kernel %s, fetching them from %s.", release, shown);

        if (isempty(arg_sha256) && !startswith(url, "https://"))
                log_notice("They come with neither https nor a checksum: nobody knows whose they are.");

        temporary_fd = make_temporary(modules_fd);
        if (temporary_fd < 0)
                return log_warning_errno(temporary_fd, "Failed to make the folder '%s' for kernel modules, going on without: %m",
                                         MODULES "/" TEMPORARY);
        if (fchdir(temporary_fd) < 0)
                return log_warning_errno(errno, "Failed to enter the folder for kernel modules, going on without: %m");
        r = download(url, &message);
        if (r < 0)
                return isempty(message) ? log_warning_errno(r, "Failed to fetch the kernel modules, going on without: %m") :
                                          log_warning_errno(r, "Failed to fetch the kernel modules, going on without: %s", message);
        parent_fd = check(temporary_fd, release);
        if (parent_fd < 0)
                return log_warning_errno(parent_fd, "There is no modules/%s/modules.dep in what came, going on without: %m", release);
        /* Whoever made the archive: a user of the root who owned a module could put another one in its place. */
        r = tree_own(parent_fd);
        if (r < 0)
                return log_warning_errno(r, "Failed to give the kernel modules to root, going on without: %m");
        r = move(modules_fd, parent_fd, release);
        if (r < 0)
                return log_warning_errno(r, "Failed to move the kernel modules to their place, going on without: %m");

        log_info("Fetched the kernel modules.");
        return 0;
}

static int prepare(const struct utsname *kernel) {
        _cleanup_close_ int root_fd = -EBADF, modules_fd = -EBADF;
        _cleanup_free_ char *url = NULL;
        struct stat st;
        size_t n;
        int r;

        root_fd = open(sysroot_path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return log_error_errno(errno, "Failed to open '%s', where the root should be mounted: %m", sysroot_path());
        if (root_is_read_only(root_fd)) {
                log_warning("The root is mounted read-only, fetching no kernel modules.");
                return 0;
        }

        modules_fd = open_modules(root_fd);
        if (modules_fd < 0) {
                log_warning_errno(modules_fd, "Failed to open " MODULES " of the root, fetching no kernel modules: %m");
                return 0;
        }
        if (fstatat(modules_fd, kernel->release, &st, AT_SYMLINK_NOFOLLOW) >= 0)
                return 0;

        n = strlen(arg_mirror);
        while (n > 0 && arg_mirror[n - 1] == '/')
                n--;
        r = asprintf_to(&url, "%.*s/kernel/%s/%s/modules.tar", (int) n, arg_mirror, kernel->machine, kernel->release);
        if (r < 0)
                return log_oom();

        /* It has said what is wrong. */
        (void) fetch(modules_fd, url, kernel->release);
        r = remove_temporary(modules_fd);
        if (r < 0)
                log_warning_errno(r, "Failed to remove '" MODULES "/" TEMPORARY "' of the root, ignoring: %m");
        return 0;
}

static int run(int argc, char *argv[]) {
        struct utsname kernel;
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        if (uname(&kernel) < 0)
                return log_error_errno(errno, "Failed to ask for the kernel's release: %m");
        /* No kernel is called so, but it becomes a path. */
        if (isempty(kernel.release) || kernel.release[0] == '.' || strchr(kernel.release, '/'))
                return log_error_errno(EINVAL, "The kernel's release makes no name of a folder.");

        return prepare(&kernel);
}

DEFINE_MAIN_FUNCTION(run)
