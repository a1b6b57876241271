/* SPDX-License-Identifier: MIT */
#pragma once

#include "bounds.h"
#include "macro.h"

/* The command line of xnbd-client(8), as images and their scripts write it: options may stand between the words, and some are words. */

typedef enum XnbdAction {
        XNBD_ATTACH,
        XNBD_CHECK,
        XNBD_DETACH,
        XNBD_FLUSH,
        XNBD_SIZE,
        XNBD_HELP,
        XNBD_VERSION,
} XnbdAction;

typedef struct XnbdServer {
        const char *host;
        uint16_t port;
} XnbdServer;

/* All strings are those of argv. */
typedef struct XnbdArguments {
        XnbdAction action;
        const char *device;                   /* NULL: none is needed */
        XnbdServer servers[XNBD_SERVERS_MAX]; /* the first that answers is meant */
        size_t n_servers;
        unsigned block_size;                  /* 0: not said */
        unsigned tries;                       /* 0: for ever */
        unsigned timeout;                     /* seconds, 0: none */
        const char *export_name;              /* NULL: none */
        bool ignored;                         /* something was asked for that there is not any more */
} XnbdArguments;

/* Sorts argv as getopt(3) does. Returns 0, or -EINVAL and in *ret_reason, to be freed, what is wrong (NULL if memory is short). */
_must_check_ int xnbd_arguments_parse(int argc, char *argv[], XnbdArguments *ret, char **ret_reason);

/* "/dev/nbd3", a partition of it, or a symlink to either. Returns 0, or -EINVAL if it is something else. */
_must_check_ int xnbd_device_index(const char *device, unsigned *ret);
