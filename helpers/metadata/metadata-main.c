/* SPDX-License-Identifier: MIT */
/* Fetches the document that says who this server is, and answers questions about it.
 *
 * In the initrd "scw-metadata --fetch" runs from scaleway-metadata.service, after systemd-networkd has been started and
 * before anything that depends on tags or volumes. It expects no network yet: it waits for one, at most for its
 * timeout. It leaves the document and its text form below /run, where they outlive switch-root; without them the boot
 * goes on from the command line. Images call the program by hand and from scripts, "scw-metadata [--cached] [KEY]", and
 * expect it to answer like the shell script of that name, which this replaces. */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "http-util.h"
#include "log.h"
#include "main-func.h"
#include "metadata-cache.h"
#include "metadata-fetch.h"
#include "metadata-flatten.h"
#include "parse-util.h"
#include "string-util.h"

static bool arg_cached = false;
static bool arg_fetch = false;
static usec_t arg_timeout = 60 * USEC_PER_SEC;
static const char *arg_key = NULL; /* NULL: the whole text */

static void help(void) {
        printf("Usage: %s [--cached] [KEY]\n"
               "       %s --fetch [--timeout=SECONDS]\n"
               "\n"
               "Print the metadata of this server as KEY=value lines, or the value of KEY,\n"
               "which is a basic regular expression.\n"
               "\n"
               "  --cached           use what was fetched before, if there is any (first argument only)\n"
               "  --fetch            fetch and cache, print nothing\n"
               "  --timeout=SECONDS  how long to try (default: 60)\n"
               "  --help             this text\n"
               "  --version          version of this program\n",
               program_invocation_short_name, program_invocation_short_name);
}

static int parse_timeout(const char *s) {
        unsigned seconds;

        if (parse_unsigned(s, &seconds) < 0 || seconds == 0 || seconds > 24 * 3600)
                return log_error_errno(EINVAL, "--timeout= wants a number of seconds from 1 to 86400.");

        arg_timeout = seconds * USEC_PER_SEC;
        return 0;
}

/* The old tool took --cached as its first argument only and everything else for a key, so getopt is of no use here.
 * Options of this program are taken before the first argument that is none. */
static int parse_argv(int argc, char *argv[]) {
        bool first = true;
        int i, r;

        for (i = 1; i < argc; i++) {
                const char *value;

                if (streq(argv[i], "--help")) {
                        help();
                        return 0;
                } else if (streq(argv[i], "--version")) {
                        puts("scw-metadata " PROJECT_VERSION " (" BUILD_COMMIT ")");
                        return 0;
                } else if (streq(argv[i], "--fetch"))
                        arg_fetch = true;
                else if ((value = startswith(argv[i], "--timeout="))) {
                        r = parse_timeout(value);
                        if (r < 0)
                                return r;
                } else if (streq(argv[i], "--cached") && first) {
                        arg_cached = true;
                        first = false;
                } else
                        break;
        }

        /* None, and also two or more: the whole text. */
        if (argc - i == 1)
                arg_key = argv[i];
        if (arg_fetch && (arg_cached || argc > i))
                return log_error_errno(EINVAL, "--fetch goes with --timeout= only.");

        return 1;
}

static int write_out(const char *s, size_t n) {
        if (fwrite(s, 1, n, stdout) != n || fputc('\n', stdout) == EOF)
                return log_error_errno(errno, "Failed to write the answer: %m");
        return 0;
}

static int print_entry(const MetadataEntry *e) {
        _cleanup_free_ char *value = NULL;

        if (metadata_entry_value(e, &value) < 0)
                return log_oom();
        return write_out(value, strlen(value));
}

/* The old tool said grep "^KEY=", so KEY may match any part of a line up to a '='. */
static int print_matches(const char *text, const regex_t *regex) {
        MetadataEntry e;
        int r;

        for (const char *p = text; metadata_text_next(&p, &e);) {
                _cleanup_free_ char *line = strndup(e.text, e.n_line);

                if (!line)
                        return log_oom();
                if (regexec(regex, line, 0, NULL, 0) != 0)
                        continue;
                r = print_entry(&e);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int print_value(const char *text, const char *key) {
        _cleanup_free_ char *pattern = NULL;
        regex_t regex;
        int r;

        if (asprintf_to(&pattern, "^%s=", key) < 0)
                return log_oom();
        r = regcomp(&regex, pattern, REG_NOSUB);
        if (r == REG_ESPACE)
                return log_oom();
        if (r != 0) {
                _cleanup_free_ char *shown = printable(key, 80);

                return log_error_errno(EINVAL, "'%s' is not a basic regular expression.", shown ?: "");
        }

        r = print_matches(text, &regex);
        regfree(&regex);
        return r;
}

static int print(const char *text) {
        size_t n = strlen(text);
        int r;

        while (n > 0 && text[n - 1] == '\n')
                n--;

        r = arg_key ? print_value(text, arg_key) : write_out(text, n);
        if (r < 0)
                return r;
        if (fflush(stdout) == EOF)
                return log_error_errno(errno, "Failed to write the answer: %m");
        return 0;
}

static int fetch(char **ret_text) {
        _cleanup_(fetched_done) Fetched fetched = {};
        _cleanup_free_ char *reason = NULL, *path = NULL;
        int r;

        r = http_init();
        if (r < 0)
                return log_error_errno(r, "Failed to initialize libcurl.");

        r = metadata_fetch(arg_timeout, &fetched, &reason);
        if (r < 0 && !reason)
                return log_oom();
        if (r < 0 && arg_fetch)
                return log_warning_errno(r, "%s; booting from the command line alone.", reason);
        if (r < 0)
                return log_error_errno(r, "%s.", reason);

        r = metadata_cache_write(&fetched, &path);
        if (r < 0 && arg_fetch)
                return log_warning_errno(r, "Failed to write '%s', booting from the command line alone: %m",
                                         path ?: "/run");
        /* A user may ask but not write to /run. */
        if (r < 0)
                log_warning_errno(r, "Failed to write '%s', ignoring: %m", path ?: "/run");

        *ret_text = TAKE_PTR(fetched.text);
        return 0;
}

static int run(int argc, char *argv[]) {
        _cleanup_free_ char *text = NULL;
        int r;

        log_setup(LOG_TARGET_AUTO);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;

        if (arg_cached) {
                r = metadata_cache_read(&text);
                if (r < 0)
                        return log_error_errno(r, "Failed to read the cached metadata: %m");
        }
        if (!text) {
                r = fetch(&text);
                if (r < 0)
                        return r;
        }

        return arg_fetch ? 0 : print(text);
}

DEFINE_MAIN_FUNCTION(run)
