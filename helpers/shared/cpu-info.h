/* SPDX-License-Identifier: MIT */
#pragma once

#include "macro.h"

typedef struct CpuInfo {
        char *model;      /* NULL if the text does not tell */
        unsigned n_cores; /* 0 if the text does not tell */
} CpuInfo;

/* text is that of /proc/cpuinfo, whose form differs between architectures and kernels: x86 and MIPS name the model,
 * 32-bit ARM calls it "Processor" (before 3.8) or "model name", arm64 gives two numbers out of which a few cores of
 * servers are named. Returns 0 or -ENOMEM; *ret is written only on success and then to be ended by cpu_info_done(). */
_must_check_ int cpu_info_parse(const char *text, CpuInfo *ret);
void cpu_info_done(CpuInfo *c);
