/* SPDX-License-Identifier: MIT */
/* rows: C6 */
/* The input is a command line, words separated by newlines. */
#include <errno.h>

#include "fuzz.h"
#include "string-util.h"
#include "xnbd-arguments.h"

#define WORDS_MAX 64U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size), *reason = NULL;
        char *argv[WORDS_MAX + 2] = { (char *) "xnbd-client" };
        XnbdArguments a = {};
        unsigned index = 0;
        int argc = 1, r;

        require(text);
        for (char *p = text; p && argc <= (int) WORDS_MAX;)
                argv[argc++] = strsep(&p, "\n");

        r = xnbd_arguments_parse(argc, argv, &a, &reason);
        require(r >= 0 ? !reason : r == -EINVAL && !isempty(reason));
        if (r < 0)
                return 0;

        require(a.n_servers <= XNBD_SERVERS_MAX);
        for (size_t i = 0; i < a.n_servers; i++)
                require(!isempty(a.servers[i].host) && a.servers[i].port > 0);
        switch (a.action) {
        case XNBD_HELP:
        case XNBD_VERSION:
                return 0;
        case XNBD_SIZE:
                require(a.n_servers > 0);
                return 0;
        case XNBD_ATTACH:
                require(a.n_servers > 0 && a.device);
                break;
        default:
                require(a.device);
        }
        /* The file system is not the fuzzer's. */
        if (startswith(a.device, "/dev/nbd"))
                require(xnbd_device_index(a.device, &index) < 0 || index <= 15);
        return 0;
}
