/* SPDX-License-Identifier: MIT */
#include "option-table.h"
#include "string-util.h"

const Option option_table[_OPTION_MAX] = {
        [OPTION_METADATA_IP] = {
                .key = "METADATA_IP",
                .where = OPTION_CMDLINE,
                .type = OPTION_TYPE_ADDRESS,
                .default_text = METADATA_IPV4 ", " METADATA_IPV6,
                .early_unit = "scaleway-metadata.service",
                .unit = "scaleway-state@.service",
                .variable = "METADATA_IP",
                .help = "Address of the metadata service",
        },
        [OPTION_NAMESERVER] = {
                .key = "nameserver",
                .where = OPTION_CMDLINE,
                .type = OPTION_TYPE_ADDRESS,
                .default_text = "from DHCP",
                .unit = "scaleway-network.service",
                .variable = "NAMESERVER",
                .help = "The only DNS server to use",
        },
        [OPTION_NO_METADATA] = {
                .key = "NO_METADATA",
                .where = OPTION_CMDLINE,
                .type = OPTION_TYPE_BOOL,
                .help = "Fetch no metadata, use no tags, signal no state: boot from the command line alone",
        },
        [OPTION_NOMETADATA] = {
                .key = "nometadata",
                .where = OPTION_CMDLINE,
                .type = OPTION_TYPE_BOOL,
                .help = "Signal no state",
        },
        [OPTION_IP] = {
                .key = "ip",
                .where = OPTION_CMDLINE,
                .type = OPTION_TYPE_FOREIGN,
                .default_text = "DHCP on every Ethernet NIC",
                .help = "Network, as systemd-network-generator(8) reads it; no protocol and no address: DHCP",
        },
        [OPTION_NO_IPV6] = {
                .key = "NO_IPV6",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "Leave the IPv6 address of the metadata alone; router advertisements are not touched by it",
        },
        [OPTION_KEEP_NETWORKING] = {
                .key = "KEEP_INITRD_NETWORKING",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "Leave the network as it is when the root is on a local disk, too",
        },
        [OPTION_INITRD_VERBOSE] = {
                .key = "INITRD_VERBOSE",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "Debug messages of our programs",
        },
        [OPTION_INITRD_DEBUG] = {
                .key = "INITRD_DEBUG",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "The same",
        },
        [OPTION_NO_SIGNAL_STATE] = {
                .key = "NO_SIGNAL_STATE",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "Signal no state",
        },
        [OPTION_NO_NTPDATE] = {
                .key = "NO_NTPDATE",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "Leave the clock as it is",
        },
        [OPTION_SKIP_GPIO_SETUP] = {
                .key = "SKIP_GPIO_SETUP",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "On a C1: leave GPIO 42 as it is",
        },
        [OPTION_PRE_SHELL] = {
                .key = "INITRD_PRE_SHELL",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "A shell on the console before anything is attached or mounted, see scaleway-shell(8)",
        },
        [OPTION_BOOT] = {
                .key = "boot",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_ENUM,
                .default_value = "local",
                .choices = { { "local" }, { "nbd", "local" }, { "nfs" }, { "rescue" }, { "live" }, { "none" } },
                .help = "Boot mode: local, or nbd, which is the same; nfs; rescue: a tar archive unpacked into memory; live: one "
                        "installed on the root volume, if that is empty; none: by hand, see scaleway-shell(8)",
        },
        [OPTION_MODULES] = {
                .key = "INITRD_MODULES",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_STRING,
                .help = "Kernel modules to load before the root is mounted: btrfs,fs/xfs/xfs.ko",
        },
        [OPTION_ROOT] = {
                .key = "root",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_ROOT,
                .default_text = "volume 0, else /dev/nbd0",
                .help = "Root: /dev/nbdN, nbd://HOST[:PORT][/EXPORT], /dev/…, UUID=, LABEL=, PARTUUID=, PARTLABEL=; /dev/nfs is boot=nfs",
        },
        [OPTION_ROOTFSTYPE] = {
                .key = "rootfstype",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_NAME,
                .default_text = "found out",
                .unit = "scaleway-local.service",
                .variable = "ROOTFSTYPE",
                .help = "Type of the root file system",
        },
        [OPTION_ROOTFLAGS] = {
                .key = "rootflags",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_STRING,
                .help = "More mount options of the root, separated by commas",
        },
        [OPTION_RO] = {
                .key = "ro",
                .where = OPTION_CMDLINE,
                .type = OPTION_TYPE_WORD,
                .help = "Mount the root read-only",
        },
        [OPTION_RW] = {
                .key = "rw",
                .where = OPTION_CMDLINE,
                .type = OPTION_TYPE_WORD,
                .default_text = "yes",
                .help = "Mount the root read-write; the last one of ro and rw counts",
        },
        [OPTION_NFSROOT] = {
                .key = "nfsroot",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_NFS,
                .unit = "scaleway-nfs.service",
                .variable = "NFSROOT",
                .help = "Root for boot=nfs: SERVER:/PATH[,OPTIONS], see scaleway-nfs(8)",
        },
        [OPTION_RESCUE_IMAGE] = {
                .key = "rescue_image",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_URL,
                .unit = "scaleway-rescue.service",
                .variable = "RESCUE_IMAGE",
                .help = "Archive for boot=rescue and live: http:// or https://, tar, plain or gz, xz, zst, bz2, lz4",
        },
        [OPTION_RESCUE_IMAGE_SHA256] = {
                .key = "rescue_image_sha256",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_SHA256,
                .unit = "scaleway-rescue.service",
                .variable = "RESCUE_IMAGE_SHA256",
                .help = "Checksum that the archive must have",
        },
        [OPTION_RESCUE_IMAGE_SIGNATURE] = {
                .key = "rescue_image_signature",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_URL,
                .unit = "scaleway-rescue.service",
                .variable = "RESCUE_IMAGE_SIGNATURE",
                .help = "Signature that the archive must have, by the key in the initrd, see scaleway-stream(8)",
        },
        [OPTION_LIVE_MODE] = {
                .key = "live_mode",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_ENUM,
                .default_text = "auto",
                .choices = { { "auto" }, { "install" } },
                .unit = "scaleway-live.service",
                .variable = "LIVE_MODE",
                .help = "boot=live: install on an empty volume only (auto), or over whatever is there, at each boot (install)",
        },
        [OPTION_LIVE_MKFS] = {
                .key = "live_mkfs",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_ENUM,
                .default_text = "ext4",
                .choices = { { "ext4" }, { "btrfs" } },
                .unit = "scaleway-install.service",
                .variable = "LIVE_MKFS",
                .help = "boot=live: file system to install on, ext4 or btrfs",
        },
        [OPTION_LIVE_GROW] = {
                .key = "live_grow",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "boot=live: grow a root that is smaller than its volume or partition",
        },
        [OPTION_SKIP_OPTIONAL_NBD_DEVICES] = {
                .key = "SKIP_OPTIONAL_NBD_DEVICES",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "Attach no NBD volume but that of the root",
        },
        [OPTION_SKIP_SECONDARY_VOLUMES] = {
                .key = "INITRD_SKIP_SECONDARY_VOLUMES",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "Attach no NBD volume but volume 0 and that of the root",
        },
        [OPTION_WAIT_SECONDARY_VOLUMES] = {
                .key = "INITRD_WAIT_SECONDARY_VOLUMES",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "Wait up to 5 minutes for the other volumes before the switch to the root, not 20 seconds",
        },
        [OPTION_KEXEC_KERNEL] = {
                .key = "KEXEC_KERNEL",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOT_FILE,
                .unit = "scaleway-kexec.service",
                .variable = "KEXEC_KERNEL",
                .help = "Kernel to boot instead: latest, a path on the root, or a URL, see scaleway-kexec(8)",
        },
        [OPTION_KEXEC_KERNEL_SHA256] = {
                .key = "KEXEC_KERNEL_SHA256",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_SHA256,
                .unit = "scaleway-kexec.service",
                .variable = "KEXEC_KERNEL_SHA256",
                .help = "Checksum that a kernel from a URL must have",
        },
        [OPTION_KEXEC_INITRD] = {
                .key = "KEXEC_INITRD",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOT_FILE,
                .unit = "scaleway-kexec.service",
                .variable = "KEXEC_INITRD",
                .help = "Its initrd: latest (the one that belongs to it), a path on the root, or a URL; without it there is none",
        },
        [OPTION_KEXEC_INITRD_SHA256] = {
                .key = "KEXEC_INITRD_SHA256",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_SHA256,
                .unit = "scaleway-kexec.service",
                .variable = "KEXEC_INITRD_SHA256",
                .help = "Checksum that an initrd from a URL must have",
        },
        [OPTION_KEXEC_APPEND] = {
                .key = "KEXEC_APPEND",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_STRING,
                .unit = "scaleway-kexec.service",
                .variable = "KEXEC_APPEND",
                .help = "More for its command line",
        },
        [OPTION_IS_IN_KEXEC] = {
                .key = "is_in_kexec",
                .where = OPTION_CMDLINE,
                .type = OPTION_TYPE_BOOL,
                .sticky = true, /* each is another turn of the same wheel */
                .help = "This is the second kernel: no kexec again, wherever it stands",
        },
        [OPTION_DONT_FORWARD_NET_CONFIG] = {
                .key = "DONT_FORWARD_NET_CONFIG",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .unit = "scaleway-prepare.service",
                .variable = "DONT_FORWARD_NET_CONFIG",
                .help = "Leave /etc/hostname, /etc/hosts and /etc/resolv.conf of the root alone",
        },
        [OPTION_DONT_GEN_ROOT_PASSWD] = {
                .key = "DONT_GEN_ROOT_PASSWD",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .unit = "scaleway-prepare.service",
                .variable = "DONT_GEN_ROOT_PASSWD",
                .help = "Never give root a password, see scaleway-prepare(8)",
        },
        [OPTION_RESET_PASSWORD] = {
                .key = "RESET_PASSWORD",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .unit = "scaleway-prepare.service",
                .variable = "RESET_PASSWORD",
                .help = "Give root a new password at each boot, in /root/.pw, whatever it has",
        },
        [OPTION_DONT_GEN_MACHINE_ID] = {
                .key = "DONT_GEN_MACHINE_ID",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .unit = "scaleway-prepare.service",
                .variable = "DONT_GEN_MACHINE_ID",
                .help = "Leave the machine ids of the root alone",
        },
        [OPTION_DONT_FETCH_KERNEL_MODULES] = {
                .key = "DONT_FETCH_KERNEL_MODULES",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "Fetch no kernel modules for a root that has none for this kernel",
        },
        [OPTION_MODULES_MIRROR] = {
                .key = "modules_mirror",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_URL,
                .default_value = sizeof(MODULES_MIRROR) > 1 ? MODULES_MIRROR : NULL,
                .unit = "scaleway-fetch-modules.service",
                .variable = "MODULES_MIRROR",
                .help = "Where they are fetched from: URL/kernel/MACHINE/RELEASE/modules.tar, see scaleway-fetch-modules(8)",
        },
        [OPTION_MODULES_SHA256] = {
                .key = "modules_sha256",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_SHA256,
                .unit = "scaleway-fetch-modules.service",
                .variable = "MODULES_SHA256",
                .help = "Checksum that this archive must have",
        },
        [OPTION_POST_SHELL] = {
                .key = "INITRD_POST_SHELL",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "A shell on the console before the switch to the root, which is mounted and prepared",
        },
        [OPTION_DROPBEAR] = {
                .key = "INITRD_DROPBEAR",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_BOOL,
                .help = "An ssh server for root, and the boot waits for continue-boot(1), see scaleway-sshd(8)",
        },
        [OPTION_DROPBEAR_TIMEOUT] = {
                .key = "INITRD_DROPBEAR_TIMEOUT",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_SECONDS,
                .default_text = "no limit",
                .help = "Seconds after which the boot goes on although nobody has called continue-boot(1), or after a failure reboots",
        },
        [OPTION_AUTHORIZED_KEY] = {
                .key = "AUTHORIZED_KEY",
                .where = OPTION_TAG,
                .type = OPTION_TYPE_FOREIGN,
                .help = "Another key for that server, with an underscore for each blank: ssh-ed25519_AAAA…; several tags, several keys",
        },
        [OPTION_INIT] = {
                .key = "init",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_PATH,
                .default_value = "/sbin/init",
                .unit = "scaleway-switch.service",
                .variable = "INIT",
                .help = "Program to start on the root",
        },
        [OPTION_FAILURE] = {
                .key = "rd.scaleway.failure",
                .where = OPTION_BOTH,
                .type = OPTION_TYPE_ENUM,
                .default_value = "reboot",
                .choices = { { "reboot" }, { "poweroff" }, { "shell" } },
                .early_unit = "emergency.service",
                .variable = "SCALEWAY_FAILURE",
                .help = "What to do when no root can be had: reboot, poweroff or shell",
        },
        [OPTION_SHELL] = {
                .key = "rd.shell",
                .where = OPTION_CMDLINE,
                .type = OPTION_TYPE_FOREIGN,
                .default_text = "yes",
                .help = "With 0, neither scaleway-failure(8) nor scaleway-shell(8) offers a shell",
        },
        [OPTION_HOOKS] = {
                .key = "rd.scaleway.hooks",
                .where = OPTION_CMDLINE,
                .type = OPTION_TYPE_FOREIGN,
                .default_text = "no",
                .help = "With exactly rd.scaleway.hooks=1, dracut's shell hooks run too, see scaleway.boot(7)",
        },
};

bool option_is_early(OptionId id) {
        assert(id >= 0 && id < _OPTION_MAX);

        /* Only masks scaleway-metadata.service, or sets the log level for all units, which no single row can say. */
        if (id == OPTION_NO_METADATA || id == OPTION_INITRD_VERBOSE || id == OPTION_INITRD_DEBUG)
                return true;

        return option_table[id].early_unit;
}

const char *option_default_text(OptionId id) {
        const Option *o;

        assert(id >= 0 && id < _OPTION_MAX);

        o = option_table + id;
        if (o->default_text)
                return o->default_text;
        if (o->default_value)
                return o->default_value;
        return o->type == OPTION_TYPE_BOOL || o->type == OPTION_TYPE_WORD ? "no" : "-";
}

static const char *where_text(OptionWhere where) {
        switch (where) {
        case OPTION_CMDLINE:
                return "command line";
        case OPTION_TAG:
                return "tag";
        default:
                return "both";
        }
}

/* What is shown is ASCII but for "…", which is one column and three bytes; only the last column, which is not filled
 * up, has it. */
static void print_row(FILE *f, const int widths[static 3], const char *key, const char *where, const char *text,
                      const char *help) {
        fprintf(f, "| %-*s | %-*s | %-*s | %s |\n", widths[0], key, widths[1], where, widths[2], text, help);
}

void option_table_print(FILE *f) {
        static const char rule[] = "----------------------------------------------------------------";
        int widths[3] = { 3, 5, 7 };

        for (OptionId i = 0; i < _OPTION_MAX; i++) {
                const Option *o = option_table + i;

                widths[0] = MAX(widths[0], (int) strlen(o->key));
                widths[1] = MAX(widths[1], (int) strlen(where_text(o->where)));
                widths[2] = MAX(widths[2], (int) strlen(option_default_text(i)));
        }

        print_row(f, widths, "key", "where", "default", "what it does");
        fprintf(f, "|-%.*s-|-%.*s-|-%.*s-|---|\n", widths[0], rule, widths[1], rule, widths[2], rule);
        for (OptionId i = 0; i < _OPTION_MAX; i++)
                print_row(f, widths, option_table[i].key, where_text(option_table[i].where), option_default_text(i),
                          option_table[i].help);
}
