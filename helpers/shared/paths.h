/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* Where the boot keeps its state, all of it below /run, which survives switch-root. In a test $SCALEWAY_RUN takes the place of
 * /run and $SCALEWAY_SYSROOT that of /sysroot. */

/* path is relative to /run: run_path("scaleway/metadata.json", &p). The result is to be freed. Returns 0 or -ENOMEM. */
_must_check_ int run_path(const char *path, char **ret);

/* "/sysroot", or the test's. Not to be freed. */
const char *sysroot_path(void);

#define RUN_METADATA_JSON "scaleway/metadata.json"       /* body of /conf?format=json, as it came */
#define RUN_METADATA_ADDRESS "scaleway/metadata-address" /* the address that answered: 169.254.42.42 or fd00:42::42, newline */
#define RUN_METADATA_CACHE "scw-metadata.cache"          /* the text form, read by images */
#define RUN_METADATA_CACHE_LINK "oc-metadata.cache"      /* older name of it, a symlink */
#define RUN_OPTIONS_JSON "scaleway/options.json"         /* options in force: value and origin */
#define RUN_REMOTE_BOOT "scaleway/remote-boot"           /* exists: kernel and initrd came over the network */
#define RUN_FAILURE "scaleway/failure"                   /* one line: why the boot failed, see main-func.h */
#define RUN_SWITCH_ROOT_ENV "scaleway/switch-root.env"   /* SCALEWAY_INIT=, read by initrd-switch-root.service */
#define RUN_EMERGENCY_ENV "scaleway/emergency.env"       /* how it may fail, read by emergency.service */
#define RUN_STATE "scaleway/state"                       /* last state that the control plane took */
#define RUN_STATE_LOCK "scaleway/state.lock"             /* one signal at a time, in order */
#define RUN_NO_BOOT_TARGET "scaleway/no-boot-target"     /* exists: no unit of the host's will say when it has booted */
#define RUN_INSTALL "scaleway/install"                   /* exists: boot=live installs the image; the device, newline */
#define RUN_CONTINUE "scaleway/continue"                 /* a FIFO while the boot waits for continue-boot(1) */
#define RUN_UNLOCK_ENV "scaleway/unlock.env"             /* what scaleway-unlock.service is to unlock */
#define RUN_UNLOCK "scaleway/unlock"                     /* a directory, exists while scaleway-unlock.service asks, and after it has not failed */
#define RUN_UNLOCKED "scaleway/unlocked"                 /* exists: a person has unlocked the root; the mapping's name, newline */
#define RUN_NEEDS_ROOT "scaleway/needs-root"             /* exists: continue-boot(1) wants something on /sysroot first */
#define RUN_STEP "scaleway/step"                         /* what the boot waits at, one word, for the prompt of a shell */
#define RUN_MOTD "scaleway/motd"                         /* the same in words, for who logs in */
#define RUN_SSHD_DIR "scaleway/sshd"                     /* host key and authorized keys of the initrd's ssh server */
#define RUN_NBD_DIR "scaleway/nbd"                       /* N.json for each attached volume */
#define RUN_NFS_JSON "scaleway/nfs.json"                 /* the way to the NFS server of the root */
#define RUN_SHUTDOWN_DIR "scaleway/shutdown"             /* a file named reboot, poweroff, halt or kexec: that is under way */
#define RUN_EXIT "scaleway/exit"                         /* exists: the way back has begun, scaleway-exit(8) */
#define RUN_INITRAMFS "initramfs"                        /* a tmpfs with the way back, not below /run/scaleway: images know it there */
#define RUN_HOST_SIGNAL_STATE RUN_INITRAMFS "/usr/bin/scw-signal-state" /* the one for the host */
