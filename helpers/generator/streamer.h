/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

/* False in the lean image: what it takes to read archives and to speak TLS would double it. */
bool streamer_is_there(void);
