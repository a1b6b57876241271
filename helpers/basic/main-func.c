/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>

#include "fd-util.h"
#include "log.h"
#include "main-func.h"

void record_failure(void) {
        const char *path = getenv("SCALEWAY_FAILURE_FILE"), *line = log_last_error();
        _cleanup_close_ int fd = -EBADF;

        if (!path || !line)
                return;

        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return;

        (void) !write_all(fd, line, strlen(line));
        (void) !write_all(fd, "\n", 1);
}
