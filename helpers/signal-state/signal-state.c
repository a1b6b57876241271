/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "log.h"
#include "parse-util.h"
#include "platform-request.h"
#include "signal-state.h"
#include "state-file.h"
#include "string-util.h"
#include "user-data.h"

/* The boot goes on, and "booted" says more, so there is no point in insisting on the first state. "booted" is insisted
 * on: a server that has not sent it is powered off after some five minutes. */
#define TIMEOUT_KERNEL_STARTED (30 * USEC_PER_SEC)
#define TIMEOUT_STATE (600 * USEC_PER_SEC)
#define TIMEOUT_USER_DATA (60 * USEC_PER_SEC)

static const char *arg_state = NULL;
static const char *arg_user_data = NULL;
static bool arg_once = false;
static usec_t arg_timeout = 0; /* 0: by what is to be done */

static void help(FILE *f) {
        fprintf(f,
                "Usage: %s [--once] [--timeout=SECONDS] STATE\n"
                "       %s -s STATE | -u KEY[=[VALUE]]\n"
                "\n"
                "Tell the control plane the state of this server, or read and write its user data.\n"
                "\n"
                "  -s, --state=STATE        same as STATE alone\n"
                "  -u, --userdata=KEY       print the user data of KEY; of \"\": the keys there are\n"
                "  -u, --userdata=KEY=VALUE set it\n"
                "  -u, --userdata=KEY=      delete it\n"
                "  --once                   do nothing if this state or a later one was taken before\n"
                "  --timeout=SECONDS        how long to try (default: 30 for kernel-started, 600 for\n"
                "                           other states, 60 for user data)\n"
                "  --help                   this text\n"
                "  --version                version of this program\n",
                program_invocation_short_name, program_invocation_short_name);
}

static int usage_error(void) {
        help(stderr);
        return -EINVAL;
}

static int parse_timeout(const char *s) {
        unsigned seconds;

        if (parse_unsigned(s, &seconds) < 0 || seconds == 0 || seconds > 24 * 3600)
                return log_error_errno(EINVAL, "--timeout= wants a number of seconds from 1 to 86400.");

        arg_timeout = seconds * USEC_PER_SEC;
        return 0;
}

static int parse_argv(int argc, char *argv[]) {
        enum {
                ARG_ONCE = 0x100,
                ARG_TIMEOUT,
                ARG_HELP,
                ARG_VERSION,
        };
        static const struct option options[] = {
                { "state",    required_argument, NULL, 's'         },
                { "userdata", required_argument, NULL, 'u'         },
                { "once",     no_argument,       NULL, ARG_ONCE    },
                { "timeout",  required_argument, NULL, ARG_TIMEOUT },
                { "help",     no_argument,       NULL, ARG_HELP    },
                { "version",  no_argument,       NULL, ARG_VERSION },
                {},
        };
        int c, r;

        while ((c = getopt_long(argc, argv, "s:u:", options, NULL)) >= 0)
                switch (c) {
                case 's':
                case 'u':
                        /* Only the first one acts, as it always was. */
                        if (!arg_state && !arg_user_data)
                                *(c == 's' ? &arg_state : &arg_user_data) = optarg;
                        break;
                case ARG_ONCE:
                        arg_once = true;
                        break;
                case ARG_TIMEOUT:
                        r = parse_timeout(optarg);
                        if (r < 0)
                                return r;
                        break;
                case ARG_HELP:
                        help(stdout);
                        return 0;
                case ARG_VERSION:
                        puts("scw-signal-state " PROJECT_VERSION " (" BUILD_COMMIT ")");
                        return 0;
                default:
                        return usage_error();
                }

        if (!arg_state && !arg_user_data && argc - optind == 1)
                arg_state = argv[optind++];
        if (argc > optind || (!arg_state && !arg_user_data))
                return usage_error();

        return 1;
}

/* The state becomes a line of a file and of JSON. */
static int check_state(const char *state) {
        size_t n = strlen(state);

        for (size_t i = 0; i < n; i++)
                if ((unsigned char) state[i] < 0x20 || state[i] == 0x7f)
                        return -EINVAL;

        return n > 0 && n <= STATE_LENGTH_MAX && utf8_is_valid(state, n) ? 0 : -EINVAL;
}

static int log_refusal(const HttpResponse *response, const char *what) {
        /* The words "REQUEST ERROR [status]" are those of the old tool. */
        return log_error_errno(EREMOTEIO, "REQUEST ERROR [%u]: the metadata service did not take %s (%s).",
                               response->status, what, http_status_string(response->status));
}

static int log_unreachable(int error, const char *what, usec_t timeout) {
        return log_error_errno(error, "Metadata service did not take %s within %llu s (last: %s).", what,
                               (unsigned long long) (timeout / USEC_PER_SEC), http_strerror(error));
}

static int state_to_json(const char *state, char **ret) {
        json_t *object;
        char *text;

        object = json_pack("{s:s}", "state_detail", state);
        if (!object)
                return -ENOMEM;
        text = json_dumps(object, 0);
        json_decref(object);
        if (!text)
                return -ENOMEM;

        *ret = text;
        return 0;
}

static int send_state(const Platform *platform, const StateFile *file, Retry *retry, const char *body) {
        _cleanup_(http_response_done) HttpResponse response = {};
        _cleanup_free_ char *what = NULL;
        int r;

        if (asprintf_to(&what, "state '%s'", arg_state) < 0)
                return log_oom();

        r = platform_request(platform, retry,
                             &(PlatformRequest) {
                                     .method = "PATCH",
                                     .path = "/state",
                                     .content_type = "application/json",
                                     .body = body,
                                     .body_size = strlen(body),
                             },
                             &response);
        if (r < 0)
                return log_unreachable(r, what, arg_timeout);
        if (response.status / 100 != 2)
                return log_refusal(&response, what);

        log_info("State '%s' taken by the control plane.", arg_state);
        if (file->dir_fd >= 0) {
                r = state_file_record(file, arg_state);
                if (r < 0)
                        log_warning_errno(r, "Failed to remember that state '%s' was taken, ignoring: %m", arg_state);
        }

        return 0;
}

/* Waits until whoever else sends a state is done, so that states arrive in the order in which they were sent. */
static int signal_state(const Platform *platform, StateFile *file, Retry *retry) {
        _cleanup_free_ char *body = NULL;
        int r;

        /* Before the wait for the lock, because jansson reads /dev/urandom for its first object. */
        if (state_to_json(arg_state, &body) < 0)
                return log_oom();

        if (file->lock_fd >= 0) {
                r = state_file_lock(file, retry->deadline);
                if (r == -ETIMEDOUT)
                        return log_error_errno(r, "State '%s' was not sent: another one was under way for %llu s.",
                                               arg_state, (unsigned long long) (arg_timeout / USEC_PER_SEC));
                if (r < 0)
                        return log_error_errno(r, "Failed to lock /run/scaleway/state.lock: %m");
        }

        if (arg_once && state_file_taken(file, arg_state)) {
                log_debug("State '%s' or a later one was taken before.", arg_state);
                return 0;
        }

        return send_state(platform, file, retry, body);
}

/* KEY: read, KEY=VALUE: write, KEY=: delete. */
static int user_data(const Platform *platform, Retry *retry) {
        _cleanup_(http_response_done) HttpResponse response = {};
        const char *equals = strchr(arg_user_data, '='), *value = equals ? empty_to_null(equals + 1) : NULL;
        _cleanup_free_ char *key = NULL;
        int r;

        if (equals == arg_user_data)
                return usage_error();
        key = strndup(arg_user_data, equals ? (size_t) (equals - arg_user_data) : strlen(arg_user_data));
        if (!key)
                return log_oom();
        if (key[0] != '\0' && !user_data_key_is_valid(key))
                return log_error_errno(EINVAL, USER_DATA_KEY_RULE);

        r = user_data_request(platform, retry, !equals ? "GET" : value ? "PATCH" : "DELETE", key, value,
                              value ? strlen(value) : 0, &response);
        if (r == -EACCES || r == -EPERM)
                return log_error_errno(r, "User data is answered only to a source port below 1024: run this as root.");
        if (r < 0)
                return log_unreachable(r, "the request for user data", arg_timeout);
        if (response.status / 100 != 2)
                return log_refusal(&response, "the request for user data");

        if (response.status == 200 &&
            (fwrite(response.body, 1, response.size, stdout) != response.size || fputc('\n', stdout) == EOF ||
             fflush(stdout) == EOF))
                return log_error_errno(errno, "Failed to write the answer: %m");
        return 0;
}

static usec_t default_timeout(void) {
        if (arg_user_data)
                return TIMEOUT_USER_DATA;

        return streq(arg_state, "kernel-started") ? TIMEOUT_KERNEL_STARTED : TIMEOUT_STATE;
}

int signal_state_run(int argc, char *argv[]) {
        _cleanup_(state_file_done) StateFile file = { .dir_fd = -EBADF, .lock_fd = -EBADF };
        _cleanup_(platform_done) Platform platform = {};
        _cleanup_(retry_done) Retry retry = { .fd = -EBADF };
        int r;

        log_setup(LOG_TARGET_AUTO);
        /* The journal restarts on the other side of switch-root. */
        (void) signal(SIGPIPE, SIG_IGN);

        r = parse_argv(argc, argv);
        if (r <= 0)
                return r;
        if (arg_state && check_state(arg_state) < 0)
                return log_error_errno(EINVAL, "A state is a word of at most %u bytes.", STATE_LENGTH_MAX);
        if (arg_timeout == 0)
                arg_timeout = default_timeout();

        r = http_init();
        if (r < 0)
                return log_error_errno(r, "Failed to initialize libcurl.");
        r = arg_state ? state_file_open(&file) : 0;
        if (r < 0)
                log_debug_errno(r, "Failed to open /run/scaleway, so the order of states is not kept: %m");

        r = platform_init(&platform);
        if (r == -EINVAL)
                return log_error_errno(r, "METADATA_IP or METADATA_PORT is malformed.");
        if (r < 0)
                return log_oom();

        retry_init(&retry, arg_timeout);
        return arg_user_data ? user_data(&platform, &retry) : signal_state(&platform, &file, &retry);
}
