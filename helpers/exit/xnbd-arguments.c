/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bounds.h"
#include "nbd-status.h"
#include "parse-util.h"
#include "string-util.h"
#include "xnbd-arguments.h"

#define WORDS_MAX (XNBD_SERVERS_MAX * 2 + 1)

static _printf_(2, 3) int refuse(char **ret_reason, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        if (vasprintf(ret_reason, format, ap) < 0)
                *ret_reason = NULL;
        va_end(ap);
        return -EINVAL;
}

static int refuse_word(char **ret_reason, const char *what, const char *word) {
        _cleanup_free_ char *shown = printable(word, XNBD_SHOWN_MAX);

        return refuse(ret_reason, "'%s' is no %s", shown ?: "", what);
}

static int take_number(const char *s, const char *what, unsigned *ret, char **ret_reason) {
        return parse_unsigned(s, ret) < 0 ? refuse_word(ret_reason, what, s) : 0;
}

/* Looked at and no more: 512 bytes, with which the initrd attaches, suit every file system, and a partition table counts in them. */
static int take_block_size(XnbdArguments *a, const char *s, char **ret_reason) {
        int r;

        r = take_number(s, "block size", &a->block_size, ret_reason);
        if (r < 0)
                return r;
        if (a->block_size < 512 || a->block_size > 4096 || (a->block_size & (a->block_size - 1)) != 0)
                return refuse_word(ret_reason, "block size", s);

        return 0;
}

static int take_option(XnbdArguments *a, int option, const char *value, char **ret_reason) {
        switch (option) {
        case 'b':
                return take_block_size(a, value, ret_reason);
        case 'r':
                return take_number(value, "number of tries", &a->tries, ret_reason);
        case 't':
                return take_number(value, "number of seconds", &a->timeout, ret_reason);
        case 'n':
                a->export_name = value;
                return 0;
        case 'c':
        case 'd':
        case 'f':
                a->action = option == 'c' ? XNBD_CHECK : option == 'd' ? XNBD_DETACH : XNBD_FLUSH;
                a->device = value;
                return 0;
        case 'C':
                a->action = XNBD_ATTACH;
                a->device = value;
                return 0;
        case 's':
                a->action = XNBD_SIZE;
                return 0;
        case 'h':
                a->action = XNBD_HELP;
                return 0;
        case 'V':
                a->action = XNBD_VERSION;
                return 0;
        default: /* 'R', 'H': what to do when the connection is lost, which is made again now */
                a->ignored = true;
                return 0;
        }
}

static int take_options(int argc, char *argv[], XnbdArguments *a, char **ret_reason) {
        static const struct option options[] = {
                { "blocksize",               required_argument, NULL, 'b' },
                { "retry",                   required_argument, NULL, 'r' },
                { "timeout",                 required_argument, NULL, 't' },
                { "exportname",              required_argument, NULL, 'n' },
                { "check",                   required_argument, NULL, 'c' },
                { "disconnect",              required_argument, NULL, 'd' },
                { "flush",                   required_argument, NULL, 'f' },
                { "connect",                 required_argument, NULL, 'C' },
                { "getsize64",               no_argument,       NULL, 's' },
                { "recovery-command",        required_argument, NULL, 'R' },
                { "recovery-command-reboot", no_argument,       NULL, 'H' },
                { "help",                    no_argument,       NULL, 'h' },
                { "version",                 no_argument,       NULL, 'V' },
                {}
        };
        int c, r;

        opterr = 0;
        optind = 0;
        while ((c = getopt_long(argc, argv, "b:r:t:n:c:d:f:C:sR:Hh", options, NULL)) >= 0) {
                if (c == '?')
                        return refuse_word(ret_reason, "option, or one without its value", argv[optind - 1]);
                r = take_option(a, c, optarg, ret_reason);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* What is left, but for "bs=N" and "timeout=N". Returns how many there are. */
static int take_words(char *argv[], XnbdArguments *a, const char *words[static WORDS_MAX], char **ret_reason) {
        size_t n = 0;

        for (char **w = argv + optind; *w; w++) {
                const char *block_size = startswith(*w, "bs="), *timeout = startswith(*w, "timeout=");
                int r = 0;

                if (block_size)
                        r = take_block_size(a, block_size, ret_reason);
                else if (timeout)
                        r = take_number(timeout, "number of seconds", &a->timeout, ret_reason);
                else if (n >= WORDS_MAX)
                        return refuse(ret_reason, "too many arguments");
                else
                        words[n++] = *w;
                if (r < 0)
                        return r;
        }

        return (int) n;
}

static int take_servers(XnbdArguments *a, const char *const words[], size_t n, char **ret_reason) {
        if (n == 0 || n % 2 != 0)
                return refuse(ret_reason, "a server is a HOST and a PORT");

        for (size_t i = 0; i < n; i += 2) {
                XnbdServer *s = a->servers + a->n_servers;

                if (isempty(words[i]))
                        return refuse_word(ret_reason, "host", words[i]);
                if (parse_port(words[i + 1], &s->port) < 0)
                        return refuse_word(ret_reason, "port", words[i + 1]);
                s->host = words[i];
                a->n_servers++;
        }

        return 0;
}

int xnbd_arguments_parse(int argc, char *argv[], XnbdArguments *ret, char **ret_reason) {
        XnbdArguments a = { .tries = 1 };
        const char *words[WORDS_MAX];
        int n, r;

        assert(ret);
        assert(ret_reason);

        *ret_reason = NULL;
        r = take_options(argc, argv, &a, ret_reason);
        if (r < 0)
                return r;
        if (a.action == XNBD_HELP || a.action == XNBD_VERSION) {
                *ret = a;
                return 0;
        }
        n = take_words(argv, &a, words, ret_reason);
        if (n < 0)
                return n;

        if (a.action == XNBD_ATTACH || a.action == XNBD_SIZE) {
                /* HOST PORT DEVICE, if the device was not said with --connect. */
                if (a.action == XNBD_ATTACH && !a.device) {
                        if (n != 3)
                                return refuse(ret_reason, "HOST, PORT and DEVICE are wanted");
                        a.device = words[--n];
                }
                r = take_servers(&a, words, (size_t) n, ret_reason);
                if (r < 0)
                        return r;
        } else if (n > 0)
                return refuse(ret_reason, "too many arguments");

        *ret = a;
        return 0;
}

/* A node need not be there: this kernel makes it when the device is attached. */
static int resolve(const char *device, char **ret) {
        char target[PATH_MAX], *path;
        ssize_t n;

        path = realpath(device, NULL);
        if (path) {
                *ret = path;
                return 0;
        }
        if (errno != ENOENT)
                return -errno;

        n = readlink(device, target, sizeof(target) - 1);
        if (n > 0) {
                target[n] = '\0';
                return strdup_to(ret, target);
        }
        return strdup_to(ret, device);
}

int xnbd_device_index(const char *device, unsigned *ret) {
        _cleanup_free_ char *path = NULL;
        char *partition;

        assert(device);
        assert(ret);

        if (resolve(device, &path) < 0 || !startswith(path, "/dev/nbd"))
                return -EINVAL;
        /* A partition stands for its disk. */
        partition = strchr(path + strlen("/dev/nbd"), 'p');
        if (partition) {
                if (partition[1] == '\0' || partition[1 + strspn(partition + 1, "0123456789")] != '\0')
                        return -EINVAL;
                *partition = '\0';
        }

        return nbd_index_parse(path, ret) < 0 ? -EINVAL : 0;
}
