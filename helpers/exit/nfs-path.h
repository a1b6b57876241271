/* SPDX-License-Identifier: MIT */
#pragma once

#include "network-path.h"

/* Reads what scaleway-nfs has noted: the way to the server of the root, and (if not NULL) its port. False if there is none. */
bool nfs_path_read(NetworkPath *ret, uint16_t *ret_port);
