/* SPDX-License-Identifier: MIT */
/* Runs from scaleway-network.service. "settle": after systemd-networkd has configured the NICs and the metadata
 * were fetched, before a root comes over the network; it expects addresses and routes as DHCP gave them, waits for
 * nothing, and leaves one IPv4 default route, the IPv6 address of the metadata, /etc/resolv.conf and
 * /run/scaleway/primary-nic. "leave": when the unit is stopped on the way to switch-root, right before
 * systemd-networkd; it has the addresses of a root over the network stay, or takes the NICs down, and takes away what the
 * host's network manager must not see. */

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdio.h>

#include "alloc-util.h"
#include "bounds.h"
#include "fd-util.h"
#include "fileio.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "network-files.h"
#include "network-host.h"
#include "network-ipv6.h"
#include "network-nics.h"
#include "network-utab.h"
#include "paths.h"
#include "resolv-conf.h"
#include "rtnl.h"
#include "state-file.h"
#include "string-util.h"
#include "time-util.h"

#define RUN_PRIMARY_NIC "scaleway/primary-nic"
#define RUN_NETWORK_DIR "systemd/network"

/* What becomes of the NICs at the end. */
typedef enum NicsWord {
        NICS_HOLD,
        NICS_KEEP,
        NICS_DOWN,
        _NICS_MAX,
} NicsWord;

static const char *const nics_words[_NICS_MAX] = {
        [NICS_HOLD] = "hold",
        [NICS_KEEP] = "keep",
        [NICS_DOWN] = "down",
};

static const char *arg_nameserver = NULL;
static const char *arg_ipv6_address = NULL;
static const char *arg_ipv6_gateway = NULL;
static NicsWord arg_nics = NICS_HOLD;
static const char *arg_verb = NULL;

static const char usage[] = "scaleway-network settle [OPTION…]\n"
                            "scaleway-network leave [--nics=hold|keep|down]\n\n"
                            "Keeps one IPv4 default route, gives the platform's NIC its IPv6 address and writes\n"
                            "/etc/resolv.conf; before switch-root takes back what the host must not see.";

static int parse_nics(const char *name, const char *s, void *target) {
        (void) target;
        for (NicsWord i = 0; i < _NICS_MAX; i++)
                if (streq(s, nics_words[i])) {
                        arg_nics = i;
                        return 0;
                }

        return log_error_errno(EINVAL, "--%s= wants 'hold', 'keep' or 'down'.", name);
}

static int parse_argv(int argc, char *argv[]) {
        const ProgramOption options[] = {
                { "nameserver", "ADDRESS", take_string_or_null, &arg_nameserver,
                  "The only DNS server; empty: those of DHCP and of\n"
                  "router advertisements" },
                { "ipv6-address", "ADDRESS/PREFIX", take_string_or_null, &arg_ipv6_address,
                  "For the NIC that leads to the platform; empty:\n"
                  "none" },
                { "ipv6-gateway", "ADDRESS", take_string_or_null, &arg_ipv6_gateway,
                  "Its default route" },
                { "nics", "hold|keep|down", parse_nics, NULL,
                  "hold: what is configured stays for good, for a root or a\n"
                  "volume over the network (default); keep: it stays as it is;\n"
                  "down: NICs are taken down, without addresses" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;
        if (argc - optind != 1 || (!streq(argv[optind], "settle") && !streq(argv[optind], "leave")))
                return log_error_errno(EINVAL, "Say 'settle' or 'leave', see --help.");

        arg_verb = argv[optind];
        return 1;
}

/* Names the NIC in a message; one that is gone by now has only its number. */
static const char *nic_name(unsigned ifindex, char buffer[static IF_NAMESIZE]) {
        if (!if_indextoname(ifindex, buffer))
                (void) snprintf(buffer, IF_NAMESIZE, "%u", ifindex);

        return buffer;
}

/* Removes all of the routes but keep, or with only_other_nics those of keep's NIC too stay. A route that cannot be
 * removed is told and stays. Returns how many were removed. */
static unsigned remove_routes(const DefaultRoute *routes, size_t n, const DefaultRoute *keep, bool only_other_nics) {
        char name[IF_NAMESIZE];
        unsigned n_removed = 0;

        for (size_t i = 0; i < n; i++) {
                int r;

                if (&routes[i] == keep || (only_other_nics && routes[i].ifindex == keep->ifindex))
                        continue;

                r = rtnl_delete_default_route(&routes[i]);
                if (r < 0) {
                        log_warning_errno(r, "Failed to remove the default route of '%s', ignoring: %m",
                                          nic_name(routes[i].ifindex, name));
                        continue;
                }
                log_debug("Removed the default route of '%s' with metric %u.", nic_name(routes[i].ifindex, name),
                          routes[i].priority);
                n_removed++;
        }

        return n_removed;
}

static int record_primary_nic(const char *name) {
        _cleanup_free_ char *directory = NULL, *path = NULL, *line = NULL;
        int r;

        r = run_path("scaleway", &directory);
        if (r >= 0)
                r = run_path(RUN_PRIMARY_NIC, &path);
        if (r >= 0)
                r = asprintf_to(&line, "%s\n", name);
        if (r >= 0)
                r = mkdir_p(directory);
        if (r >= 0)
                r = write_file_atomic(path, line, strlen(line), 0644);

        return r;
}

static int read_primary_nic(char **ret) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = run_path(RUN_PRIMARY_NIC, &path);
        if (r >= 0)
                r = read_file(path, IF_NAMESIZE, ret, NULL);
        if (r >= 0)
                (*ret)[strcspn(*ret, "\n")] = '\0';

        return r;
}

/* Every NIC may have got a default route by DHCP, and the kernel would take the one that came last or has the
 * smallest metric. The first NIC is the one that the platform boots from. Returns the NIC whose route is kept, 0 if there
 * is none. */
static unsigned settle_routes(void) {
        _cleanup_free_ DefaultRoute *routes = NULL;
        const DefaultRoute *keep;
        char name[IF_NAMESIZE];
        size_t n;
        int r;

        r = rtnl_default_routes(&routes, &n);
        if (r < 0) {
                log_warning_errno(r, "Failed to read the IPv4 routes, leaving them as they are: %m");
                return 0;
        }

        keep = default_route_first(routes, n);
        if (!keep) {
                log_debug("There is no IPv4 default route.");
                return 0;
        }

        if (remove_routes(routes, n, keep, /* only_other_nics= */ false) > 0)
                log_info("Of %zu IPv4 default routes only that of '%s', the first NIC, is kept.", n,
                         nic_name(keep->ifindex, name));

        r = record_primary_nic(nic_name(keep->ifindex, name));
        if (r < 0)
                log_warning_errno(r, "Failed to record '%s' as the primary NIC, ignoring: %m", name);

        return keep->ifindex;
}

/* The servers of the first NIC come first: only some fit in. Returns 1 and the text, 0 if no server is known, or a negative
 * errno. */
static int nics_resolv_conf(unsigned first, char **ret) {
        _cleanup_free_ ResolvLink *links = NULL;
        _cleanup_(nics_done) Nics nics = {};
        int r;

        r = nics_load(&nics);
        if (r < 0)
                return r;
        if (nics.n == 0)
                return 0;
        nics_put_first(&nics, first);

        links = new(ResolvLink, nics.n);
        if (!links)
                return -ENOMEM;
        for (size_t i = 0; i < nics.n; i++)
                links[i] = (ResolvLink) { nics.nics[i].name, nics.nics[i].state };

        return resolv_conf_from_links(links, nics.n, ret);
}

static void settle_resolv_conf(unsigned first) {
        const char *path = secure_getenv("SCALEWAY_RESOLV_CONF");
        _cleanup_free_ char *text = NULL;
        int r;

        if (isempty(path))
                path = "/etc/resolv.conf";

        if (arg_nameserver && !nameserver_is_valid(arg_nameserver)) {
                _cleanup_free_ char *shown = printable(arg_nameserver, 64);

                log_warning("nameserver='%s' is not an address, using the DNS servers of DHCP instead.", shown ?: "?");
                arg_nameserver = NULL;
        }

        r = arg_nameserver ? resolv_conf_make(arg_nameserver, NULL, &text) : nics_resolv_conf(first, &text);
        if (r > 0)
                r = write_file_atomic(path, text, strlen(text), 0644);
        else if (r == 0)
                log_debug("No DNS server is known, leaving '%s' as it is.", path);
        if (r < 0)
                log_warning_errno(r, "Failed to write '%s', ignoring: %m", path);
}

static void settle(void) {
        unsigned primary = settle_routes();
        int platform;

        platform = platform_nic();
        if (platform < 0)
                log_debug_errno(platform, "No NIC leads to the platform: %m");
        if (arg_ipv6_address)
                settle_ipv6(platform, arg_ipv6_address, arg_ipv6_gateway);
        settle_resolv_conf(platform > 0 ? (unsigned) platform : primary);
}

/* A NIC that DHCP reached only after "settle" may have put a second default route there. The one of the primary NIC
 * is what the root's connection uses; where that is gone, the late one is better than none. */
static void leave_routes(void) {
        _cleanup_free_ DefaultRoute *routes = NULL;
        _cleanup_free_ char *primary = NULL;
        const DefaultRoute *keep = NULL;
        unsigned ifindex;
        size_t n;
        int r;

        r = read_primary_nic(&primary);
        if (r < 0) {
                log_full_errno(r == -ENOENT ? LOG_DEBUG : LOG_WARNING, r,
                               "Failed to read which NIC is the primary one, leaving the routes as they are: %m");
                return;
        }

        r = rtnl_default_routes(&routes, &n);
        if (r < 0) {
                log_warning_errno(r, "Failed to read the IPv4 routes, leaving them as they are: %m");
                return;
        }

        ifindex = if_nametoindex(primary);
        for (size_t i = 0; i < n; i++)
                if (ifindex > 0 && routes[i].ifindex == ifindex)
                        keep = &routes[i];
        if (keep && remove_routes(routes, n, keep, /* only_other_nics= */ true) > 0)
                log_info("Removed IPv4 default routes that came late, '%s' keeps its own.", primary);
}

static void leave_files(void) {
        _cleanup_free_ char *directory = NULL;
        unsigned n = 0;
        int r;

        r = run_path(RUN_NETWORK_DIR, &directory);
        if (r >= 0)
                r = network_files_remove(directory, &n);
        if (r < 0)
                log_warning_errno(
                                r,
                                "Failed to remove the initrd's files for systemd-networkd, the host will see them: %m");
        else
                log_debug("Removed %u files for systemd-networkd from '%s'.", n, directory);
}

/* A state that is on its way would be sent twice if the answer could not come back. Most are taken at once; one that is not
 * goes on over the host's network. */
static void leave_signals(void) {
        _cleanup_(state_file_done) StateFile file = { .dir_fd = -EBADF, .lock_fd = -EBADF };
        int r;

        r = state_file_open(&file);
        if (r >= 0)
                r = state_file_lock(&file, now_usec() + NETWORK_SIGNAL_WAIT);
        if (r == -ETIMEDOUT)
                log_info("A state is not taken yet, it will be sent again over the network of the host.");
        else if (r < 0)
                log_debug_errno(r, "Cannot see whether a state is under way, going on: %m");
}

/* What a person has attached by hand the generator does not know of. */
static bool nbd_is_attached(void) {
        _cleanup_free_ char *path = NULL;
        _cleanup_(closedirp) DIR *d = NULL;
        const struct dirent *entry;

        if (run_path(RUN_NBD_DIR, &path) < 0)
                return true;
        d = opendir(path);
        while (d && (entry = readdir(d)))
                if (entry->d_name[0] != '.')
                        return true;

        return false;
}

static void leave_nics(void) {
        _cleanup_(nics_done) Nics nics = {};
        int r;

        if (arg_nics != NICS_HOLD && nbd_is_attached()) {
                log_notice("An NBD volume is attached, so the network stays.");
                arg_nics = NICS_HOLD;
        }
        if (arg_nics == NICS_DOWN)
                leave_signals();

        r = nics_load(&nics);
        if (r >= 0)
                r = nics_restore(&nics);
        if (r < 0)
                log_warning_errno(r, "Failed to take back the initrd's settings of NICs, ignoring: %m");

        r = 0;
        if (arg_nics == NICS_HOLD)
                r = nics_hold(&nics);
        else if (arg_nics == NICS_DOWN)
                r = nics_take_down(&nics);
        if (r < 0)
                log_warning_errno(r, "Failed to %s, ignoring: %m",
                                  arg_nics == NICS_DOWN ? "take down all NICs" : "have all addresses stay after their leases");
}

static void leave_host(void) {
        const char *unit;
        int r;

        if (arg_nics != NICS_HOLD)
                return;

        r = utab_file_move_root();
        if (r < 0)
                log_warning_errno(r, "Failed to tell the host that its root is behind the network, ignoring: %m");

        for (size_t i = 0; (r = host_keep_network(i, &unit)) != -ENOENT; i++)
                if (r < 0)
                        log_warning_errno(r, "Failed to have the host's %s leave the NICs alone, ignoring: %m", unit);
                else if (r > 0)
                        log_info("The host's %s will leave the NICs alone, the root is behind them.", unit);
}

static int run(int argc, char *argv[]) {
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        /* Each step is worth having without the others, and none of them worth losing the boot. */
        if (streq(arg_verb, "settle"))
                settle();
        else {
                leave_routes();
                leave_nics();
                leave_host();
                leave_files();
        }

        return 0;
}

DEFINE_MAIN_FUNCTION(run)
