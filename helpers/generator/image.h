/* SPDX-License-Identifier: MIT */
#pragma once

#include "boot.h"
#include "unit-file.h"

/* The tar archive that rescue_image= names: of all modes that unpack one. */

/* NULL if there is an image, else what to do about it, to end a sentence "… there is no image: ". Not to be freed. */
const char *image_advice(const Boot *b);

/* Adds Environment= with the image's URL, checksum, signature and key to a drop-in. Returns 0 or a negative errno. */
_must_check_ int image_add(const Boot *b, UnitFile *u);
