/* SPDX-License-Identifier: MIT */
/* rows: C6 */
/* The input is a command line, and after its first NUL the metadata as they came. Whatever it is, systemd finds only what the generator
 * meant to write. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "fileio.h"
#include "fuzz.h"
#include "log.h"
#include "phase-boot.h"
#include "phase-early.h"
#include "scratch.h"
#include "string-util.h"
#include "unit-file.h"

#define FILE_MAX (1U << 20)
#define SIZE_TESTED_MAX 32768U

/* "NAME=VALUE", where quotes and backslashes of the value are escaped, and then nothing more. */
static void check_quoted(const char *p) {
        for (; *p != '"'; p++) {
                require(*p != '\0');
                if (*p == '\\')
                        require(*++p == '\\' || *p == '"');
                else if (*p == '%')
                        require(*++p == '%');
        }
        require(p[1] == '\0');
}

static void check_line(const char *line) {
        const char *value;

        for (const char *p = line; *p; p++)
                require((unsigned char) *p >= 0x20 && *p != 0x7f);
        if (line[0] == '#' || line[0] == '\0')
                return;
        if (line[0] == '[') {
                require(endswith(line, "]"));
                return;
        }
        /* A continuation; only units that are copied have some. */
        if (line[0] == ' ')
                return;

        require(line[0] >= 'A' && line[0] <= 'Z' && line[strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")] == '=');
        value = startswith(line, "Environment=\"");
        if (value)
                check_quoted(value);
}

static void check_file(int dir_fd, const char *name) {
        _cleanup_free_ char *text = NULL;
        char *rest, *line;

        require(read_file_at(dir_fd, name, FILE_MAX, &text, NULL) >= 0);
        rest = text;
        while ((line = strsep(&rest, "\n")))
                check_line(line);
}

static void check_link(int dir_fd, const char *name) {
        char target[4096];
        ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);

        require(n > 0);
        target[n] = '\0';
        require(streq(target, "/dev/null") ||
                ((startswith(target, "/usr/lib/systemd/system/scaleway-") || startswith(target, "/run/systemd/system/scaleway-")) &&
                 !strstr(target, "/.")));
}

static void check_directory(int dir_fd, unsigned depth) {
        _cleanup_(closedirp) DIR *d = fdopendir(dir_fd);
        struct dirent *e;

        require(d && depth < 8);
        while ((e = readdir(d))) {
                struct stat st;

                if (streq(e->d_name, ".") || streq(e->d_name, ".."))
                        continue;
                require(fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) >= 0);
                if (S_ISDIR(st.st_mode))
                        check_directory(openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), depth + 1);
                else if (S_ISLNK(st.st_mode))
                        check_link(dirfd(d), e->d_name);
                else if (!startswith(e->d_name, "metadata") && !endswith(e->d_name, ".json"))
                        check_file(dirfd(d), e->d_name);
        }
}

static void check(const char *path) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd >= 0)
                check_directory(fd, 0);
}

static void put(const char *path, const void *data, size_t size) {
        FILE *f = fopen(path, "we");

        require(f && (size == 0 || fwrite(data, 1, size, f) == size) && fclose(f) == 0);
}

static char *below(const char *directory, const char *name) {
        char *path;

        require(asprintf_to(&path, "%s/%s", directory, name) >= 0);
        return path;
}

static void set_up(const char *run) {
        /* What it says is not what is looked at. */
        require(setenv("SCALEWAY_LOG_LEVEL", "emerg", 1) >= 0 && setenv("SCALEWAY_RUN", run, 1) >= 0 &&
                setenv("SCALEWAY_UNIT_DIR", GENERATOR_UNITS, 1) >= 0 && setenv("SCALEWAY_UDEV_DIR", GENERATOR_UNITS, 1) >= 0 &&
                setenv("SCALEWAY_DROPBEAR", "/bin/sh", 1) >= 0 && setenv("SCALEWAY_SSHD_PROGRAM", "/bin/sh", 1) >= 0 &&
                setenv("SCALEWAY_NFS", "/bin/sh", 1) >= 0 && setenv("SCALEWAY_STREAM", "/bin/sh", 1) >= 0);
        log_setup(LOG_TARGET_AUTO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *directory = NULL;
        static char *run, *early, *scaleway, *json, *address, *systemd;
        _cleanup_free_ char *cmdline = fuzz_text(data, size);
        size_t n = strlen(cmdline);

        if (size > SIZE_TESTED_MAX)
                return 0;
        if (!directory) {
                directory = scratch_directory();
                run = below(directory, "run");
                early = below(directory, "early");
                scaleway = below(run, "scaleway");
                systemd = below(run, "systemd");
                json = below(run, "scaleway/metadata.json");
                address = below(run, "scaleway/metadata-address");
                set_up(run);
        }

        require(setenv("SCALEWAY_PROC_CMDLINE", cmdline, 1) >= 0);
        require(mkdir_p(scaleway) >= 0);
        if (n < size) {
                put(json, data + n + 1, size - n - 1);
                put(address, "169.254.42.42\n", 14);
        }

        require(phase_early(early) >= 0);
        (void) !phase_boot();

        check(early);
        check(systemd);
        check(scaleway);
        scratch_empty(directory);
        return 0;
}
