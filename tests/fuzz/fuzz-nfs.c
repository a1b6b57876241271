/* SPDX-License-Identifier: MIT */
/* rows: C6 */
/* The input is nfsroot=, from a tag or the command line. */
#include "fuzz.h"
#include "nfs-options.h"
#include "nfs-source.h"
#include "string-util.h"

static void check_options(const char *text) {
        _cleanup_(nfs_options_done) NfsOptions o = {};
        const char *versions[NFS_VERSIONS_MAX];
        _cleanup_free_ char *reason = NULL;
        unsigned n;

        if (nfs_options_parse(text, &o, &reason) < 0) {
                require(!isempty(reason));
                return;
        }

        require(!reason && o.rest);
        n = nfs_options_versions(&o, versions);
        require(n > 0 && n <= NFS_VERSIONS_MAX);
        for (unsigned i = 0; i < n; i++) {
                _cleanup_free_ char *formatted = NULL;

                require(nfs_options_format(&o, versions[i], "192.0.2.1", &formatted) >= 0);
                require(strstr(formatted, "addr=192.0.2.1"));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size);
        _cleanup_(nfs_source_done) NfsSource n = {};

        check_options(text);
        if (nfs_source_parse(text, &n) < 0)
                return 0;

        require(!isempty(n.host) && n.host[0] != '-' && !strpbrk(n.host, "/, \t\n[]"));
        require(n.path[0] == '/' && !strchr(n.path, ',') && n.options);
        check_options(n.options);
        return 0;
}
