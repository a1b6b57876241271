/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bounds.h"
#include "chase.h"
#include "fd-util.h"
#include "nbd-script.h"
#include "parse-util.h"
#include "paths.h"
#include "root-file.h"
#include "string-util.h"

#define SCRIPT "/etc/init.d/nbd-client"
#define TABLE "/etc/nbdtab"
#define BLANKS " \t"

static bool is_executable(int root_fd, const char *path) {
        _cleanup_close_ int fd = chase_in_root(root_fd, path);
        struct stat st;

        return fd >= 0 && fstat(fd, &st) >= 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

/* Of "nbd0", whose record this initrd left. */
static bool is_attached(const char *device, unsigned *ret) {
        const char *number = startswith(device, "nbd");
        _cleanup_free_ char *name = NULL, *path = NULL;

        if (!number || parse_unsigned(number, ret) < 0 || *ret >= SWITCH_DEVICES_MAX)
                return false;

        return asprintf_to(&name, RUN_NBD_DIR "/%u.json", *ret) >= 0 && run_path(name, &path) >= 0 && access(path, F_OK) >= 0;
}

int nbd_script_devices(int root_fd, char **ret) {
        _cleanup_free_ char *text = NULL, *devices = NULL;
        char *position = NULL;
        uint32_t seen = 0;
        int r;

        *ret = NULL;
        if (!is_executable(root_fd, SCRIPT))
                return 0;
        r = root_file_read_text(root_fd, TABLE, &text);
        if (r <= 0)
                return r;

        for (char *line = strtok_r(text, "\n", &position); line; line = strtok_r(NULL, "\n", &position)) {
                char *device = line + strspn(line, BLANKS), *more;
                unsigned index;

                device[strcspn(device, BLANKS)] = '\0';
                if (!is_attached(device, &index) || seen & (1U << index))
                        continue;
                seen |= 1U << index;
                r = asprintf_to(&more, "%s%snbd%u", devices ?: "", devices ? " " : "", index);
                if (r < 0)
                        return r;
                free(devices);
                devices = more;
        }

        *ret = TAKE_PTR(devices);
        return 0;
}
