/* SPDX-License-Identifier: MIT */
/* Reads, sets and deletes the user data of this server, at the metadata service. People and scripts call it, in the
 * initrd as on the host, and expect it to answer like the shell script of that name, which this replaces. It needs an
 * address and a route to the service, and waits for them as long as its timeout allows. Nothing is left behind. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bounds.h"
#include "fileio.h"
#include "log.h"
#include "main-func.h"
#include "program-options.h"
#include "string-util.h"
#include "user-data.h"

/* The old tool ended with 0 whatever came, so no script could tell a value from the text of an error. 1 is everything
 * else, which is not the service's doing. */
enum {
        EXIT_NO_SUCH_KEY = 2,
        EXIT_REFUSED = 3,
        EXIT_NO_ANSWER = 4,
};

static const char *arg_key = ""; /* "": which keys there are */
static const char *arg_value = NULL;
static const char *arg_file = NULL;
static bool arg_delete = false;
static unsigned arg_timeout = USERDATA_TIMEOUT_DEFAULT;

static const char usage[] = "scw-userdata [KEY]\n"
                            "scw-userdata KEY VALUE\n"
                            "scw-userdata --file=FILE KEY\n"
                            "scw-userdata --delete KEY\n\n"
                            "Reads, sets and deletes the user data of this server. What begins with '-' and is no\n"
                            "option comes after '--'.";

static int usage_error(void) {
        (void) fprintf(stderr, "%s\n", usage);
        return -EINVAL;
}

static int parse_positional(int n, char *argv[]) {
        if (n > 2 || (arg_delete && arg_file) || ((arg_delete || arg_file) && n != 1))
                return usage_error();
        if (n == 0)
                return 1;

        arg_key = argv[0];
        /* An empty value reads, as it always did. */
        arg_value = n > 1 ? empty_to_null(argv[1]) : NULL;
        if (!user_data_key_is_valid(arg_key))
                return log_error_errno(EINVAL, USER_DATA_KEY_RULE);
        return 1;
}

static int parse_argv(int argc, char *argv[]) {
        const ProgramOption options[] = {
                { "file", "FILE", take_string, &arg_file,
                  "Take the value from a file; \"-\" is standard input" },
                { "delete", NULL, take_flag, &arg_delete,
                  "Delete KEY" },
                { "timeout", "SECONDS", take_seconds, &arg_timeout,
                  "How long to try" },
        };
        int r;

        r = program_options_parse(argc, argv, usage, options, ELEMENTSOF(options));
        if (r <= 0)
                return r;
        return parse_positional(argc - optind, argv + optind);
}

/* The value to set; NULL if none is to be. */
static int read_value(char **ret, size_t *ret_size) {
        int r;

        *ret = NULL;
        *ret_size = 0;
        if (arg_value) {
                r = strdup_to(ret, arg_value);
                if (r < 0)
                        return log_oom();
                *ret_size = strlen(arg_value);
        } else if (arg_file) {
                r = streq(arg_file, "-") ? read_fd(STDIN_FILENO, USER_DATA_MAX, ret, ret_size)
                                         : read_file(arg_file, USER_DATA_MAX, ret, ret_size);
                if (r == -EFBIG)
                        return log_error_errno(r, "The value is longer than %u bytes.", USER_DATA_MAX);
                if (r < 0)
                        return log_error_errno(r, "Failed to read the value: %m");
                /* A pipe whose other end has failed looks just like this. */
                if (*ret_size == 0)
                        return log_error_errno(EINVAL, "The value is empty, nothing is set; to delete a key use --delete.");
        }

        return 0;
}

static int request(const char *value, size_t size, HttpResponse *ret) {
        _cleanup_(platform_done) Platform platform = {};
        _cleanup_(retry_done) Retry retry = { .fd = -EBADF };
        int r;

        r = http_init();
        if (r < 0)
                return log_error_errno(r, "Failed to initialize libcurl.");
        r = platform_init(&platform);
        if (r == -EINVAL)
                return log_error_errno(r, "METADATA_IP or METADATA_PORT is malformed.");
        if (r < 0)
                return log_oom();

        retry_init(&retry, arg_timeout * USEC_PER_SEC);
        r = user_data_request(&platform, &retry, arg_delete ? "DELETE" : value ? "PATCH" : "GET", arg_key, value, size, ret);
        if (r == -ENOMEM)
                return log_oom();
        if (r == -EACCES || r == -EPERM)
                return log_error_errno(r, "User data is answered only to a source port below 1024: run this as root.");
        if (r == -EFBIG)
                return log_error_errno(r, "The answer is longer than %u bytes.", USER_DATA_MAX);
        if (r < 0) {
                log_error("Metadata service did not answer within %u s (last: %s).", arg_timeout, http_strerror(r));
                return EXIT_NO_ANSWER;
        }

        return 0;
}

/* What the service said, of which only the first line is for people: "…source port below 1024…". */
static int log_refusal(HttpResponse *response) {
        _cleanup_free_ char *text = NULL;

        response->body[strcspn(response->body, "\r\n")] = '\0';
        text = printable(response->body, USERDATA_SHOWN_MAX);
        if (!text)
                return log_oom();

        /* As scw-signal-state(1) and its predecessor say it. */
        log_error("REQUEST ERROR [%u]: the metadata service refused (%s)%s%s", response->status,
                  http_status_string(response->status), isempty(text) ? "." : ": ", text);
        return EXIT_REFUSED;
}

static int judge(HttpResponse *response) {
        if (response->status / 100 == 2)
                return 0;
        if (response->status == 404 && arg_key[0] != '\0') {
                _cleanup_free_ char *shown = printable(arg_key, USERDATA_SHOWN_MAX);

                log_error("There is no user data '%s'.", shown ?: "?");
                return EXIT_NO_SUCH_KEY;
        }
        if (http_may_retry(0, response->status)) {
                log_error("Metadata service did not take the request within %u s (last: status %u, %s).", arg_timeout,
                          response->status, http_status_string(response->status));
                return EXIT_NO_ANSWER;
        }

        return log_refusal(response);
}

static int run(int argc, char *argv[]) {
        _cleanup_(http_response_done) HttpResponse response = {};
        _cleanup_free_ char *value = NULL;
        size_t size;
        int r;

        log_setup(LOG_TARGET_AUTO);
        (void) signal(SIGPIPE, SIG_IGN);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;
        r = read_value(&value, &size);
        if (r < 0)
                return r;
        r = request(value, size, &response);
        if (r != 0)
                return r;
        r = judge(&response);
        if (r != 0)
                return r;

        /* Only what is read has an answer that means something. */
        if (!value && !arg_delete &&
            (fwrite(response.body, 1, response.size, stdout) != response.size || fflush(stdout) == EOF))
                return log_error_errno(errno, "Failed to write the answer: %m");
        return 0;
}

DEFINE_MAIN_FUNCTION(run)
