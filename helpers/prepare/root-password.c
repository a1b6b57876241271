/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "alloc-util.h"
#include "fileio.h"
#include "log.h"
#include "password.h"
#include "root-file.h"
#include "shadow.h"
#include "steps.h"
#include "string-util.h"

#define SHADOW "/etc/shadow"
#define LOGIN_DEFS "/etc/login.defs"
#define CLEAR_TEXT "/root/.pw"
#define MARKER ".scw-reset-password-on-next-boot"
#define METHOD "SHA512" /* known by every C library of the last 15 years */

/* The method that the image's own passwd(1) would take. */
static int find_prefix(const Root *root, const char **ret) {
        _cleanup_free_ char *text = NULL, *method = NULL, *shown = NULL;
        int r;

        *ret = password_prefix(METHOD);

        r = root_file_read(root->fd, LOGIN_DEFS, &text, NULL);
        if (r >= 0)
                r = login_defs_method(text, &method);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && r != -ENOENT)
                log_warning_errno(r, "Failed to read %s, taking the hash method " METHOD ": %m", LOGIN_DEFS);
        if (!method)
                return 0;

        if (password_prefix(method)) {
                *ret = password_prefix(method);
                return 0;
        }
        shown = printable(method, 40);
        log_warning("ENCRYPT_METHOD '%s' of " LOGIN_DEFS " is not known or too weak, taking " METHOD ".", shown ?: "?");
        return 0;
}

static int make_text(const Root *root, const char *text, const char *password, char **ret) {
        _cleanup_free_ char *hash = NULL;
        const char *prefix;
        int r;

        r = find_prefix(root, &prefix);
        if (r < 0)
                return r;
        r = password_hash(password, prefix, &hash);
        if (r < 0)
                return r;

        return shadow_set_root(text, hash, shadow_day(time(NULL), BUILD_DATE), ret);
}

/* Both files are on the disk before either gets its name, so that a full disk changes nothing. Then the clear text comes first: a
 * power cut between the two leaves a password that does not count yet, beside an account that still has none (or a wish for
 * another one that is still there), and the next boot begins again. The other way round there would be a password that nobody
 * knows, for ever. */
static int write_both(const Root *root, const char *text, const char *line) {
        _cleanup_(root_file_done) RootFile shadow = ROOT_FILE_INIT, clear = ROOT_FILE_INIT;
        int r;

        r = root_file_stage(root->fd, SHADOW, text, strlen(text), &shadow);
        if (r < 0)
                return r;
        r = root_file_stage_new(root->fd, CLEAR_TEXT, line, strlen(line), 0600, &clear);
        if (r >= 0)
                r = root_file_commit(&clear);
        if (r < 0) {
                log_warning_errno(r, "Failed to write " CLEAR_TEXT ", leaving root's password alone: %m");
                return 0;
        }

        r = root_file_commit(&shadow);
        return r < 0 ? r : 1;
}

/* Returns 1, 0 after a message, or a negative errno. */
static int change(const Root *root, const char *text) {
        char password[PASSWORD_LENGTH + 1], line[PASSWORD_LENGTH + 2];
        _cleanup_free_ char *changed = NULL;
        int r;

        r = password_make(password);
        if (r >= 0)
                r = make_text(root, text, password, &changed);
        if (r >= 0) {
                (void) snprintf(line, sizeof(line), "%s\n", password);
                r = write_both(root, changed, line);
        }

        explicit_bzero(password, sizeof(password));
        explicit_bzero(line, sizeof(line));
        return r;
}

/* Only when the password is on the disk: until then it is still wished for. */
static int remove_marker(const Root *root) {
        if (unlinkat(root->fd, MARKER, 0) < 0)
                return -errno;

        return fsync(root->fd) < 0 ? -errno : 0;
}

int set_root_password(const Root *root) {
        bool marked = root_entry_exists(root->fd, "/" MARKER), reset = root->reset_password || marked;
        _cleanup_free_ char *text = NULL;
        int r;

        /* An image with partitions is a newer one, which has its own ways in. */
        if (root->partitioned && !reset)
                return 0;

        r = root_file_read_text(root->fd, SHADOW, &text);
        if (r == 0)
                r = -ENOENT;
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                log_warning_errno(r, "Failed to read " SHADOW ", leaving root's password alone: %m");
                return 0;
        }
        r = shadow_root_is_open(text);
        if (r == -ENOENT && !reset)
                return 0;
        if (r < 0 || (r == 0 && !reset))
                return r;

        r = change(root, text);
        if (r <= 0)
                return r;
        log_notice("Root has a new password, it is in " CLEAR_TEXT ".");

        return marked ? remove_marker(root) : 0;
}
