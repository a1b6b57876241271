/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>

#include "drop-in.h"
#include "ipv6-settings.h"
#include "log.h"
#include "network-unit.h"
#include "string-util.h"

#define UNIT "scaleway-network.service"

/* The metadata are what the other boots wait for until there is a network. Without them the units that need one
 * would look before there is an address, find no default route to keep and no DNS server to write down. */
static int add_wait(const Boot *b, UnitFile *u) {
        _cleanup_free_ char *origin = NULL;
        int r;

        if (!options_get_bool(b->options, OPTION_NO_METADATA) || !(b->mode->network || b->root.nbd >= 0))
                return 0;
        r = options_describe(b->options, OPTION_NO_METADATA, &origin);
        if (r < 0)
                return r;

        unit_file_section(u, "Service");
        unit_file_comment(u, origin);
        unit_file_setting(u, "ExecStartPre",
                          "-/usr/lib/systemd/systemd-networkd-wait-online --any -o routable --timeout=60");
        unit_file_setting(u, "TimeoutStartSec", "70");
        return 1;
}

static int warn_about_ipv6(const Ipv6Problem *p) {
        _cleanup_free_ char *shown = printable(p->value, 64);

        if (!shown)
                return -ENOMEM;
        log_warning("ipv6.%s='%s' (metadata) %s, leaving IPv6 to router advertisements.", p->key, shown, p->reason);
        return 0;
}

static int add_ipv6(const Boot *b, UnitFile *u) {
        char address[INET6_ADDRSTRLEN], gateway[INET6_ADDRSTRLEN];
        _cleanup_free_ char *with_prefix = NULL;
        MetadataIpv6 ipv6 = {};
        Ipv6Problem problem;
        Ipv6Settings s;
        int r;

        if (!b->metadata || options_get_bool(b->options, OPTION_NO_IPV6))
                return 0;
        r = metadata_ipv6(b->metadata, &ipv6);
        if (r == 0)
                return 0;
        if (r < 0) {
                log_warning("ipv6 (metadata) is no object, leaving IPv6 to router advertisements.");
                return 0;
        }
        if (ipv6_settings_parse(ipv6.address, ipv6.netmask, ipv6.gateway, &s, &problem) < 0)
                return warn_about_ipv6(&problem);

        if (!inet_ntop(AF_INET6, &s.address, address, sizeof(address)) ||
            !inet_ntop(AF_INET6, &s.gateway, gateway, sizeof(gateway)))
                return -errno;
        r = asprintf_to(&with_prefix, "%s/%u", address, s.prefix);
        if (r < 0)
                return r;

        unit_file_section(u, "Service");
        unit_file_comment(u, "ipv6 of the metadata");
        unit_file_environment(u, "IPV6_ADDRESS", with_prefix);
        unit_file_environment(u, "IPV6_GATEWAY", gateway);
        return 1;
}

/* Where nothing of it lies behind the NICs, they are the host's own affair. Where something does, the unit's default has them
 * stay. */
static int add_nics(const Boot *b, UnitFile *u, bool other_volumes) {
        bool remote = b->root.nbd >= 0 || other_volumes || (!b->mode->device && !b->mode->memory);
        bool keep = b->mode->memory || options_get_bool(b->options, OPTION_KEEP_NETWORKING);
        _cleanup_free_ char *origin = NULL;
        int r;

        if (remote)
                return 0;
        if (options_origin(b->options, OPTION_KEEP_NETWORKING) != ORIGIN_DEFAULT) {
                r = options_describe(b->options, OPTION_KEEP_NETWORKING, &origin);
                if (r < 0)
                        return r;
        }

        unit_file_section(u, "Service");
        unit_file_comment(u, "No volume comes over the network.");
        if (origin)
                unit_file_comment(u, origin);
        unit_file_environment(u, "NICS", keep ? "keep" : "down");
        return 1;
}

int network_write(const Boot *b, bool other_volumes) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int n, r;

        assert(b);

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        n = drop_in_add_options(u, b->options, UNIT);
        if (n < 0)
                return n;
        r = add_wait(b, u);
        if (r < 0)
                return r;
        n += r;
        r = add_ipv6(b, u);
        if (r < 0)
                return r;
        n += r;
        r = add_nics(b, u, other_volumes);
        if (r < 0)
                return r;
        n += r;

        return n > 0 ? unit_file_write(u, b->unit_fd, UNIT ".d/" DROP_IN_NAME) : 0;
}
