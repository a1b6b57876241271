/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>

#include "bounds.h"
#include "fd-util.h"
#include "fileio.h"
#include "log.h"
#include "network-nics.h"
#include "networkd-state.h"
#include "parse-util.h"
#include "paths.h"
#include "rtnl-nic.h"
#include "string-util.h"

#define RUN_NETWORKD_LINKS "systemd/netif/links"

void nics_done(Nics *n) {
        for (size_t i = 0; i < n->n; i++) {
                free(n->nics[i].name);
                free(n->nics[i].state);
        }
        free(n->nics);
        *n = (Nics) {};
}

/* Fills in the next NIC. Returns 0 also if this is none of ours, or is gone again. */
static int add_nic(Nics *n, int dir_fd, const char *file) {
        _cleanup_free_ char *state = NULL, *settings = NULL, *name = NULL;
        char buffer[IF_NAMESIZE];
        unsigned ifindex;
        int r;

        if (parse_unsigned(file, &ifindex) < 0 || !if_indextoname(ifindex, buffer))
                return 0;
        r = read_file_at(dir_fd, file, NETWORKD_STATE_MAX, &state, NULL);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = networkd_state_value(state, "NETWORK_FILE", &settings);
        if (r < 0)
                return r;
        if (isempty(settings))
                return 0;
        r = strdup_to(&name, buffer);
        if (r < 0)
                return r;

        n->nics[n->n++] = (Nic) { .ifindex = ifindex, .name = TAKE_PTR(name), .state = TAKE_PTR(state) };
        return 0;
}

static int compare(const void *a, const void *b) {
        const Nic *x = a, *y = b;

        return x->ifindex < y->ifindex ? -1 : x->ifindex > y->ifindex;
}

int nics_load(Nics *ret) {
        _cleanup_(nics_done) Nics n = {};
        _cleanup_(closedirp) DIR *d = NULL;
        _cleanup_free_ char *path = NULL;
        const struct dirent *entry;
        int r;

        assert(ret);

        r = run_path(RUN_NETWORKD_LINKS, &path);
        if (r < 0)
                return r;
        n.nics = new0(Nic, NICS_MAX);
        if (!n.nics)
                return -ENOMEM;

        d = opendir(path);
        if (!d && errno != ENOENT)
                return -errno;
        while (d && n.n < NICS_MAX && (entry = readdir(d))) {
                r = add_nic(&n, dirfd(d), entry->d_name);
                if (r < 0)
                        return r;
        }
        qsort(n.nics, n.n, sizeof(Nic), compare);

        *ret = n;
        n = (Nics) {};
        return 0;
}

void nics_put_first(Nics *n, unsigned ifindex) {
        assert(n);

        for (size_t i = 0; i < n->n; i++)
                if (n->nics[i].ifindex == ifindex) {
                        Nic first = n->nics[i];

                        memmove(n->nics + 1, n->nics, i * sizeof(Nic));
                        n->nics[0] = first;
                        return;
                }
}

/* Gives a setting of the NIC the value that the kernel has for new ones. */
static int restore_setting(const char *nic, const char *name) {
        _cleanup_free_ char *from = NULL, *to = NULL, *value = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int r;

        r = asprintf_to(&from, "/proc/sys/net/ipv6/conf/default/%s", name);
        if (r < 0)
                return r;
        r = asprintf_to(&to, "/proc/sys/net/ipv6/conf/%s/%s", nic, name);
        if (r < 0)
                return r;
        r = read_file(from, 64, &value, &size);
        if (r < 0)
                return r == -ENOENT ? 0 : r; /* no IPv6 */
        fd = open(to, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno; /* none on this NIC, or it is gone */

        return write_all(fd, value, size);
}

int nics_restore(const Nics *n) {
        int first = 0;

        assert(n);

        for (size_t i = 0; i < n->n; i++) {
                int r = restore_setting(n->nics[i].name, "dad_transmits");

                if (r < 0 && first >= 0)
                        first = r;
        }

        return first;
}

int nics_take_down(const Nics *n) {
        int first = 0;

        assert(n);

        for (size_t i = 0; i < n->n; i++) {
                int r;

                r = rtnl_take_down(n->nics[i].ifindex);
                /* systemd-networkd reads router advertisements itself, and has the kernel not do it. */
                if (r >= 0)
                        r = restore_setting(n->nics[i].name, "accept_ra");
                if (r >= 0)
                        log_debug("Took '%s' down.", n->nics[i].name);
                else if (first >= 0)
                        first = r;
        }

        return first;
}

int nics_hold(const Nics *n) {
        int first = 0;

        assert(n);

        for (size_t i = 0; i < n->n; i++) {
                unsigned held = 0;
                int r;

                r = rtnl_hold(n->nics[i].ifindex, &held);
                log_debug("Addresses and routes of '%s' that stay for good: %u.", n->nics[i].name, held);
                if (r < 0 && first >= 0)
                        first = r;
        }

        return first;
}
