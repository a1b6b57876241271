/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "alloc-util.h"
#include "ring.h"

struct Ring {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        size_t sizes[RING_BUFFERS];
        uint64_t n_put, n_released; /* buffers, since the beginning */
        bool closed, complete, aborted;
        unsigned char *memory;
};

Ring *ring_new(void) {
        Ring *ring = new0(Ring, 1);

        if (!ring)
                return NULL;

        ring->memory = aligned_alloc(4096, RING_BUFFERS * RING_BUFFER_SIZE);
        if (!ring->memory) {
                free(ring);
                return NULL;
        }
        (void) pthread_mutex_init(&ring->lock, NULL);
        (void) pthread_cond_init(&ring->changed, NULL);
        return ring;
}

Ring *ring_free(Ring *ring) {
        if (!ring)
                return NULL;

        (void) pthread_mutex_destroy(&ring->lock);
        (void) pthread_cond_destroy(&ring->changed);
        free(ring->memory);
        return mfree(ring);
}

static void *buffer(Ring *ring, uint64_t number) {
        return ring->memory + number % RING_BUFFERS * RING_BUFFER_SIZE;
}

int ring_take_empty(Ring *ring, void **ret) {
        int r = 0;

        (void) pthread_mutex_lock(&ring->lock);
        while (!ring->aborted && ring->n_put - ring->n_released == RING_BUFFERS)
                (void) pthread_cond_wait(&ring->changed, &ring->lock);
        if (ring->aborted)
                r = -EPIPE;
        else
                *ret = buffer(ring, ring->n_put);
        (void) pthread_mutex_unlock(&ring->lock);

        return r;
}

void ring_put(Ring *ring, size_t n) {
        assert(n > 0 && n <= RING_BUFFER_SIZE);

        (void) pthread_mutex_lock(&ring->lock);
        ring->sizes[ring->n_put++ % RING_BUFFERS] = n;
        (void) pthread_cond_signal(&ring->changed);
        (void) pthread_mutex_unlock(&ring->lock);
}

void ring_close(Ring *ring, bool complete) {
        (void) pthread_mutex_lock(&ring->lock);
        ring->closed = true;
        ring->complete = complete;
        (void) pthread_cond_signal(&ring->changed);
        (void) pthread_mutex_unlock(&ring->lock);
}

int ring_take_full(Ring *ring, const void **ret, size_t *ret_size) {
        int r;

        (void) pthread_mutex_lock(&ring->lock);
        while (!ring->closed && ring->n_put == ring->n_released)
                (void) pthread_cond_wait(&ring->changed, &ring->lock);

        /* A download that has failed need not be unpacked up to where it failed. */
        if (ring->closed && !ring->complete)
                r = -EPIPE;
        else if (ring->n_put == ring->n_released)
                r = 0;
        else {
                *ret = buffer(ring, ring->n_released);
                *ret_size = ring->sizes[ring->n_released % RING_BUFFERS];
                r = 1;
        }
        (void) pthread_mutex_unlock(&ring->lock);

        return r;
}

void ring_release(Ring *ring) {
        (void) pthread_mutex_lock(&ring->lock);
        assert(ring->n_released < ring->n_put);
        ring->n_released++;
        (void) pthread_cond_signal(&ring->changed);
        (void) pthread_mutex_unlock(&ring->lock);
}

void ring_abort(Ring *ring) {
        (void) pthread_mutex_lock(&ring->lock);
        ring->aborted = true;
        (void) pthread_cond_signal(&ring->changed);
        (void) pthread_mutex_unlock(&ring->lock);
}
