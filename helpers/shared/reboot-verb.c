/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/reboot.h>
#include <sys/reboot.h>

#include "reboot-verb.h"
#include "string-util.h"

static const struct {
        const char *name;
        unsigned command;
} verbs[] = {
        [REBOOT_HALT] = { "halt", LINUX_REBOOT_CMD_HALT },
        [REBOOT_KEXEC] = { "kexec", LINUX_REBOOT_CMD_KEXEC },
        [REBOOT_POWEROFF] = { "poweroff", LINUX_REBOOT_CMD_POWER_OFF },
        [REBOOT_REBOOT] = { "reboot", LINUX_REBOOT_CMD_RESTART },
};

const char *reboot_verb_to_string(RebootVerb v) {
        return verbs[v].name;
}

RebootVerb reboot_verb_from_string(const char *s) {
        assert(s);

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(s, verbs[i].name))
                        return (RebootVerb) i;

        return _REBOOT_VERB_INVALID;
}

int reboot_now(RebootVerb v) {
        (void) reboot((int) verbs[v].command);
        if (v == REBOOT_KEXEC)
                (void) reboot((int) verbs[REBOOT_REBOOT].command);

        return -errno;
}
