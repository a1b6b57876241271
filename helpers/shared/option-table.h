/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdio.h>

#include "macro.h"

/* All keys that the initrd knows. Nothing else spells one; what a key does follows from its row. */
typedef enum OptionId {
        OPTION_METADATA_IP, /* first, for it says what metadata.local is in the values of the others */
        OPTION_NAMESERVER,
        OPTION_NO_METADATA,
        OPTION_NOMETADATA,
        OPTION_IP,
        OPTION_NO_IPV6,
        OPTION_KEEP_NETWORKING,
        OPTION_INITRD_VERBOSE,
        OPTION_INITRD_DEBUG,
        OPTION_NO_SIGNAL_STATE,
        OPTION_NO_NTPDATE,
        OPTION_SKIP_GPIO_SETUP,
        OPTION_PRE_SHELL,
        OPTION_BOOT,
        OPTION_MODULES,
        OPTION_ROOT,
        OPTION_ROOTFSTYPE,
        OPTION_ROOTFLAGS,
        OPTION_RO,
        OPTION_RW,
        OPTION_NFSROOT,
        OPTION_RESCUE_IMAGE,
        OPTION_RESCUE_IMAGE_SHA256,
        OPTION_RESCUE_IMAGE_SIGNATURE,
        OPTION_LIVE_MODE,
        OPTION_LIVE_MKFS,
        OPTION_LIVE_GROW,
        OPTION_SKIP_OPTIONAL_NBD_DEVICES,
        OPTION_SKIP_SECONDARY_VOLUMES,
        OPTION_WAIT_SECONDARY_VOLUMES,
        OPTION_KEXEC_KERNEL,
        OPTION_KEXEC_KERNEL_SHA256,
        OPTION_KEXEC_INITRD,
        OPTION_KEXEC_INITRD_SHA256,
        OPTION_KEXEC_APPEND,
        OPTION_IS_IN_KEXEC,
        OPTION_DONT_FORWARD_NET_CONFIG,
        OPTION_DONT_GEN_ROOT_PASSWD,
        OPTION_RESET_PASSWORD,
        OPTION_DONT_GEN_MACHINE_ID,
        OPTION_DONT_FETCH_KERNEL_MODULES,
        OPTION_MODULES_MIRROR,
        OPTION_MODULES_SHA256,
        OPTION_POST_SHELL,
        OPTION_DROPBEAR,
        OPTION_DROPBEAR_TIMEOUT,
        OPTION_AUTHORIZED_KEY,
        OPTION_INIT,
        OPTION_FAILURE,
        OPTION_SHELL,
        OPTION_HOOKS,
        _OPTION_MAX,
        _OPTION_INVALID = -22,
} OptionId;

typedef enum OptionWhere {
        OPTION_CMDLINE = 1 << 0,
        OPTION_TAG = 1 << 1,
        OPTION_BOTH = OPTION_CMDLINE | OPTION_TAG,
} OptionWhere;

typedef enum OptionType {
        OPTION_TYPE_BOOL,    /* parse_boolean(); the key alone is yes */
        OPTION_TYPE_WORD,    /* the key alone, never with a value */
        OPTION_TYPE_ENUM,    /* one of the choices */
        OPTION_TYPE_ADDRESS, /* numeric IPv4 or IPv6, the latter perhaps in brackets */
        OPTION_TYPE_PATH,    /* absolute */
        OPTION_TYPE_NAME,    /* letters, digits, '.', '_', '-' and ',' */
        OPTION_TYPE_SECONDS, /* 1 to a day */
        OPTION_TYPE_STRING,
        OPTION_TYPE_URL,     /* http:// or https:// */
        OPTION_TYPE_SHA256,  /* 64 hexadecimal digits */
        OPTION_TYPE_BOOT_FILE, /* "latest", absolute path or URL; "default" is none */
        OPTION_TYPE_ROOT,    /* /dev/…, nbd://…, UUID=… and its like */
        OPTION_TYPE_NFS,     /* SERVER:/PATH[,OPTIONS] */
        OPTION_TYPE_FOREIGN, /* read by somebody else, who is named in the help; listed, not parsed */
        _OPTION_TYPE_MAX,
} OptionType;

typedef struct OptionChoice {
        const char *name, *value; /* value is what it stands for, NULL: itself */
} OptionChoice;

#define OPTION_CHOICES_MAX 8

typedef struct Option {
        const char *key;
        OptionWhere where;
        OptionType type;
        bool sticky;               /* yes, if one occurrence on the command line says so, wherever it stands */
        const char *default_value; /* NULL: none, or found out in the boot */
        const char *default_text;  /* shown to people in its place */
        OptionChoice choices[OPTION_CHOICES_MAX];
        const char *early_unit; /* gets variable=value from phase 1, before the tags are known */
        const char *unit;       /* gets it from phase 2 */
        const char *variable;   /* NULL: the generator acts on the option itself */
        const char *help;       /* one line */
} Option;

extern const Option option_table[_OPTION_MAX];

/* True if phase 1 acts on the option, and so has warned of a bad value on the command line. */
bool option_is_early(OptionId id);

/* "/sbin/init", "no", "-": what the table shows as the default. */
const char *option_default_text(OptionId id);

/* Writes the table for people: Markdown, aligned so that it reads well as it is. */
void option_table_print(FILE *f);
