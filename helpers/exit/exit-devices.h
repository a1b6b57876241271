/* SPDX-License-Identifier: MIT */
#pragma once

#include "time-util.h"

/* What is to be stopped: a loop device, or an MD array. */
typedef enum DeviceKind {
        DEVICE_LOOP,
        DEVICE_ARRAY,
        _DEVICE_INVALID = -22,
} DeviceKind;

/* What the device of that name in /sys/block is, or _DEVICE_INVALID if it is none of these, is not set up, or another device is on top of it
 * and has to be stopped before. sys stands for /sys. */
DeviceKind device_look(const char *sys, const char *name);

/* Stops one. Returns 0 or a negative errno, -EBUSY if it is in use, and then it is as it was. */
_must_check_ int device_stop(const char *name, DeviceKind kind);

/* Stops all loop devices and MD arrays that are not in use, those on top first, each in a process of its own. Nothing, in another PID namespace
 * than the first: the devices are those of the whole machine. Returns how many were stopped, each of which is said. */
unsigned devices_stop(usec_t deadline);
