/* SPDX-License-Identifier: MIT */
#pragma once

/* A new directory in memory, where there is one, which is removed with all that is in it when the program ends, but not when it is
 * killed. Exits with 77, as a test that cannot be made, if there can be none. Not to be freed. */
const char *scratch_directory(void);

/* Removes all that is in the directory, whatever it is. */
void scratch_empty(const char *path);
