/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* The entry point that libFuzzer calls; 0 always. */
__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input is. */
static inline void require(bool condition) {
        if (!condition)
                abort();
}

/* The input as a text, NUL-terminated, to be freed: what comes after its first NUL is not part of it. */
static inline char *fuzz_text(const uint8_t *data, size_t size) {
        size_t n = 0;
        char *text;

        while (n < size && data[n] != '\0')
                n++;
        text = malloc(n + 1);
        require(text);
        for (size_t i = 0; i < n; i++)
                text[i] = (char) data[i];
        text[n] = '\0';

        return text;
}
