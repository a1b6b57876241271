/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <unistd.h>

#include "alloc-util.h"
#include "bounds.h"
#include "fd-util.h"
#include "log.h"
#include "network-cmdline.h"
#include "option-table.h"
#include "paths.h"
#include "proc-cmdline.h"
#include "string-util.h"
#include "unit-file.h"

#define NETWORK_GENERATOR "/usr/lib/systemd/systemd-network-generator"
/* ip=CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:PROTOCOL…, and the short form of dracut, ip=DEVICE:PROTOCOL… */
#define FIELD_DEVICE 5U
#define FIELD_PROTOCOL 6U

typedef struct IpOption {
        char *copy; /* holds the fields */
        char *fields[IP_FIELDS_MAX];
        size_t n_fields;
        const char *device; /* NULL: all */
} IpOption;

static void ip_option_done(IpOption *ip) {
        free(ip->copy);
}

/* Splits at colons outside of brackets, in which IPv6 addresses stand. */
static int split_fields(IpOption *ip, const char *value) {
        bool in_brackets = false;

        ip->copy = strdup(value);
        if (!ip->copy)
                return -ENOMEM;

        ip->fields[ip->n_fields++] = ip->copy;
        for (char *p = ip->copy; *p; p++) {
                if (*p == '[')
                        in_brackets = true;
                else if (*p == ']')
                        in_brackets = false;
                else if (*p == ':' && !in_brackets) {
                        if (ip->n_fields >= IP_FIELDS_MAX)
                                return -EINVAL;
                        *p = '\0';
                        ip->fields[ip->n_fields++] = p + 1;
                }
        }

        return 0;
}

static bool is_protocol(const char *s) {
        static const char *const known[] = {
                "none", "off", "on", "any", "dhcp", "dhcp6", "auto6", "either6", "link-local", "ibft",
        };

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (streq(s, known[i]))
                        return true;

        return false;
}

/* The name goes into a file name. */
static bool is_device_name(const char *s) {
        size_t n = strlen(s);

        return n > 0 && n < IFNAMSIZ && s[0] != '.' &&
               strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-@") == n;
}

static bool is_client(const char *s) {
        struct in_addr ignored;

        return s[0] == '\0' || s[0] == '[' || inet_pton(AF_INET, s, &ignored) == 1;
}

/* Fills in the protocol if there is none, as the kernel does it (Documentation/admin-guide/nfs/nfsroot.rst): a given
 * address is used as it is, otherwise one is asked for. Returns -EINVAL if the value is none that can be made sense
 * of. */
static int ip_option_parse(const char *value, IpOption *ip) {
        size_t protocol = 0;
        int r;

        r = split_fields(ip, value);
        if (r < 0)
                return r;

        if (ip->n_fields > 1) {
                bool is_long = is_client(ip->fields[0]);
                size_t device = is_long ? FIELD_DEVICE : 0;

                protocol = is_long ? FIELD_PROTOCOL : 1;
                while (ip->n_fields <= protocol)
                        ip->fields[ip->n_fields++] = ip->copy + strlen(value);
                ip->device = empty_to_null(ip->fields[device]);
        }

        if (isempty(ip->fields[protocol]))
                ip->fields[protocol] = (char *) (protocol == FIELD_PROTOCOL && ip->fields[0][0] ? "none" : "dhcp");
        /* An empty field at the end is refused as well. */
        while (ip->n_fields > protocol + 1 && isempty(ip->fields[ip->n_fields - 1]))
                ip->n_fields--;

        return is_protocol(ip->fields[protocol]) && (!ip->device || is_device_name(ip->device)) ? 0 : -EINVAL;
}

static int ip_option_to_word(const IpOption *ip, char **ret) {
        _cleanup_free_ char *word = NULL;
        size_t size;
        FILE *f;

        f = open_memstream(&word, &size);
        if (!f)
                return -ENOMEM;
        fprintf(f, "%s=", option_table[OPTION_IP].key);
        for (size_t i = 0; i < ip->n_fields; i++)
                fprintf(f, "%s%s", i > 0 ? ":" : "", ip->fields[i]);
        if (fclose(f) != 0)
                return -ENOMEM;

        *ret = TAKE_PTR(word);
        return 0;
}

/* What systemd-network-generator writes has the defaults of systemd-networkd, not the settings of
 * 80-scaleway.network. The host and the initrd must ask with the same client identifier, or the DHCP server takes
 * them for two. */
static int write_network_drop_in(const char *device, int network_fd) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = device ? asprintf_to(&path, "70-%s.network.d/50-scaleway.conf", device) :
                     asprintf_to(&path, "71-default.network.d/50-scaleway.conf");
        if (r < 0)
                return r;
        r = unit_file_new(&u);
        if (r < 0)
                return r;

        unit_file_section(u, "DHCPv4");
        unit_file_setting(u, "ClientIdentifier", "mac");
        unit_file_setting(u, "UseHostname", "no");
        unit_file_setting(u, "UseDomains", "yes");
        return unit_file_write(u, network_fd, path);
}

/* The words that systemd-network-generator looks at. nameserver= is not among them: it would make a
 * 71-default.network without DHCP out of it, and scaleway-network(8) does what it asks for. */
static bool is_network_word(const char *word) {
        static const char *const keys[] = {
                "rd.route", "rd.peerdns", "ifname",    "vlan",              "bond",
                "bridge",   "BOOTIF",     "rd.bootif", "net.ifname_policy", "net.ifname-policy",
        };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (word_value(word, keys[i]))
                        return true;

        return false;
}

static int write_service_drop_in(const char *arguments, int early_fd) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        _cleanup_free_ char *command = NULL;
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        r = asprintf_to(&command, NETWORK_GENERATOR " --%s", arguments);
        if (r < 0)
                return r;

        unit_file_section(u, "Service");
        unit_file_comment(u, "Words of the command line, as systemd-network-generator can read them.");
        unit_file_setting(u, "ExecStart", "");
        unit_file_setting(u, "ExecStart", command);
        return unit_file_write(u, early_fd, "systemd-network-generator.service.d/50-scaleway.conf");
}

/* With no word for it, systemd-network-generator would start only to find that out, and systemd-networkd waits for it.
 * It also reads credentials, systemd.system-credentials(7): with any of those it runs. */
static int mask_service(int early_fd) {
        _cleanup_free_ char *credentials = NULL;
        int r;

        r = run_path("credentials/@system", &credentials);
        if (r < 0)
                return r;
        if (access(credentials, F_OK) >= 0)
                return 0;

        return unit_link(early_fd, "systemd-network-generator.service", "/dev/null");
}

/* Adds a word to the arguments. */
static int add_argument(FILE *f, const char *word) {
        _cleanup_free_ char *quoted = NULL;

        /* A unit file is a text in UTF-8; no NIC is named otherwise. */
        if (!utf8_is_valid(word, strlen(word)) || has_control_characters(word))
                return 0;
        quoted = unit_file_quote(word, /* exec= */ true);
        if (!quoted)
                return -ENOMEM;

        fprintf(f, " %s", quoted);
        return 0;
}

/* Returns 1 if the word had to be changed, 0 if not, or a negative errno. */
static int take_ip_word(const char *word, const char *value, FILE *f, int network_fd) {
        _cleanup_(ip_option_done) IpOption ip = {};
        _cleanup_free_ char *readable = NULL, *shown = NULL;
        int r;

        r = ip_option_parse(value, &ip);
        if (r == -EINVAL) {
                shown = printable(value, 200);
                log_warning("ip='%s' (command line) is no form that this initrd knows, ignoring it: DHCP.",
                            shown ?: "?");
                return 1;
        }
        if (r < 0)
                return r;

        /* "ip=" alone stands for nothing, and "ip=dhcp" for what 80-scaleway.network does anyway. */
        if (isempty(value) || streq(value, "dhcp"))
                return 1;

        r = ip_option_to_word(&ip, &readable);
        if (r < 0)
                return r;
        r = write_network_drop_in(ip.device, network_fd);
        if (r < 0)
                return r;
        r = add_argument(f, readable);
        if (r < 0)
                return r;

        return !streq(readable, word);
}

int network_cmdline_prepare(char *const *cmdline, int early_fd) {
        _cleanup_free_ char *path = NULL, *arguments = NULL;
        _cleanup_close_ int network_fd = -EBADF;
        bool changed = false;
        size_t size;
        FILE *f;
        int r;

        r = run_path("systemd/network", &path);
        if (r < 0)
                return r;
        network_fd = unit_dir_open(path);
        if (network_fd < 0)
                return network_fd;

        f = open_memstream(&arguments, &size);
        if (!f)
                return -ENOMEM;
        for (r = 0; r >= 0 && *cmdline; cmdline++) {
                const char *value = word_value(*cmdline, option_table[OPTION_IP].key);

                if (value) {
                        r = take_ip_word(*cmdline, value, f, network_fd);
                        changed |= r > 0;
                } else if (word_value(*cmdline, option_table[OPTION_NAMESERVER].key))
                        changed = true;
                else if (is_network_word(*cmdline))
                        r = add_argument(f, *cmdline);
        }
        if (fclose(f) != 0 && r >= 0)
                r = -ENOMEM;
        if (r < 0)
                return r;

        if (isempty(arguments))
                return mask_service(early_fd);
        return changed ? write_service_drop_in(arguments, early_fd) : 0;
}
