/* SPDX-License-Identifier: MIT */
#include "cpu-info.h"
#include "test.h"

static void check(const char *text, const char *model, unsigned n_cores) {
        CpuInfo cpu = {};

        ASSERT_OK(cpu_info_parse(text, &cpu));
        ASSERT_STREQ(cpu.model, model);
        ASSERT_EQ(cpu.n_cores, n_cores);
        cpu_info_done(&cpu);
        ASSERT_STREQ(cpu.model, NULL);
}

int main(void) {
        /* x86_64 */
        check("processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 77\n"
              "model name\t: Intel(R) Atom(TM) CPU  C2750  @ 2.40GHz\n"
              "\nprocessor\t: 1\nmodel name\t: Intel(R) Atom(TM) CPU  C2750  @ 2.40GHz\n",
              "Intel(R) Atom(TM) CPU  C2750  @ 2.40GHz", 2);
        /* 32-bit ARM, Linux 3.2: "Processor" names the model, "processor" counts. */
        check("Processor\t: Marvell PJ4Bv7 Processor rev 2 (v7l)\nprocessor\t: 0\nBogoMIPS\t: 1332.01\n\n"
              "processor\t: 1\n\n"
              "Features\t: swp half\nCPU implementer\t: 0x56\nCPU part\t: 0x584\nHardware\t: Online Labs C1\n",
              "Marvell PJ4Bv7 Processor rev 2 (v7l)", 2);
        /* arm64 */
        check("processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd0c\n",
              "ARM Neoverse-N1", 1);
        check("processor\t: 0\nCPU implementer\t: 0x99\nCPU part\t: 0x123\n", "ARM, implementer 0x99, part 0x123", 1);
        check("processor\t: 0\nHardware\t: BCM2835\n", "BCM2835", 1);
        /* Nothing to be had of it. */
        check("", NULL, 0);
        check("\n:\n::\nmodel name\nmodel name\t:\nprocessor\t:\nCPU part\t: 0xd0c\n", NULL, 0);
        check("model name : x", "x", 0);

        return 0;
}
