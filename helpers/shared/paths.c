/* SPDX-License-Identifier: MIT */
#include "paths.h"
#include "string-util.h"

int run_path(const char *path, char **ret) {
        const char *run = secure_getenv("SCALEWAY_RUN");

        return asprintf_to(ret, "%s/%s", isempty(run) ? "/run" : run, path);
}

const char *sysroot_path(void) {
        const char *sysroot = secure_getenv("SCALEWAY_SYSROOT");

        return isempty(sysroot) ? "/sysroot" : sysroot;
}
