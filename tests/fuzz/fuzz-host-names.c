/* SPDX-License-Identifier: MIT */
/* rows: C6 */
/* The input is /etc/hostname, /etc/hosts and /etc/resolv.conf of an image, and a name that the metadata give. */
#include <limits.h>

#include "alloc-util.h"
#include "fuzz.h"
#include "host-names.h"
#include "string-util.h"

#define OTHER "nameserver 10.0.0.1\nsearch example.com\n"

static void check_name(const char *name) {
        _cleanup_free_ char *hosts = NULL, *read = NULL;

        if (!host_name_is_valid(name))
                return;

        require(!isempty(name) && strlen(name) <= HOST_NAME_MAX && !strpbrk(name, "/ \t\r\n#"));
        require(hostname_read(name, &read) == 1 && streq(read, name));
        require(hosts_make(name, &hosts) >= 0 && hosts_is_own(hosts, name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size), *name = NULL, *added = NULL, *first = NULL;

        if (hostname_read(text, &name) > 0)
                require(!isempty(name) && !strpbrk(name, " \t\r\n#") && strstr(text, name));
        check_name(text);
        if (name)
                check_name(name);
        (void) hosts_is_own(text, "server");

        require(resolv_conf_add(text, OTHER, &added) == 1);
        require(startswith(added, text) && resolv_conf_has_server(added));
        if (resolv_conf_add("", text, &first) > 0)
                require(resolv_conf_has_server(text));
        return 0;
}
