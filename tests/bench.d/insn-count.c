/* SPDX-License-Identifier: MIT */
/* A plugin of QEMU's that counts what the guest does: tests/lib/budget.py loads it with -plugin. Unlike seconds, these
 * numbers say the same on a busy machine. When QEMU ends, the file that the argument out= names gets them as JSON:
 *
 *     executed    instructions, the sum over all processors
 *     translated  instructions that were translated for that, some of them more than once: about how much different code
 *                 was run. Translating one costs QEMU 2 to 3 us, as much as executing a thousand
 *
 * QEMU's header is in no Debian package, so what is used of it stands here: qemu-plugin.h, API version 2 and later
 * (QEMU 9.0), https://www.qemu.org/docs/master/devel/tcg-plugins.html. */

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_scoreboard;
struct qemu_info;

typedef uint64_t qemu_plugin_id_t;

typedef struct {
        struct qemu_plugin_scoreboard *score;
        size_t offset;
} qemu_plugin_u64;

enum qemu_plugin_op {
        QEMU_PLUGIN_INLINE_ADD_U64,
};

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 entry);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
                                                       qemu_plugin_u64 entry, uint64_t imm);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t id, void *userdata),
                                    void *userdata);

#define EXPORT __attribute__((visibility("default")))

EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv);

int qemu_plugin_version = 2;

static qemu_plugin_u64 executed;
static _Atomic uint64_t translated;
static const char *path;

/* A block that was left early by an interrupt or a fault counts in full: a few in a thousand. */
static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
        size_t n = qemu_plugin_tb_n_insns(tb);

        (void) id;
        translated += n;
        qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, executed, n);
}

static void ended(qemu_plugin_id_t id, void *userdata) {
        FILE *f = fopen(path, "we");

        (void) id;
        (void) userdata;
        if (!f)
                return;
        (void) fprintf(f, "{\"executed\": %" PRIu64 ", \"translated\": %" PRIu64 "}\n", qemu_plugin_u64_sum(executed), translated);
        (void) fclose(f);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv) {
        static const char key[] = "out=";

        (void) info;
        if (argc != 1 || strncmp(argv[0], key, strlen(key)) != 0)
                return -1;
        path = argv[0] + strlen(key);

        executed = (qemu_plugin_u64) { qemu_plugin_scoreboard_new(sizeof(uint64_t)), 0 };
        qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
        qemu_plugin_register_atexit_cb(id, ended, NULL);
        return 0;
}
