/* SPDX-License-Identifier: MIT */
#include <jansson.h>

#include "bounds.h"
#include "fileio.h"
#include "nfs-path.h"
#include "paths.h"
#include "string-util.h"

#define NFS_PORT 2049U

bool nfs_path_read(NetworkPath *ret, uint16_t *ret_port) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        json_t *o = NULL;
        json_int_t port;
        size_t n;
        int r;

        assert(ret);

        if (run_path(RUN_NFS_JSON, &path) < 0 || read_file(path, RECORD_MAX, &text, &n) < 0)
                return false;
        o = json_loadb(text, n, 0, NULL);
        r = network_path_from_json(json_object_get(o, "path"), ret);
        port = json_integer_value(json_object_get(o, "port"));
        json_decref(o);
        if (r >= 0 && ret_port)
                *ret_port = port > 0 && port <= UINT16_MAX ? (uint16_t) port : NFS_PORT;
        return r >= 0;
}
