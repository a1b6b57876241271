/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/socket.h>

#include "attach.h"
#include "bounds.h"
#include "nbd-control.h"
#include "nbd-handshake.h"
#include "nbd-netlink.h"
#include "shutdown-watch.h"
#include "tcp-stall.h"

/* What supervise.c, supervisor-link.c and supervisor-control.c share. All of it is there before the switch to the root;
 * what is done with it later allocates little and frees it again. */
typedef struct Supervisor {
        const AttachOptions *options;
        char *uri; /* printable, for messages */
        NbdRecord record;
        struct sockaddr_storage peer; /* the server, whose name is never asked for again */
        socklen_t peer_size;

        NbdNetlink *netlink;
        int watch_fd;   /* nbd-watch.h */
        int link_fd;    /* the socket that the kernel has as well; < 0: it is down, or not known */
        int control_fd; /* listens */
        int client_fd;  /* who is being served by it, one at a time */
        int dir_fd;     /* of the records */
        int omit_fd;    /* of /run/sendsigs.omit.d */
        int device_fd;  /* of the device in sysfs */
        int manager_fd; /* to the service manager, < 0: there is none */

        ShutdownWatch shutdown;
        TcpStall stall;
        bool kernel_knows;  /* that the last link is dead */
        bool gone;          /* somebody has detached the device */
        bool cut;           /* somebody has, but it is in use, and the kernel shows it until that is over */
        bool kept;          /* the manager has a copy of link_fd */
        unsigned n_invalid; /* how often in a row the kernel took no connection for this device */
        unsigned n_silent;  /* how often in a row the server did not finish the handshake in time */
        unsigned n_repeat;  /* how often the link is yet to be handed over again, see link_install() */
        usec_t lost, next_tick, next_try, next_repair, next_warning, client_deadline;
        usec_t larger_until;          /* up to then a larger export is taken */
        uint64_t larger;              /* size to grow to, 0: none */
        char lost_by[NBD_REASON_MAX]; /* the reason why the link was lost, whatever came after */
        char warned[NBD_REASON_MAX];  /* the reason that was said last */
        char request[64];
        size_t n_request;
        bool has_line; /* all of the request is there, and not yet answered */
} Supervisor;

/* supervise.c */

/* Writes what has become of the link into the record. */
void supervisor_record(Supervisor *s, NbdLink link, const char *reason);

/* Gives the service manager a copy of link_fd. */
void supervisor_keep_link(Supervisor *s);

/* Whether the kernel shows the device as attached. */
bool supervisor_is_attached(const Supervisor *s);

/* supervisor-link.c */

/* To be called first of all if link_fd is not known. */
void link_unknown(Supervisor *s);
/* Looks whether the link lives: at once by what poll() said of link_fd, or by what the kernel knows of the connection.
 */
void link_check(Supervisor *s, short revents);
void link_tick(Supervisor *s, usec_t now);
/* Reads news of the kernel's. */
void link_news(Supervisor *s);
/* One try to have it again; says when the next one is due. */
void link_try(Supervisor *s);
/* Asks the server for its size and takes it. Returns 1 if it has grown, 0 if not, or a negative errno; text for people
 * in any case. */
int link_resize(Supervisor *s, char text[static NBD_CONTROL_LINE_MAX]);

/* supervisor-control.c */

_must_check_ int control_open(Supervisor *s);
void control_accept(Supervisor *s);
void control_serve(Supervisor *s);
/* Serves who waits for the volume to be detached, but nobody else. */
void control_serve_detach(Supervisor *s);
