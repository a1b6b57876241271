/* SPDX-License-Identifier: MIT */
/* Runs from scaleway-prepare.service, after the root is mounted on /sysroot and before scaleway-switch.service. It leaves the
 * root as an init expects it. Nothing of this is worth a boot: a step that fails costs a warning. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>

#include "alloc-util.h"
#include "fd-util.h"
#include "host-names.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "metadata.h"
#include "parse-util.h"
#include "paths.h"
#include "root-file.h"
#include "root-source.h"
#include "steps.h"
#include "string-util.h"

typedef struct Step {
        const char *what; /* completes "Failed to " */
        int (*run)(const Root *root);
        bool writes;
        const bool *condition, *unless; /* NULL: always */
} Step;

/* A server's id is one of systemd's, with dashes. */
#define MACHINE_ID_LENGTH 32U

static bool arg_nbd = false;
static bool arg_no_net_config = false;
static bool arg_no_password = false;
static bool arg_reset_password = false;
static bool arg_no_machine_id = false;

static const char usage[] = "scaleway-prepare [OPTION…]\n\n"
                            "Prepares the root file system on /sysroot.";

static int parse_argv(int argc, char *argv[]) {
        const ProgramOption options[] = {
                { "nbd", "BOOL", take_boolean, &arg_nbd,
                  "The root is on an NBD volume" },
                { "no-net-config", "BOOL", take_boolean, &arg_no_net_config,
                  "Leave /etc/hostname, /etc/hosts and /etc/resolv.conf alone" },
                { "no-password", "BOOL", take_boolean, &arg_no_password,
                  "Leave /etc/shadow alone" },
                { "reset-password", "BOOL", take_boolean, &arg_reset_password,
                  "Give root a new password, whatever it has" },
                { "no-machine-id", "BOOL", take_boolean, &arg_no_machine_id,
                  "Leave /etc/machine-id and D-Bus's alone" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;
        if (optind < argc)
                return log_error_errno(EINVAL, "This program takes no arguments.");

        return 1;
}

/* The id without its dashes. Returns false if it is not one, or all zeros. */
static bool make_machine_id(const char *id, char ret[static MACHINE_ID_LENGTH + 1]) {
        bool zero = true;
        size_t n = 0;

        for (; *id; id++) {
                char c = *id;

                if (c == '-')
                        continue;
                if (c >= 'A' && c <= 'F')
                        c = (char) (c | 0x20);
                if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) || n >= MACHINE_ID_LENGTH)
                        return false;
                zero = zero && c == '0';
                ret[n++] = c;
        }
        ret[n] = '\0';

        return n == MACHINE_ID_LENGTH && !zero;
}

/* What the metadata say; the strings live as long as m and machine_id. */
static void know_server(Root *root, const Metadata *m, char machine_id[static MACHINE_ID_LENGTH + 1]) {
        const char *id = metadata_string(m, "id"), *hostname = metadata_string(m, "hostname");
        _cleanup_free_ char *shown = NULL;

        if (id && !arg_no_machine_id) {
                if (make_machine_id(id, machine_id))
                        root->machine_id = machine_id;
                else {
                        shown = printable(id, 64);
                        log_warning("The server's id '%s' makes no machine id, leaving those of the root alone.", shown ?: "?");
                        shown = mfree(shown);
                }
        }
        if (hostname && !arg_no_net_config) {
                if (host_name_is_valid(hostname))
                        root->hostname = hostname;
                else {
                        shown = printable(hostname, 80);
                        log_warning("The server's name '%s' is no host name, not writing it anywhere.", shown ?: "?");
                }
        }
}

static int run(int argc, char *argv[]) {
        bool net_config = false;
        const Step steps[] = {
                { "show the image",           show_image,        .writes = false                              },
                { "make device nodes",        make_device_nodes, .writes = true                               },
                { "remove old DHCP leases",   remove_leases,     .writes = true                               },
                { "make /boot/efi optional",  relax_efi,         .writes = true, .condition = &arg_nbd        },
                { "write /etc/hostname",      fill_hostname,     .writes = true, .condition = &net_config     },
                { "write /etc/resolv.conf",   fill_resolv_conf,  .writes = true, .condition = &net_config     },
                { "write /etc/hosts",         fill_hosts,        .writes = true, .condition = &net_config     },
                { "write the machine id",     set_machine_id,    .writes = true, .unless = &arg_no_machine_id },
                { "set the root password",    set_root_password, .writes = true, .unless = &arg_no_password   },
        };
        _cleanup_(metadata_freep) Metadata *metadata = NULL;
        char machine_id[MACHINE_ID_LENGTH + 1];
        _cleanup_close_ int root_fd = -EBADF;
        Root root = {};
        bool read_only;
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        root_fd = open(sysroot_path(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return log_error_errno(errno, "Failed to open '%s', where the root should be mounted: %m",
                                       sysroot_path());
        root.fd = root_fd;
        root.reset_password = arg_reset_password;
        read_only = root_is_read_only(root_fd);
        if (read_only)
                log_warning("The root is mounted read-only, not preparing it.");

        /* Why there are none, others have told. */
        if (metadata_load(&metadata) >= 0) {
                know_server(&root, metadata, machine_id);
                net_config = !arg_no_net_config;
        }
        r = root_is_partitioned(root_fd);
        if (r < 0)
                log_warning_errno(r, "Failed to find out what the root is on, taking it for a partition: %m");
        root.partitioned = r != 0;

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                const Step *s = steps + i;

                if ((s->writes && read_only) || (s->condition && !*s->condition) || (s->unless && *s->unless))
                        continue;
                r = s->run(&root);
                if (r < 0)
                        log_warning_errno(r, "Failed to %s, ignoring: %m", s->what);
        }

        return 0;
}

DEFINE_MAIN_FUNCTION(run)
