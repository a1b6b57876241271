/* SPDX-License-Identifier: MIT */
/* What the name service of the root needs. Files that the image or its owner has filled stay byte for byte as they are. */

#include <errno.h>

#include "alloc-util.h"
#include "fileio.h"
#include "host-names.h"
#include "log.h"
#include "root-file.h"
#include "steps.h"
#include "string-util.h"

#define HOSTNAME "/etc/hostname"
#define HOSTS "/etc/hosts"
#define HOSTS_BACKUP "/etc/hosts.bak"
#define RESOLV_CONF "/etc/resolv.conf"

static int write_text(const Root *root, const char *path, const char *text, bool exists) {
        int r;

        r = root_file_write_text(root->fd, path, text, exists, 0644);
        if (r < 0)
                return r;

        if (r > 0)
                log_info("Wrote %s.", path);
        else
                log_info("%s is a link to a file that only the running system has, leaving it.", path); /* systemd-resolved's */
        return 0;
}

int fill_hostname(const Root *root) {
        _cleanup_free_ char *text = NULL, *name = NULL, *line = NULL;
        int r, exists;

        if (!root->hostname)
                return 0;
        exists = root_file_read_text(root->fd, HOSTNAME, &text);
        if (exists < 0)
                return exists;
        r = hostname_read(text, &name);
        if (r != 0)
                return MIN(r, 0);

        r = asprintf_to(&line, "%s\n", root->hostname);
        return r < 0 ? r : write_text(root, HOSTNAME, line, exists);
}

int fill_resolv_conf(const Root *root) {
        const char *seam = secure_getenv("SCALEWAY_RESOLV_CONF");
        _cleanup_free_ char *text = NULL, *ours = NULL, *filled = NULL;
        int r, exists;

        exists = root_file_read_text(root->fd, RESOLV_CONF, &text);
        if (exists < 0)
                return exists;
        if (resolv_conf_has_server(text))
                return 0;
        r = read_file(isempty(seam) ? RESOLV_CONF : seam, ROOT_FILE_MAX, &ours, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        r = resolv_conf_add(text, ours, &filled);
        return r <= 0 ? r : write_text(root, RESOLV_CONF, filled, exists);
}

/* The name that the server will have: the image's own, else the one of the metadata. Returns 1, 0 if there is none that is one,
 * or a negative errno. */
static int effective_name(const Root *root, char **ret) {
        _cleanup_free_ char *text = NULL, *name = NULL;
        int r;

        r = root_file_read_text(root->fd, HOSTNAME, &text);
        if (r >= 0)
                r = hostname_read(text, &name);
        if (r < 0)
                return r;
        if (!name && root->hostname) {
                r = strdup_to(&name, root->hostname);
                if (r < 0)
                        return r;
        }
        if (!host_name_is_valid(name))
                return 0;

        *ret = TAKE_PTR(name);
        return 1;
}

/* Otherwise no boot would try again. Not if only the sync has failed: then the old text has no other name. Returns error. */
static int unlink_backup(const Root *root, int error) {
        int r;

        r = root_file_unlink(root->fd, HOSTS_BACKUP);
        if (r < 0)
                log_warning_errno(r, "Failed to remove " HOSTS_BACKUP ", ignoring: %m");

        return error;
}

/* The old text is linked to its second name right before the new one takes its place. A power cut between the two leaves the old
 * text under both names, and that is then how it stays: as if the owner had wanted it so. */
static int replace_hosts(const Root *root, const char *text) {
        _cleanup_(root_file_done) RootFile f = ROOT_FILE_INIT;
        int r;

        r = root_file_stage(root->fd, HOSTS, text, strlen(text), &f);
        if (r < 0)
                return r;
        r = root_file_link(root->fd, HOSTS, HOSTS_BACKUP);
        if (r < 0)
                return r;
        r = root_file_commit(&f);
        if (r < 0)
                return f.temporary ? unlink_backup(root, r) : r;

        log_info("Wrote " HOSTS ", what it was is in " HOSTS_BACKUP ".");
        return 0;
}

int fill_hosts(const Root *root) {
        _cleanup_free_ char *text = NULL, *name = NULL, *filled = NULL;
        int r, exists;

        /* An image with partitions is a newer one, which does that by itself. */
        if (root->partitioned || root_entry_exists(root->fd, HOSTS_BACKUP))
                return 0;
        r = effective_name(root, &name);
        if (r <= 0)
                return r;
        exists = root_file_read_text(root->fd, HOSTS, &text);
        if (exists < 0)
                return exists;
        if (hosts_is_own(text, name))
                return 0;
        r = hosts_make(name, &filled);
        if (r < 0)
                return r;

        return exists ? replace_hosts(root, filled) : write_text(root, HOSTS, filled, /* exists= */ false);
}
