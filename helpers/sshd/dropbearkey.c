/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "alloc-util.h"
#include "bounds.h"
#include "dropbearkey.h"
#include "root-command.h"
#include "string-util.h"
#include "time-util.h"

#define FINGERPRINT_SIZE 50U /* "SHA256:" and 32 bytes in base64 without padding */

static int call(const char *const arguments[static 4], char **ret_output, char **ret_message) {
        const char *seam = secure_getenv("SCALEWAY_DROPBEARKEY");
        const char *const argv[] = {
                seam ?: "/usr/bin/dropbearkey", arguments[0], arguments[1], arguments[2], arguments[3], NULL
        };
        int r;

        r = root_command(argv, now_usec() + DROPBEARKEY_USEC, ret_output, ret_message);
        return r > 0 ? -EBADMSG : r;
}

int dropbearkey_make(const char *path, char **ret_message) {
        const char *const arguments[] = { "-t", "ed25519", "-f", path };
        _cleanup_free_ char *output = NULL;

        return call(arguments, &output, ret_message);
}

/* The line's part after the prefix, or NULL. */
static const char *find_line(const char *text, const char *prefix) {
        for (const char *line = text; line; line = strchr(line, '\n')) {
                const char *rest;

                line += *line == '\n';
                rest = startswith(line, prefix);
                if (rest)
                        return rest;
        }

        return NULL;
}

int dropbearkey_fingerprint(const char *path, char **ret, char **ret_message) {
        const char *const arguments[] = { "-y", "-f", path, NULL };
        _cleanup_free_ char *output = NULL;
        const char *fingerprint;
        int r;

        r = call(arguments, &output, ret_message);
        if (r < 0)
                return r;

        fingerprint = find_line(output, "Fingerprint: ");
        if (!find_line(output, "ssh-ed25519 ") || !fingerprint || !startswith(fingerprint, "SHA256:") ||
            strcspn(fingerprint, " \r\n") != FINGERPRINT_SIZE)
                return -EBADMSG;

        *ret = strndup(fingerprint, FINGERPRINT_SIZE);
        return *ret ? 0 : -ENOMEM;
}
