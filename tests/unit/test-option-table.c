/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "alloc-util.h"
#include "fileio.h"
#include "option-table.h"
#include "string-util.h"
#include "test.h"

static void test_rows(void) {
        for (OptionId i = 0; i < _OPTION_MAX; i++) {
                const Option *o = option_table + i;

                ASSERT_TRUE(!isempty(o->key));
                ASSERT_TRUE(!strpbrk(o->key, "= \t"));
                ASSERT_TRUE(o->where != 0 && (o->where & ~OPTION_BOTH) == 0);
                ASSERT_TRUE(!isempty(o->help) && !strpbrk(o->help, "\n|"));
                /* A unit without a variable would get nothing, a variable without a unit would go nowhere. */
                ASSERT_EQ(o->variable != NULL, o->unit || o->early_unit);
                ASSERT_EQ(o->type == OPTION_TYPE_ENUM, o->choices[0].name != NULL);
                for (OptionId j = 0; j < i; j++)
                        ASSERT_FALSE(streq(o->key, option_table[j].key));
        }
}

/* Choices are full names, and what one stands for is a choice that stands for itself. */
static void test_choices(void) {
        for (OptionId i = 0; i < _OPTION_MAX; i++)
                for (size_t c = 0; c < OPTION_CHOICES_MAX && option_table[i].choices[c].name; c++) {
                        const char *value = option_table[i].choices[c].value;
                        bool found = !value;

                        for (size_t d = 0; d < OPTION_CHOICES_MAX && option_table[i].choices[d].name; d++)
                                found |= value && streq(option_table[i].choices[d].name, value) &&
                                         !option_table[i].choices[d].value;
                        ASSERT_TRUE(found);
                }
}

static void test_early(void) {
        ASSERT_TRUE(option_is_early(OPTION_METADATA_IP));
        ASSERT_TRUE(option_is_early(OPTION_INITRD_VERBOSE));
        ASSERT_TRUE(option_is_early(OPTION_FAILURE));
        ASSERT_FALSE(option_is_early(OPTION_ROOT));
        ASSERT_FALSE(option_is_early(OPTION_NO_SIGNAL_STATE));
}

static void test_print(void) {
        _cleanup_free_ char *text = NULL;
        size_t size, lines = 0;
        FILE *f;

        f = open_memstream(&text, &size);
        ASSERT_TRUE(f);
        option_table_print(f);
        ASSERT_EQ(fclose(f), 0);

        for (const char *p = text; *p; p = strchr(p, '\n') + 1) {
                ASSERT_EQ(*p, '|');
                lines++;
        }
        ASSERT_EQ(lines, (size_t) _OPTION_MAX + 2);
        ASSERT_TRUE(strstr(text, "| init "));
}

static const char *where_in_manual(OptionWhere where) {
        return where == OPTION_CMDLINE ? "command line" : where == OPTION_TAG ? "tag" : "both";
}

/* scdoc wants a backslash before what it would take for mark-up. */
static char *unescape(const char *s) {
        char *r = strdup(s), *q = r;

        ASSERT_TRUE(r);
        for (; *s; s++) {
                if (*s == '\\' && s[1])
                        s++;
                *q++ = *s;
        }
        *q = '\0';
        return r;
}

/* path is relative to the top of the checkout. */
static char *read_source(const char *path) {
        const char *data = getenv("TEST_DATA"), *end = data ? endswith(data, "/tests/unit/data") : NULL;
        _cleanup_free_ char *full = NULL;
        char *text;

        ASSERT_TRUE(end);
        ASSERT_OK(asprintf_to(&full, "%.*s/%s", (int) (end - data), data, path));
        ASSERT_OK(read_file(full, 1U << 20, &text, NULL));
        return text;
}

/* The manual page has the same rows: key, where, default and help, each as the table has it, in this order. */
static void test_manual(void) {
        _cleanup_free_ char *raw = read_source("helpers/generator/scaleway-generator.8.scd"), *page = unescape(raw);
        const char *p;

        p = strstr(page, "# OPTION TABLE");
        ASSERT_TRUE(p);
        for (OptionId i = 0; i < _OPTION_MAX; i++) {
                _cleanup_free_ char *row = NULL;

                ASSERT_OK(asprintf_to(&row, "*%s*\n:  %s\n:  %s\n:  %s\n", option_table[i].key,
                                      where_in_manual(option_table[i].where), option_default_text(i),
                                      option_table[i].help));
                p = strstr(p, row);
                if (!p) {
                        fprintf(stderr, "Manual page: after the last row that is right there is no\n%s", row);
                        exit(EXIT_FAILURE);
                }
                p += strlen(row);
        }
}

/* The table in the README is the printed one, byte for byte. */
static void test_readme(void) {
        _cleanup_free_ char *text = NULL, *readme = read_source("README.md");
        size_t size;
        FILE *f;

        f = open_memstream(&text, &size);
        ASSERT_TRUE(f);
        option_table_print(f);
        ASSERT_EQ(fclose(f), 0);
        ASSERT_TRUE(strstr(readme, text));
}

int main(void) {
        test_rows();
        test_choices();
        test_early();
        test_print();
        test_manual();
        test_readme();
        return EXIT_SUCCESS;
}
