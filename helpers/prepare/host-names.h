/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* The texts of hostname(5), hosts(5) and resolv.conf(5). All texts are NUL-terminated. */

/* True for labels of letters, digits and hyphens (RFC 1123) with dots between them, up to the 64 bytes that the kernel keeps. */
bool host_name_is_valid(const char *s);

/* The name in the text of /etc/hostname: the first line that is neither empty nor a comment, without blanks around it. Returns 1
 * and *ret (to be freed), 0 if there is none, -ENOMEM. */
_must_check_ int hostname_read(const char *text, char **ret);

/* True if the text of /etc/hosts is somebody's work: it has the name, or an address that is neither of the machine itself nor one
 * of the multicast groups that installers write. */
bool hosts_is_own(const char *text, const char *name);

/* A text for /etc/hosts: localhost, and the name, which also stands without its domain if it has one. Returns 0 and *ret (to be
 * freed), or -ENOMEM. */
_must_check_ int hosts_make(const char *name, char **ret);

/* True if a DNS server is in the text of /etc/resolv.conf. */
bool resolv_conf_has_server(const char *text);

/* text with the servers of another resolv.conf(5) behind it, and with its search list, unless text has one. Returns 1 and *ret
 * (to be freed), 0 if there are no servers, -ENOMEM. */
_must_check_ int resolv_conf_add(const char *text, const char *other, char **ret);
