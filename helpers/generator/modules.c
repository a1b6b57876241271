/* SPDX-License-Identifier: MIT */
/* INITRD_MODULES=: kernel modules to be loaded before the root is mounted, whatever the mode. */

#include <errno.h>

#include "bounds.h"
#include "drop-in.h"
#include "log.h"
#include "modules.h"
#include "string-util.h"

#define UNIT "scaleway-modules.service"
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* The name in the word, which may be a path such as fs/btrfs/btrfs.ko: that is how the old initrd wanted them. Cuts
 * word in place. NULL if it is none. */
static const char *module_name(char *word) {
        static const char *const endings[] = { ".xz", ".zst", ".gz", ".ko" };
        char *name = strrchr(word, '/');

        name = name ? name + 1 : word;
        for (size_t i = 0; i < ELEMENTSOF(endings); i++) {
                const char *end = endswith(name, endings[i]);

                if (end)
                        name[end - name] = '\0';
        }

        if (name[0] == '\0' || name[0] == '-' || strlen(name) > MODULE_NAME_MAX)
                return NULL;
        return name[strspn(name, NAME_CHARACTERS)] == '\0' ? name : NULL;
}

static int warn_of(const char *word) {
        _cleanup_free_ char *shown = printable(word, 80);

        if (!shown)
                return -ENOMEM;

        log_warning("INITRD_MODULES: '%s' is no name of a kernel module, leaving it out.", shown);
        return 0;
}

/* The names with blanks between them, "" if there are none. */
static int collect(const char *value, char **ret) {
        _cleanup_free_ char *copy = strdup(value), *names = strdup("");
        unsigned n = 0, n_bad = 0;
        int r;

        if (!copy || !names)
                return -ENOMEM;

        for (char *p = copy, *word; (word = strsep(&p, ", "));) {
                _cleanup_free_ char *original = strdup(word);
                const char *name;
                char *longer;

                if (!original)
                        return -ENOMEM;
                if (*word == '\0')
                        continue;
                name = module_name(word);
                if (!name) {
                        if (++n_bad > MODULES_WARNINGS_MAX)
                                continue;
                        r = warn_of(original);
                        if (r < 0)
                                return r;
                        continue;
                }
                if (++n > MODULES_MAX) {
                        log_warning("INITRD_MODULES has more than %u names, leaving out the others.", MODULES_MAX);
                        break;
                }
                r = asprintf_to(&longer, "%s%s%s", names, *names ? " " : "", name);
                if (r < 0)
                        return r;
                free_and_replace_str(&names, longer);
        }

        if (n_bad > MODULES_WARNINGS_MAX)
                log_warning("INITRD_MODULES has %u more such words.", n_bad - MODULES_WARNINGS_MAX);

        *ret = TAKE_PTR(names);
        return 0;
}

int modules_write(const Boot *b) {
        const char *value = options_get_string(b->options, OPTION_MODULES);
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        _cleanup_free_ char *names = NULL;
        int r;

        if (!value)
                return 0;
        r = collect(value, &names);
        if (r < 0)
                return r;
        if (isempty(names))
                return 0;

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        r = drop_in_add_value(u, b->options, OPTION_MODULES, "MODULES", names);
        if (r < 0)
                return r;
        r = unit_file_write(u, b->unit_fd, UNIT ".d/" DROP_IN_NAME);
        if (r < 0)
                return r;

        return unit_link(b->unit_fd, "scaleway-boot.target.wants/" UNIT, SHIPPED_UNITS "/" UNIT);
}
