/* SPDX-License-Identifier: MIT */
/* rows: C6 */
#include "export-uri.h"
#include "fuzz.h"
#include "string-util.h"

/* The text is what a metadata service may write into export_uri. What is accepted must keep the promises of
 * export-uri.h. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(export_uri_done) ExportUri u = {};
        _cleanup_free_ char *text = NULL;

        if (size > 65536)
                return 0;
        text = strndup((const char *) data, size);
        if (!text || export_uri_parse(text, &u) < 0)
                return 0;

        if (u.scheme == EXPORT_URI_NBD) {
                if (isempty(u.host) || u.port == 0 || !u.export_name || strlen(u.export_name) > NBD_EXPORT_NAME_MAX ||
                    u.device)
                        abort();
        } else if (u.scheme != EXPORT_URI_DEVICE || !startswith(u.device, "/dev/") || strstr(u.device, "/../") ||
                   u.host)
                abort();

        return 0;
}
