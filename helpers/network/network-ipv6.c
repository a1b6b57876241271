/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <net/if.h>

#include "fileio.h"
#include "ipv6-settings.h"
#include "log.h"
#include "network-ipv6.h"
#include "paths.h"
#include "rtnl-nic.h"
#include "string-util.h"

/* Behind every default route that an advertisement leads to, whatever preference the router gives itself (systemd-networkd
 * takes metrics up to 2048): it may be the way by which the platform was just reached. */
#define METRIC 4096U

int platform_nic(void) {
        _cleanup_free_ char *path = NULL, *address = NULL;
        unsigned ifindex;
        int r;

        r = run_path(RUN_METADATA_ADDRESS, &path);
        if (r < 0)
                return r;
        r = read_file(path, 256, &address, NULL);
        if (r < 0)
                return r;

        address[strcspn(address, "\n")] = '\0';
        r = rtnl_nic_towards(address, &ifindex);
        return r < 0 ? r : (int) ifindex;
}

static int parse_settings(const char *address, const char *gateway, Ipv6Settings *ret) {
        const char *slash = strchr(address, '/');
        _cleanup_free_ char *alone = NULL, *shown = NULL;
        Ipv6Problem problem;

        alone = strndup(address, slash ? (size_t) (slash - address) : strlen(address));
        if (!alone)
                return log_oom();
        if (ipv6_settings_parse(alone, slash ? slash + 1 : NULL, gateway, ret, &problem) >= 0)
                return 0;

        shown = printable(problem.value, 64);
        log_warning("The IPv6 %s '%s' %s, leaving IPv6 to router advertisements.", problem.key, shown ?: "?", problem.reason);
        return -EINVAL;
}

void settle_ipv6(int ifindex, const char *address, const char *gateway) {
        char name[IF_NAMESIZE] = "?";
        Ipv6Settings s;
        int r;

        assert(address);

        if (parse_settings(address, gateway, &s) < 0)
                return;
        if (ifindex < 0)
                return (void) log_warning_errno(ifindex, "No NIC leads to the platform, leaving IPv6 to router advertisements: %m");

        (void) if_indextoname((unsigned) ifindex, name);
        r = rtnl_add_ipv6((unsigned) ifindex, &s, METRIC);
        if (r < 0)
                log_warning_errno(r, "Failed to give '%s' the address %s by %s, ignoring: %m", name, address, gateway);
        else
                log_info("IPv6 on '%s': %s by %s.", name, address, gateway);
}
