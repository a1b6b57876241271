/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bounds.h"
#include "fileio.h"
#include "networkd-state.h"
#include "paths.h"
#include "string-util.h"

#define RUN_NETWORKD_STATE "systemd/netif/state"

int networkd_state_read(char **ret) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = run_path(RUN_NETWORKD_STATE, &path);
        if (r < 0)
                return r;

        return read_file(path, NETWORKD_STATE_MAX, ret, NULL);
}

int networkd_state_value(const char *state, const char *key, char **ret) {
        size_t n_key;

        assert(state);
        assert(key);
        assert(ret);

        *ret = NULL;
        n_key = strlen(key);
        for (const char *line = state; *line; line += strcspn(line, "\n"), line += *line == '\n')
                if (strncmp(line, key, n_key) == 0 && line[n_key] == '=') {
                        const char *value = line + n_key + 1;

                        *ret = strndup(value, strcspn(value, "\n"));
                        return *ret ? 0 : -ENOMEM;
                }

        return 0;
}
