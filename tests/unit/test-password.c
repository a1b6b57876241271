/* SPDX-License-Identifier: MIT */
/* rows: A15 */
#include <crypt.h>
#include <stdlib.h>

#include "password.h"
#include "string-util.h"
#include "test.h"

#define N_PASSWORDS 20000U
#define N_LETTERS 56U

/* Each letter as often as the others: 5714 times, give or take six times the standard deviation. With a letter taken by the
 * remainder alone, the first ones would come 5/4 as often as the last. */
static void test_make(void) {
        unsigned counts[256] = {}, n_letters = 0;
        char password[PASSWORD_LENGTH + 1], last[PASSWORD_LENGTH + 1] = "";

        for (unsigned i = 0; i < N_PASSWORDS; i++) {
                ASSERT_OK(password_make(password));
                ASSERT_EQ(strlen(password), PASSWORD_LENGTH);
                ASSERT_TRUE(!streq(password, last));
                strcpy(last, password);
                for (const char *p = password; *p; p++)
                        counts[(unsigned char) *p]++;
        }

        for (unsigned c = 0; c < ELEMENTSOF(counts); c++) {
                if (counts[c] == 0)
                        continue;
                n_letters++;
                /* What a person takes for another one, and what a shell or shadow(5) takes for something else. */
                ASSERT_TRUE((c >= '2' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
                ASSERT_TRUE(!strchr("IOl", (int) c));
                ASSERT_TRUE(counts[c] > 5714 - 450 && counts[c] < 5714 + 450);
        }
        ASSERT_EQ(n_letters, N_LETTERS);
}

static void test_hash(void) {
        static const char *const methods[] = { "YESCRYPT", "SHA512", "SHA256", "BCRYPT" };

        for (size_t i = 0; i < ELEMENTSOF(methods); i++) {
                const char *prefix = password_prefix(methods[i]);
                _cleanup_free_ char *hash = NULL, *other = NULL;

                ASSERT_TRUE(prefix);
                ASSERT_OK(password_hash("correct horse", prefix, &hash));
                ASSERT_TRUE(startswith(hash, prefix));
                ASSERT_STREQ(crypt("correct horse", hash), hash);
                ASSERT_TRUE(!streq(crypt("correct cow", hash), hash));
                /* Nothing that ends a field or a line of shadow(5). */
                ASSERT_EQ(strcspn(hash, ":\n"), strlen(hash));

                ASSERT_OK(password_hash("correct horse", prefix, &other));
                ASSERT_TRUE(!streq(hash, other));
        }

        ASSERT_TRUE(!password_prefix("DES"));
        ASSERT_TRUE(!password_prefix("MD5"));
        ASSERT_TRUE(!password_prefix(""));
        ASSERT_TRUE(!password_prefix("sha512"));
}

int main(void) {
        test_make();
        test_hash();

        return 0;
}
