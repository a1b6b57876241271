/* SPDX-License-Identifier: MIT */
/* Runs from scaleway-info.service, after scw-metadata has cached the metadata; nothing waits for it. It expects the
 * cache /run/scaleway/metadata.json, and says so if there is none. It leaves only text on the console: who this
 * server is. */

#include <errno.h>
#include <stdio.h>

#include "console-out.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "mask.h"
#include "metadata.h"
#include "string-util.h"

/* From the place outwards, as the platform names it in the object "location". Bare metal has a chassis in place of
 * a hypervisor. */
static const struct {
        const char *path, *label;
} location_parts[] = {
        { "location.zone_id",       "zone"       },
        { "location.platform_id",   "platform"   },
        { "location.cluster_id",    "cluster"    },
        { "location.hypervisor_id", "hypervisor" },
        { "location.chassis_id",    "chassis"    },
        { "location.blade_id",      "blade"      },
        { "location.node_id",       "node"       },
};

static const char usage[] = "scaleway-info\n\n"
                            "Shows on the console who this server is, from the cached metadata.";

/* Appends ", text" to *list, which may be NULL. */
static int append(char **list, const char *text) {
        char *longer;
        int r;

        r = asprintf_to(&longer, "%s%s%s", *list ?: "", *list ? ", " : "", text);
        if (r < 0)
                return r;

        free_and_replace_str(list, longer);
        return 0;
}

static int show_location(const Metadata *m) {
        _cleanup_free_ char *list = NULL;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(location_parts); i++) {
                const char *value = metadata_string(m, location_parts[i].path);
                _cleanup_free_ char *part = NULL;

                if (isempty(value))
                        continue;
                r = asprintf_to(&part, "%s %s", location_parts[i].label, value);
                if (r < 0)
                        return r;
                r = append(&list, part);
                if (r < 0)
                        return r;
        }

        return console_value(stdout, "Platform", list);
}

/* It is half of what one needs to use the API, and consoles are shown to others. */
static int show_organization(const Metadata *m) {
        const char *organization = metadata_string(m, "organization");
        _cleanup_free_ char *masked = NULL;
        int r;

        if (isempty(organization))
                return 0;
        r = mask_middle(organization, &masked);
        if (r < 0)
                return r;

        return console_value(stdout, "Organization", masked);
}

static int show_tags(const Metadata *m) {
        _cleanup_free_ char *list = NULL;
        size_t length = 0;
        int r;

        for (size_t i = 0; i < metadata_n_tags(m) && length <= CONSOLE_VALUE_MAX; i++) {
                const char *tag = metadata_tag(m, i);
                _cleanup_free_ char *masked = NULL;

                if (isempty(tag))
                        continue;
                r = mask_word(tag, &masked);
                if (r < 0)
                        return r;
                r = append(&list, masked);
                if (r < 0)
                        return r;
                length += strlen(masked);
        }

        return console_value(stdout, "Tags", list);
}

/* "0: 50 GB l_ssd nbd://10.1.2.3:4000"; what the document does not tell is left out. Sizes are decimal, as they are
 * sold. */
static int volume_text(unsigned index, const MetadataVolume *v, char **ret) {
        _cleanup_free_ char *uri = NULL;
        _cleanup_free_ char *size = NULL;
        uint64_t tenths = v->size / 100000000;
        int r;

        r = v->size == 0 ? strdup_to(&size, "") :
            tenths % 10 == 0 ? asprintf_to(&size, " %llu GB", (unsigned long long) (tenths / 10)) :
                               asprintf_to(&size, " %llu.%u GB", (unsigned long long) (tenths / 10),
                                           (unsigned) (tenths % 10));
        if (r < 0)
                return r;
        if (v->export_uri) {
                r = mask_word(v->export_uri, &uri);
                if (r < 0)
                        return r;
        }

        return asprintf_to(ret, "%u:%s%s%s%s%s", index, size, v->volume_type ? " " : "", v->volume_type ?: "",
                           uri ? " " : "", uri ?: "");
}

static int show_volumes(const Metadata *m) {
        _cleanup_free_ char *list = NULL;
        int r;

        for (unsigned i = 0; i < METADATA_VOLUMES_MAX; i++) {
                _cleanup_free_ char *text = NULL;
                MetadataVolume v;

                /* What is no volume is the business of the unit that would attach it, here it is passed over. */
                if (metadata_volume(m, i, &v) <= 0)
                        continue;
                r = volume_text(i, &v, &text);
                if (r < 0)
                        return r;
                r = append(&list, text);
                if (r < 0)
                        return r;
        }

        return console_value(stdout, "Volumes", list);
}

static int show_metadata(const Metadata *m) {
        /* In the order of the console; what is not one string has a function of its own. */
        static const struct {
                const char *label, *path;
                int (*show)(const Metadata *m);
        } lines[] = {
                { "Server ID",       "id"                },
                { "Private IP",      "private_ip"        },
                { "Public IP",       "public_ip.address" },
                { "IPv6",            "ipv6.address"      },
                { "Hostname",        "hostname"          },
                { "Commercial type", "commercial_type"   },
                { .show = show_location                  },
                { .show = show_organization              },
                { "Timezone",        "timezone"          },
                { .show = show_tags                      },
                { .show = show_volumes                   },
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                int r = lines[i].show ? lines[i].show(m) :
                                        console_value(stdout, lines[i].label, metadata_string(m, lines[i].path));

                if (r < 0)
                        return r;
        }

        return 0;
}

static int run(int argc, char *argv[]) {
        _cleanup_(metadata_freep) Metadata *m = NULL;
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = program_options_none(argc, argv, usage);
        if (r <= 0)
                return r;

        /* scw-metadata has told why, and the boot goes on from the command line: not a failure of this program. */
        r = metadata_load(&m);
        if (r == -ENOMEM)
                return log_oom();
        if (r < 0)
                r = console_value(stdout, "Metadata", r == -ENOENT ? "none, only the command line is used"
                                                                   : "unreadable, only the command line is used");
        else
                r = show_metadata(m);
        if (r < 0)
                return log_oom();

        r = console_flush(stdout);
        if (r < 0)
                return log_error_errno(r, "Failed to write to the console: %m");

        return 0;
}

DEFINE_MAIN_FUNCTION(run)
