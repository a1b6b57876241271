/* SPDX-License-Identifier: MIT */
#pragma once

#include "attach.h"
#include "bounds.h"

/* Attaches n volumes, 1 to ATTACH_MANY_MAX, at the same time: attach_volume() for each, with its own limit and its own
 * tries, in a process of its own that ends before this returns. What becomes of one is nothing to the others. Logs what
 * each did and, if one of several failed, a line with the names of those that did. Returns 0 if all are attached, else
 * the error of the first that is not, in their order. */
_must_check_ int attach_volumes(const AttachOptions *o, size_t n);
