/* SPDX-License-Identifier: MIT */
#include "alloc-util.h"
#include "mask.h"
#include "test.h"

static void test_key_is_secret(void) {
        static const struct {
                const char *key;
                bool secret;
        } cases[] = {
                { "password", true },
                { "ROOT_PASSWORD", true },
                { "live_passwd", true },
                { "rd.luks.passphrase", true },
                { "MYSQL_PASS", true },
                { "token", true },
                { "SCW_SECRET_KEY", true },
                { "systemd.set_credential", true },
                { "api-key", true },
                { "Key", true },
                { "", false },
                { "ey", false },
                { "keymap", false },
                { "vconsole.keyboard", false },
                { "iommu.passthrough", false },
                { "root", false },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                ASSERT_EQ(key_is_secret(cases[i].key, strlen(cases[i].key)), cases[i].secret);
}

static void test_mask_word(void) {
        static const struct {
                const char *word, *expected;
        } cases[] = {
                { "", "" },
                { "quiet", "quiet" },
                { "=", "=" },
                { "token", "token" },
                { "token=", "token=" },
                { "RESET_PASSWORD=1", "RESET_PASSWORD=1" },
                { "password=a=b c", "password=***" },
                { "AUTHORIZED_KEY=ssh-rsa_AAAA", "AUTHORIZED_KEY=***" },
                { "root=UUID=x", "root=UUID=x" },
                { "nbd://10.1.2.3:4000", "nbd://10.1.2.3:4000" },
                { "url=http://user:pw@host/a", "url=http://***@host/a" },
                { "url=http://user:p@w@host/a", "url=http://***@host/a" },
                { "url=http://host/a@b", "url=http://host/a@b" },
                { "url=https://host/a.tar?X-Signature=123&b=c", "url=https://host/a.tar?***" },
                { "url=https://host?x", "url=https://host?***" },
                { "url=https://", "url=https://" },
                { "https://u:secret@h/a?b=c", "https://***@h/a?***" },
                { "https://h/key=abc", "https://h/key=abc" },
                { "token=http://h/", "token=***" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                _cleanup_free_ char *masked = NULL;

                ASSERT_OK(mask_word(cases[i].word, &masked));
                ASSERT_STREQ(masked, cases[i].expected);
        }
}

static void test_mask_command_line(void) {
        static const struct {
                const char *line, *expected;
        } cases[] = {
                { "", "" },
                { "\n", "" },
                { "quiet\n", "quiet" },
                { "  a   b  \n", "a b" },
                { "a=1 password=\"x y\" b", "a=1 password=*** b" },
                { "a=1 \"password=x y\" b", "a=1 \"password=*** b" },
                { "token=\"never closed b c", "token=***" },
                { "x=\"nbd://u:p@h/ y\" z", "x=\"nbd://***@h/ y\" z" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                _cleanup_free_ char *masked = NULL;

                ASSERT_OK(mask_command_line(cases[i].line, &masked));
                ASSERT_STREQ(masked, cases[i].expected);
        }
}

static void test_mask_middle(void) {
        static const struct {
                const char *s, *expected;
        } cases[] = {
                { "", "" },
                { "a", "x" },
                { "ab", "xx" },
                { "abc", "axc" },
                { "8123-567", "8xxxxxx7" },
                { "\xc3\xa9" "bc", "xxxc" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                _cleanup_free_ char *masked = NULL;

                ASSERT_OK(mask_middle(cases[i].s, &masked));
                ASSERT_STREQ(masked, cases[i].expected);
        }
}

int main(void) {
        test_key_is_secret();
        test_mask_word();
        test_mask_command_line();
        test_mask_middle();
        return 0;
}
