/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A server for clients that are given an address, not a descriptor, in a network of its own: wherever the answers send a client,
 * nothing is there. */

#define LOOPBACK_ANSWERS_MAX 4U

typedef struct LoopbackAnswer {
        const uint8_t *data;
        size_t size;
} LoopbackAnswer;

/* Starts it, once, and returns its port on 127.0.0.1. Exits with 77, as a test that cannot be made, if there can be no such network. */
uint16_t loopback_server_start(void);

/* What the next connections get: the first one the first answer, and all after the n-th that one. n is at most LOOPBACK_ANSWERS_MAX; the
 * data must stay until the next call. With n = 0 nobody gets anything any more, and the data of before may go. */
void loopback_server_set(const LoopbackAnswer *answers, size_t n);
