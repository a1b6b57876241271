/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bounds.h"
#include "root-command.h"
#include "root-lvm.h"
#include "string-util.h"

#define LVM_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-"

void root_volume_done(RootVolume *v) {
        free(v->group);
        free(v->name);
        *v = (RootVolume) {};
}

static bool name_is_valid(const char *s) {
        size_t n = strlen(s);

        return n > 0 && n <= LVM_NAME_MAX && s[strspn(s, LVM_NAME_CHARS)] == '\0' && s[0] != '-' && !streq(s, ".") &&
               !streq(s, "..");
}

/* The kernel's name: "-" between the two, and twice where it is part of one. What has a third part is LVM's own. */
static int split_mapper_name(const char *s, RootVolume *v) {
        size_t o = 0;
        char *part;

        v->group = new0(char, strlen(s) + 1);
        v->name = new0(char, strlen(s) + 1);
        if (!v->group || !v->name)
                return -ENOMEM;

        part = v->group;
        for (; *s; s++)
                if (*s != '-')
                        part[o++] = *s;
                else if (s[1] == '-')
                        part[o++] = *s++;
                else if (part == v->group) {
                        part = v->name;
                        o = 0;
                } else
                        return 0;

        return 1;
}

/* "GROUP/NAME". Folders of /dev that are somebody else's are no groups. */
static int split_path(const char *s, RootVolume *v) {
        static const char *const others[] = { "block", "bus", "char", "disk", "mapper", "md", "net" };
        const char *slash = strchr(s, '/');

        if (!slash)
                return 0;

        v->group = strndup(s, (size_t) (slash - s));
        v->name = strdup(slash + 1);
        if (!v->group || !v->name)
                return -ENOMEM;

        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                if (streq(v->group, others[i]))
                        return 0;

        return 1;
}

int root_volume_parse(const char *path, RootVolume *ret) {
        _cleanup_(root_volume_done) RootVolume v = {};
        const char *s;
        int r;

        assert(path);
        assert(ret);

        s = startswith(path, "/dev/mapper/");
        if (s)
                r = split_mapper_name(s, &v);
        else {
                s = startswith(path, "/dev/");
                r = s ? split_path(s, &v) : 0;
        }
        if (r <= 0)
                return r;
        if (!name_is_valid(v.group) || !name_is_valid(v.name))
                return 0;

        *ret = v;
        v = (RootVolume) {};
        return 1;
}

int root_volume_path(const RootVolume *v, char **ret) {
        _cleanup_free_ char *group = NULL, *name = NULL;

        assert(v);
        assert(ret);

        group = string_replace(v->group, "-", "--");
        name = string_replace(v->name, "-", "--");
        if (!group || !name)
                return -ENOMEM;

        return asprintf_to(ret, "/dev/mapper/%s-%s", group, name);
}

/* The next line of *list without the blanks around it, to be freed; NULL at the end or if memory is short, in which
 * case *list is not at its end. */
static char *next_name(const char **list) {
        const char *begin = *list + strspn(*list, " \t\r\n");
        size_t n = strcspn(begin, " \t\r\n");
        char *name;

        if (n == 0) {
                *list = begin;
                return NULL;
        }

        name = strndup(begin, n);
        if (name)
                *list = begin + n;
        return name;
}

static int append_word(char **words, const char *word) {
        char *longer;
        int r;

        r = asprintf_to(&longer, "%s%s%s", *words ?: "", *words ? ", " : "", word);
        if (r >= 0)
                free_and_replace_str(words, longer);
        return r;
}

static int describe_names(size_t n, const char *words, char **ret) {
        _cleanup_free_ char *shown = NULL;

        if (n == 0)
                return strdup_to(ret, "no logical volume");

        shown = printable(words, LVM_SHOWN_MAX);
        if (!shown)
                return -ENOMEM;
        return asprintf_to(ret, "%zu logical volumes (%s), but none is named 'root'", n, shown);
}

int root_volume_choose(const char *list, char **ret, char **ret_reason) {
        _cleanup_free_ char *words = NULL, *first = NULL;
        size_t n = 0;
        int r;

        assert(list);
        assert(ret);
        assert(ret_reason);

        for (;;) {
                _cleanup_free_ char *name = next_name(&list);

                if (!name && *list)
                        return -ENOMEM;
                if (!name)
                        break;
                if (!name_is_valid(name))
                        continue;
                if (streq(name, "root")) {
                        *ret = TAKE_PTR(name);
                        return 0;
                }
                r = append_word(&words, name);
                if (r < 0)
                        return r;
                if (n++ == 0)
                        first = TAKE_PTR(name);
        }

        if (n == 1) {
                *ret = TAKE_PTR(first);
                return 0;
        }
        r = describe_names(n, words, ret_reason);
        return r < 0 ? r : -ENOENT;
}

/* Tests put a program of their own in its place. */
static const char *lvm_program(void) {
        return secure_getenv("SCALEWAY_LVM_COMMAND") ?: "/usr/sbin/lvm";
}

/* Runs lvm; an exit status other than 0 is an error, too. what: "find the volume group of '/dev/nbd0p1'". */
static int run_lvm(const char *const argv[], usec_t deadline, const char *what, char **ret_output, char **ret_reason) {
        _cleanup_free_ char *message = NULL;
        int r, k;

        r = root_command(argv, deadline, ret_output, &message);
        if (r == 0 || r == -ENOMEM)
                return r;
        if (r == -ENOENT)
                k = asprintf_to(ret_reason, "Cannot %s: there is no lvm in this initrd", what);
        else if (r == -ETIMEDOUT)
                k = asprintf_to(ret_reason, "Cannot %s: lvm did not end in time%s%s", what,
                                isempty(message) ? "" : ": ", message ?: "");
        else if (r < 0 && r != -EPROTO)
                k = asprintf_to(ret_reason, "Cannot %s: cannot run '%s': %s", what, argv[0], strerror(-r));
        else
                k = asprintf_to(ret_reason, "Cannot %s: %s", what, isempty(message) ? "lvm failed" : message);

        return k < 0 ? k : r > 0 ? -EIO : r;
}

static int find_group(const char *path, usec_t deadline, char **ret, char **ret_reason) {
        const char *const argv[] = {
                lvm_program(), "pvs", "--noheadings", "--options", "vg_name", path, NULL,
        };
        _cleanup_free_ char *what = NULL, *output = NULL, *group = NULL;
        const char *list;
        int r;

        r = asprintf_to(&what, "find the volume group of '%s'", path);
        if (r < 0)
                return r;
        r = run_lvm(argv, deadline, what, &output, ret_reason);
        if (r < 0)
                return r;

        list = output;
        group = next_name(&list);
        if (!group && *list)
                return -ENOMEM;
        if (!group || !name_is_valid(group)) {
                r = asprintf_to(ret_reason, "The LVM physical volume '%s' belongs to no volume group", path);
                return r < 0 ? r : -ENXIO;
        }

        *ret = TAKE_PTR(group);
        return 0;
}

int root_volume_find(const char *path, usec_t deadline, RootVolume *ret, char **ret_reason) {
        _cleanup_free_ char *what = NULL, *output = NULL, *reason = NULL;
        _cleanup_(root_volume_done) RootVolume v = {};
        int r, k;

        assert(path);
        assert(ret);
        assert(ret_reason);

        r = find_group(path, deadline, &v.group, ret_reason);
        if (r < 0)
                return r;

        r = asprintf_to(&what, "list the volumes of the group '%s'", v.group);
        if (r < 0)
                return r;
        r = run_lvm((const char *const[]) { lvm_program(), "lvs", "--noheadings", "--options", "lv_name", v.group,
                                           NULL },
                    deadline, what, &output, ret_reason);
        if (r < 0)
                return r;

        r = root_volume_choose(output, &v.name, &reason);
        if (r == -ENOENT) {
                k = asprintf_to(ret_reason, "The volume group '%s' on '%s' has %s", v.group, path, reason);
                return k < 0 ? k : -ENXIO;
        }
        if (r < 0)
                return r;

        *ret = v;
        v = (RootVolume) {};
        return 0;
}

/* udev says when the node is there, by a rule of device-mapper's; an image without that rule would let lvm wait for
 * ever. */
static bool udev_answers(void) {
        static const char *const rules[] = {
                "/usr/lib/udev/rules.d/95-dm-notify.rules",
                "/etc/udev/rules.d/95-dm-notify.rules",
        };

        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                if (access(rules[i], F_OK) >= 0)
                        return access("/run/udev/control", F_OK) >= 0;

        return false;
}

int root_volume_activate(const RootVolume *v, usec_t deadline, char **ret_reason) {
        _cleanup_free_ char *what = NULL, *volume = NULL, *output = NULL;
        int r;

        assert(v);
        assert(ret_reason);

        r = asprintf_to(&volume, "%s/%s", v->group, v->name);
        if (r < 0)
                return r;
        r = asprintf_to(&what, "activate the logical volume '%s'", volume);
        if (r < 0)
                return r;

        /* --sysinit: no locks on disk, no monitoring daemon, no polling one. */
        return run_lvm((const char *const[]) { lvm_program(), "lvchange", "--activate", "y", "--yes", "--sysinit",
                                              volume, udev_answers() ? NULL : "--noudevsync", NULL },
                       deadline, what, &output, ret_reason);
}
