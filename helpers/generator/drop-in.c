/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "drop-in.h"
#include "log.h"
#include "string-util.h"

int drop_in_add_value(UnitFile *u, const Options *o, OptionId id, const char *variable, const char *value) {
        _cleanup_free_ char *origin = NULL;
        int r;

        r = options_describe(o, id, &origin);
        if (r < 0)
                return r;

        unit_file_section(u, "Service");
        unit_file_comment(u, origin);
        unit_file_environment(u, variable, value);
        return 0;
}

int drop_in_add_options(UnitFile *u, const Options *o, const char *unit) {
        int n = 0;

        for (OptionId id = 0; id < _OPTION_MAX; id++) {
                const Option *option = option_table + id;
                int r;

                if (!streq_ptr(option->unit, unit) && !streq_ptr(option->early_unit, unit))
                        continue;
                if (options_origin(o, id) == ORIGIN_DEFAULT)
                        continue;

                r = drop_in_add_value(u, o, id, option->variable, options_get_string(o, id));
                if (r < 0)
                        return r;
                n++;
        }

        return n;
}

int drop_in_add_mount_options(UnitFile *u, const Options *o, const char *variable, const char *otherwise) {
        static const OptionId ids[] = { OPTION_RO, OPTION_RW, OPTION_ROOTFLAGS };
        const char *flags = options_get_string(o, OPTION_ROOTFLAGS), *word;
        _cleanup_free_ char *value = NULL;
        int r;

        unit_file_section(u, "Service");
        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                _cleanup_free_ char *origin = NULL;

                if (options_origin(o, ids[i]) == ORIGIN_DEFAULT)
                        continue;
                r = options_describe(o, ids[i], &origin);
                if (r < 0)
                        return r;
                unit_file_comment(u, origin);
        }

        word = options_get_bool(o, OPTION_RO) ? "ro" : options_get_bool(o, OPTION_RW) ? "rw" : otherwise;
        r = asprintf_to(&value, "%s%s%s", word, *word && flags ? "," : "", flags ?: "");
        if (r < 0)
                return r;

        unit_file_environment(u, variable, value);
        return 0;
}

static int write_below(UnitFile *u, const char *unit, int dir_fd, const char *name) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = asprintf_to(&path, "%s.d/%s", unit, name);
        if (r < 0)
                return r;

        return unit_file_write(u, dir_fd, path);
}

int drop_in_write_options(const Options *o, const char *unit, int dir_fd, const char *name) {
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;
        r = drop_in_add_options(u, o, unit);
        if (r <= 0)
                return r;

        return write_below(u, unit, dir_fd, name);
}

int drop_in_write_log_level(const Options *o, int dir_fd, const char *name) {
        static const OptionId ids[] = { OPTION_INITRD_VERBOSE, OPTION_INITRD_DEBUG };
        _cleanup_(unit_file_freep) UnitFile *u = NULL;
        bool debug = false, given = false;
        int r;

        r = unit_file_new(&u);
        if (r < 0)
                return r;

        unit_file_section(u, "Service");
        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                _cleanup_free_ char *origin = NULL;

                if (options_origin(o, ids[i]) == ORIGIN_DEFAULT)
                        continue;
                given = true;
                debug |= options_get_bool(o, ids[i]);
                r = options_describe(o, ids[i], &origin);
                if (r < 0)
                        return r;
                unit_file_comment(u, origin);
        }
        if (!given)
                return 0;

        /* "info" is written out: a tag may take back what the first phase has set for the command line. */
        unit_file_environment(u, "SCALEWAY_LOG_LEVEL", debug ? "debug" : "info");
        return write_below(u, "scaleway-.service", dir_fd, name);
}

void warn_about_problems(const Options *o, bool early) {
        const OptionProblem *problems;
        size_t n;

        n = options_problems(o, &problems);
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *text = NULL;
                bool told_early = option_is_early(problems[i].id) && problems[i].origin == ORIGIN_CMDLINE;

                if (told_early != early)
                        continue;
                if (options_describe_problem(o, problems + i, &text) < 0)
                        return (void) log_oom();
                log_warning("%s.", text);
        }
}
