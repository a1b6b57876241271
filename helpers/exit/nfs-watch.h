/* SPDX-License-Identifier: MIT */
#pragma once

#include "network-path.h"
#include "shutdown-watch.h"

/* What the supervisors are for volumes, for a root over NFS: a process that ends the machine if a shutdown hangs because the server is gone
 * (nbd/shutdown-watch.h). The kernel connects NFS again by itself, so there is nothing else to look after. */
typedef struct NfsWatch {
        ShutdownWatch shutdown;
        NetworkPath path;
        uint16_t port;
        bool has_answered; /* ever, on a connection of ours */
        usec_t next_ask;   /* before it has */
} NfsWatch;

/* Whether an NFS server answers there, whatever version it speaks, within timeout. Returns 0, or a negative errno: -ETIMEDOUT, -EPROTO for one
 * that answers something else, -ECONNRESET for one that ends the connection. */
_must_check_ int nfs_ask(const struct sockaddr *address, socklen_t size, usec_t timeout);

/* To be called every few seconds. Asks the server only while a shutdown is under way, and mends the way to it if it does not answer. True as
 * soon as that has lasted as long as it may: then it is for the caller to end the machine. Before a shutdown it is asked, once a minute, until it
 * has answered: one that never did may have its reasons (it lets in whom it knows, a firewall does) while the root's own connection lives, and its
 * silence means nothing. */
bool nfs_watch_step(NfsWatch *w, usec_t now);
