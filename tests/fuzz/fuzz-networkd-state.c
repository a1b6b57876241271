/* SPDX-License-Identifier: MIT */
/* rows: C6 */
/* The input is what systemd-networkd keeps of a NIC, in which the DHCP server has a say: name servers, search list, NTP servers. */
#include "alloc-util.h"
#include "fuzz.h"
#include "networkd-state.h"
#include "resolv-conf.h"
#include "string-util.h"

/* What the C library reads: addresses and names, no more of them than it takes, and no line that it was not meant to have. */
static void check_resolv_conf(const char *text) {
        unsigned n_servers = 0;

        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                _cleanup_free_ char *copy = strndup(line, strcspn(line, "\n"));
                const char *server;

                require(copy);
                for (const char *p = copy; *p; p++)
                        require((unsigned char) *p >= 0x20 && *p != 0x7f);
                server = startswith(copy, "nameserver ");
                if (server) {
                        require(nameserver_is_valid(server));
                        n_servers++;
                } else
                        require(copy[0] == '#' || startswith(copy, "search ") || startswith(copy, "options ") || copy[0] == '\0');
        }
        require(n_servers > 0 && n_servers <= RESOLV_CONF_SERVERS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const keys[] = { "DNS", "DOMAINS", "NTP", "NETWORK_FILE" };
        _cleanup_free_ char *text = fuzz_text(data, size), *linked = NULL, *made = NULL;
        ResolvLink links[] = { { "eth0", text }, { "a-very-long-nam", text } };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                _cleanup_free_ char *value = NULL;

                require(networkd_state_value(text, keys[i], &value) >= 0);
                require(!value || (!strchr(value, '\n') && strstr(text, value)));
        }
        if (resolv_conf_from_links(links, ELEMENTSOF(links), &linked) > 0)
                check_resolv_conf(linked);
        if (resolv_conf_make(text, text, &made) > 0)
                check_resolv_conf(made);

        return 0;
}
