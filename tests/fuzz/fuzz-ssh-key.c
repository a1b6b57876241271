/* SPDX-License-Identifier: MIT */
/* rows: C6 */
#include "alloc-util.h"
#include "fuzz.h"
#include "ssh-key.h"
#include "string-util.h"

/* The text is what the metadata or a server tag may give for a key. What is accepted is one line of authorized_keys that dropbear reads, and
 * is accepted again as it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = NULL, *key = NULL, *again = NULL;
        const char *reason;

        if (size > 65536)
                return 0;
        text = strndup((const char *) data, size);
        if (!text || ssh_key_parse(text, &key, &reason) < 0)
                return 0;

        if (strpbrk(key, "\r\n\t\"#,") || strlen(key) > 3000 || strchr(key, ' ') != strrchr(key, ' '))
                abort();
        if (ssh_key_parse(key, &again, &reason) < 0 || !streq(key, again))
                abort();

        return 0;
}
