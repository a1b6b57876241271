/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"
#include "shipped-program.h"

static bool is_there(const char *path, const char *seam) {
        return access(secure_getenv(seam) ?: path, X_OK) >= 0;
}

static int check(const Boot *b, bool there) {
        if (there)
                return 0;

        return log_error_errno(EINVAL, "boot=%s is not in this image: take the one that 'dracut --add scaleway' makes, not "
                                       "the lean one.",
                               b->mode->name);
}

bool streamer_is_there(void) {
        return is_there(PKGLIBDIR "/scaleway-stream", "SCALEWAY_STREAM");
}

bool sshd_is_there(void) {
        return is_there(PKGLIBDIR "/scaleway-sshd", "SCALEWAY_SSHD_PROGRAM") && is_there("/usr/sbin/dropbear", "SCALEWAY_DROPBEAR");
}

int mode_needs_streamer(const Boot *b) {
        return check(b, streamer_is_there());
}

int mode_needs_nfs(const Boot *b) {
        return check(b, is_there(PKGLIBDIR "/scaleway-nfs", "SCALEWAY_NFS"));
}
