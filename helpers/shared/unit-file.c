/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "fileio.h"
#include "mask.h"
#include "string-util.h"
#include "unit-file.h"

struct UnitFile {
        FILE *stream;
        char *text;
        size_t size;
        const char *section;
        bool secret; /* a value is, or a part of it */
        bool failed;
};

int unit_file_new(UnitFile **ret) {
        UnitFile *u;

        assert(ret);

        u = new0(UnitFile, 1);
        if (!u)
                return -ENOMEM;
        u->stream = open_memstream(&u->text, &u->size);
        if (!u->stream) {
                free(u);
                return -ENOMEM;
        }

        fputs(UNIT_FILE_MARKER "\n", u->stream);
        *ret = u;
        return 0;
}

void unit_file_free(UnitFile *u) {
        if (!u)
                return;

        if (u->stream)
                (void) fclose(u->stream);
        free(u->text);
        free(u);
}

void unit_file_section(UnitFile *u, const char *name) {
        assert(u);

        if (streq_ptr(u->section, name))
                return;

        fprintf(u->stream, "\n[%s]\n", name);
        u->section = name;
}

void unit_file_comment(UnitFile *u, const char *text) {
        assert(u);

        fprintf(u->stream, "# %s\n", text);
}

void unit_file_text(UnitFile *u, const char *text) {
        assert(u);

        fputs(text, u->stream);
        u->section = NULL;
}

void unit_file_setting(UnitFile *u, const char *key, const char *value) {
        assert(u);

        fprintf(u->stream, "%s=%s\n", key, value);
}

void unit_file_environment(UnitFile *u, const char *variable, const char *value) {
        _cleanup_free_ char *assignment = NULL, *quoted = NULL, *masked = NULL;

        assert(u);

        if (mask_command_line(value, &masked) < 0) {
                u->failed = true;
                return;
        }
        u->secret = u->secret || !streq(masked, value);
        if (asprintf_to(&assignment, "%s=%s", variable, value) >= 0)
                quoted = unit_file_quote(assignment, /* exec= */ false);
        if (!quoted) {
                u->failed = true;
                return;
        }

        unit_file_setting(u, "Environment", quoted);
}

/* systemd.syntax(7): C-style escapes are taken out of quoted words; systemd.unit(5): '%' begins a specifier;
 * systemd.service(5): "$$" is one '$' in a command line. */
char *unit_file_quote(const char *s, bool exec) {
        char *result, *p;

        result = malloc(2 * strlen(s) + 3);
        if (!result)
                return NULL;

        p = result;
        *p++ = '"';
        for (; *s; s++) {
                if (*s == '"' || *s == '\\')
                        *p++ = '\\';
                else if (*s == '%' || (exec && *s == '$'))
                        *p++ = *s;
                *p++ = *s;
        }
        *p++ = '"';
        *p = '\0';

        return result;
}

/* Opens the directory that path lies in, and makes what is missing of it. */
static int open_parent(int dir_fd, const char *path, int *ret_fd, const char **ret_name) {
        _cleanup_close_ int fd = -EBADF;
        const char *slash;

        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        for (; (slash = strchr(path, '/')); path = slash + 1) {
                _cleanup_free_ char *name = strndup(path, (size_t) (slash - path));
                int child;

                if (!name)
                        return -ENOMEM;
                if (mkdirat(fd, name, 0755) < 0 && errno != EEXIST)
                        return -errno;
                child = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (child < 0)
                        return -errno;
                safe_close(fd);
                fd = child;
        }

        *ret_fd = TAKE_FD(fd);
        *ret_name = path;
        return 0;
}

/* True if the file is a regular one that begins with our line: left by an earlier run of the same phase. */
static bool is_ours(int dir_fd, const char *name) {
        char line[sizeof(UNIT_FILE_MARKER "\n") - 1];
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return false;

        return read(fd, line, sizeof(line)) == (ssize_t) sizeof(line) &&
               memcmp(line, UNIT_FILE_MARKER "\n", sizeof(line)) == 0;
}

int unit_file_write(UnitFile *u, int dir_fd, const char *path) {
        _cleanup_close_ int parent = -EBADF, fd = -EBADF;
        const char *name;
        int r;

        assert(u);
        assert(path);

        if (fflush(u->stream) != 0 || u->failed)
                return -ENOMEM;

        r = open_parent(dir_fd, path, &parent, &name);
        if (r < 0)
                return r;

        if (is_ours(parent, name) && unlinkat(parent, name, 0) < 0)
                return -errno;
        fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, u->secret ? 0600 : 0644);
        if (fd < 0)
                return -errno;

        return write_all(fd, u->text, u->size);
}

int unit_link(int dir_fd, const char *path, const char *target) {
        _cleanup_close_ int parent = -EBADF;
        char there[256];
        const char *name;
        ssize_t n;
        int r;

        assert(path);
        assert(target);

        r = open_parent(dir_fd, path, &parent, &name);
        if (r < 0)
                return r;
        if (symlinkat(target, parent, name) >= 0)
                return 0;
        if (errno != EEXIST)
                return -errno;

        n = readlinkat(parent, name, there, sizeof(there));
        return n == (ssize_t) strlen(target) && memcmp(there, target, (size_t) n) == 0 ? 0 : -EEXIST;
}

int unit_dir_open(const char *path) {
        int r, fd;

        r = mkdir_p(path);
        if (r < 0)
                return r;

        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}
