/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>

#include "cpu-info.h"
#include "string-util.h"

/* The lines that may name the model, best first. */
static const char *const model_keys[] = { "model name", "cpu model", "Processor", "cpu", "Hardware" };

/* MIDR_EL1 implementer and part number: Arm's and Cavium's reference manuals. */
static const struct {
        const char *implementer, *part, *name;
} arm_cores[] = {
        { "0x41", "0xd03", "ARM Cortex-A53" },
        { "0x41", "0xd07", "ARM Cortex-A57" },
        { "0x41", "0xd08", "ARM Cortex-A72" },
        { "0x41", "0xd0c", "ARM Neoverse-N1" },
        { "0x41", "0xd40", "ARM Neoverse-V1" },
        { "0x41", "0xd49", "ARM Neoverse-N2" },
        { "0x43", "0x0a1", "Cavium ThunderX" },
        { "0x56", "0x584", "Marvell PJ4B-MP" },
};

typedef struct Line {
        const char *key, *value;
        size_t n_key, n_value;
} Line;

/* Takes the next "key<blanks>: value" off *p. False at the end of the text; lines of another form have n_key 0. */
static bool next_line(const char **p, Line *ret) {
        const char *line = *p, *colon;
        size_t n = strcspn(line, "\n");

        if (!*line)
                return false;

        *p = line + n + (line[n] == '\n');
        *ret = (Line) {};
        colon = memchr(line, ':', n);
        if (!colon)
                return true;

        ret->key = line;
        ret->n_key = (size_t) (colon - line);
        while (ret->n_key > 0 && isspace((unsigned char) line[ret->n_key - 1]))
                ret->n_key--;

        ret->value = colon + 1;
        ret->n_value = n - (size_t) (colon + 1 - line);
        while (ret->n_value > 0 && isspace((unsigned char) *ret->value)) {
                ret->value++;
                ret->n_value--;
        }
        while (ret->n_value > 0 && isspace((unsigned char) ret->value[ret->n_value - 1]))
                ret->n_value--;

        return true;
}

static bool key_is(const Line *l, const char *key) {
        return l->n_key == strlen(key) && memcmp(l->key, key, l->n_key) == 0;
}

/* The first value of this key that is not empty, to be freed; NULL if there is none. */
static int find_value(const char *text, const char *key, char **ret) {
        Line l;

        *ret = NULL;
        while (next_line(&text, &l))
                if (key_is(&l, key) && l.n_value > 0) {
                        *ret = strndup(l.value, l.n_value);
                        return *ret ? 0 : -ENOMEM;
                }

        return 0;
}

/* x86 and arm64 have a line "processor : NUMBER" for each, also 32-bit ARM; "Processor : ARMv7 …" is none. */
static unsigned count_cores(const char *text) {
        unsigned n = 0;
        Line l;

        while (next_line(&text, &l))
                if (key_is(&l, "processor") && l.n_value > 0 && isdigit((unsigned char) l.value[0]))
                        n++;

        return n;
}

static int arm_model(const char *text, char **ret) {
        _cleanup_free_ char *implementer = NULL, *part = NULL;
        int r;

        *ret = NULL;
        r = find_value(text, "CPU implementer", &implementer);
        if (r < 0)
                return r;
        r = find_value(text, "CPU part", &part);
        if (r < 0)
                return r;
        if (!implementer || !part)
                return 0;

        for (size_t i = 0; i < ELEMENTSOF(arm_cores); i++)
                if (streq(implementer, arm_cores[i].implementer) && streq(part, arm_cores[i].part))
                        return strdup_to(ret, arm_cores[i].name);

        return asprintf_to(ret, "ARM, implementer %s, part %s", implementer, part);
}

int cpu_info_parse(const char *text, CpuInfo *ret) {
        _cleanup_free_ char *model = NULL;
        int r = 0;

        assert(text);
        assert(ret);

        for (size_t i = 0; i < ELEMENTSOF(model_keys) && !model; i++) {
                r = find_value(text, model_keys[i], &model);
                if (r < 0)
                        return r;

                /* s390 and new 32-bit kernels write a number there. */
                if (model && isdigit((unsigned char) model[0]) && strlen(model) < 3)
                        model = mfree(model);
        }
        if (!model) {
                r = arm_model(text, &model);
                if (r < 0)
                        return r;
        }

        *ret = (CpuInfo) { .model = TAKE_PTR(model), .n_cores = count_cores(text) };
        return 0;
}

void cpu_info_done(CpuInfo *c) {
        if (c)
                c->model = mfree(c->model);
}
