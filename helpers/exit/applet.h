/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* What the one program is, by the name it is called by. Each is a source of its own; a new one is a line here and one
 * in exit-main.c. They return an exit status. All of it is static and has to do without the root and the initrd: no
 * name service, no dlopen(), nothing read but /run, /proc, /sys and /dev. */
typedef struct Applet {
        const char *path; /* of its link, relative to /run/initramfs; the applet is named by the last part of it */
        int (*run)(int argc, char *argv[]);
} Applet;

extern const Applet applets[];
extern const size_t applets_n;

int hold_applet(int argc, char *argv[]);
int install_applet(int argc, char *argv[]);
int kexec_applet(int argc, char *argv[]);
int nbd_applet(int argc, char *argv[]);
int nfs_watch_applet(int argc, char *argv[]);
int shell_applet(int argc, char *argv[]);
int shutdown_applet(int argc, char *argv[]);
int xnbd_client_applet(int argc, char *argv[]);
