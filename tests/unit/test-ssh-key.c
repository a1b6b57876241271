/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "alloc-util.h"
#include "metadata.h"
#include "ssh-key.h"
#include "ssh-keys.h"
#include "string-util.h"
#include "test.h"

#define ED25519 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJsm5H3DauzR0jswLCtU0K5LrMCSQYIvHCpzhjcieG7n"
#define ECDSA_256 "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBOwX0olQEBNzVpSxwOmRbdbqQ/Y811jD1fdN81hv6sSiRBhveJCmDiYI4AGuyp1DlkPW0xfbxl+4eeCUqajyh0k="
#define ECDSA_384 "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBHA6zW07SJuUn85XZVqE+VQyYAKirbcEKWQ7VrGgHXHiH/5L2OZMKVrrOoZqcjGthbvwEPhdJMNnOgB/+H4X0/kqQbAOVmFgBs0QihIGgx/uKT8yttIdwtVgjk6FYC2sTA=="
#define ECDSA_521 "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAGbLpxjj/l+Gz1bGcLcdvVQBOfWIHGOI/1Pjli8+Zivdz7rx0lqLb1v/zm2b6JwNjbCa9skzR8HwDKqx0ujlhAS5ABd4095W2Dfpwtijs3OgndIFbvK/s4sfgshR31sI1IoyzXPAavJt+oj/0xxJzUqkt0f6N/GjzwxuO4ZwZSsXcGB5Q=="
#define RSA_1024 "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDqMSitRDUmdoebEbvvhexwi6F/eyOexbFQIqpkv0ADiCKWYl5TzbnZsUxD8qJyfD/dGGPEOMOML/rXMn9cj3D1hfviQ6qE718gWnhiC2uyXWh1MU5ZIV3T+7s0F6+PlldvQNdFMTUFCEISllfHruScvNwoZo0zxz4otKOCq4ZQSw=="
#define RSA_2048 "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCptCPg6Exhry+epi3K9qtGugtLCVj6BFJuF6+FB5DuXfoX9wsA1Pu3dKf3Zd8JdFy3xLnS0taT2dS3tUU8dy11p9RZkqn6hqrQh69cq6AiQqxrA16s+sA8EKs8nYWetABpQcGrBQx33+Oa/RiZIG7xQr68njVPI6n7lAKN/EfhXPiz0vd468A9rhdX0Sl8GjAi5neiHykIMcIX/RIeV6rkmZcs4Pzvp/5997VJIEDJz+5yNjD8Qq1SFrg5p0xlGutOqY7Pefol8j5upTkNdOTjTZCL2fxvwv3TUlysCtW/gkrwoHMxaIOe1AVfKAaYWAeZcfLcxyEJBvK/7KF5yVw3"
#define SK_ED25519 \
        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs" \
        "cHR4fAAAABHNzaDo="
#define SK_ECDSA \
        "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBAA" \
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEc3NoOg=="

static void good(const char *text, const char *expected) {
        _cleanup_free_ char *key = NULL;
        const char *reason;

        ASSERT_OK(ssh_key_parse(text, &key, &reason));
        ASSERT_STREQ(key, expected);
}

static void bad(const char *text, const char *expected) {
        const char *reason = NULL;
        char *key = NULL;

        ASSERT_ERROR(ssh_key_parse(text, &key, &reason), EINVAL);
        ASSERT_TRUE(strstr(reason, expected));
        ASSERT_STREQ(key, NULL);
}

static void test_kinds(void) {
        static const char *const keys[] = { ED25519, ECDSA_256, ECDSA_384, ECDSA_521, RSA_1024, RSA_2048, SK_ED25519, SK_ECDSA };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                _cleanup_free_ char *commented = NULL, *copy = NULL;

                good(keys[i], keys[i]);
                ASSERT_OK(asprintf_to(&commented, "  %s\tuser@example \x1b[31m\xff\n", keys[i]));
                good(commented, keys[i]);

                /* Cut at whatever place, it is no key any more. */
                copy = strdup(keys[i]);
                for (size_t n = strlen(keys[i]) - 1; n > 0; n--) {
                        const char *reason;
                        char *key = NULL;

                        copy[n] = '\0';
                        ASSERT_ERROR(ssh_key_parse(copy, &key, &reason), EINVAL);
                }
        }

        good(ED25519 "\r\n" RSA_2048 "\n", ED25519);
}

static void test_bad(void) {
        _cleanup_free_ char *longer = malloc(5000);

        bad("", "does not begin with");
        bad("   ", "does not begin with");
        bad("ssh-dss AAAAB3NzaC1kc3M=", "does not begin with");
        bad("ssh-ed25519-cert-v01@openssh.com AAAA", "does not begin with");
        bad("SSH-ED25519 AAAA", "does not begin with");
        bad("#" ED25519, "does not begin with");
        bad("command=\"reboot\" " ED25519, "does not begin with");
        bad("no-pty " ED25519, "does not begin with");
        bad("\n" ED25519, "does not begin with");
        bad("ssh-ed25519", "base64");
        bad("ssh-ed25519 ", "base64");
        bad("ssh-ed25519\n" ED25519, "base64");
        bad("ssh-ed25519 ====", "base64");
        bad("ssh-ed25519 A===", "base64");
        bad("ssh-ed25519 AAA=AAAA", "base64");
        bad("ssh-ed25519 AAB=", "base64"); /* bits behind the end */
        bad("ssh-ed25519 AAAA\xc3\xa4", "base64");
        bad("ssh-ed25519 AAAA-AA_", "base64");
        bad("ssh-ed25519 AAAA", "none of the kind");
        /* 31 bytes; one string too many; a length beyond the end; another kind inside */
        bad("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAHwABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4=", "none of the kind");
        bad("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fAAAAAA==", "none of the kind");
        bad("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5/////wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f", "none of the kind");
        bad("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f", "none of the kind");
        /* 768 bits, and an exponent of 1 */
        bad("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAYQDBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"
            "HBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcE=",
            "none of the kind");
        bad("ssh-rsa AAAAB3NzaC1yc2EAAAABAQAAAIEAwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"
            "HBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcE=",
            "none of the kind");
        /* a compressed point, and one of another curve */
        bad("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "none of the kind");
        bad("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAzODQAAABBBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "none of the kind");

        strcpy(longer, "ssh-rsa ");
        memset(longer + strlen(longer), 'A', 4000);
        longer[4008] = '\0';
        bad(longer, "too long");
}

static void test_sources(void) {
        static const char text[] =
                "{\"ssh_public_keys\": [{\"key\": \"" ED25519 " me\"}, {\"key\": null}, 7, {}, {\"key\": \"" RSA_2048 "\"}],"
                " \"tags\": [\"AUTHORIZED_KEY=ssh-ed25519_AAAA\", \"AUTHORIZED_KEY=\", \"authorized_key=x\", 5, \"AUTHORIZED_KEY\","
                " \"AUTHORIZED_KEY=ecdsa-sha2-nistp256_%s_a_comment\", \"AUTHORIZED_KEY=x\", \"AUTHORIZED_KEY=y\"]}";
        _cleanup_(metadata_freep) Metadata *m = NULL;
        _cleanup_free_ char *document = NULL;
        SshKeys k;

        document = string_replace(text, "%s", strchr(ECDSA_256, ' ') + 1);
        ASSERT_TRUE(document);
        ASSERT_OK(metadata_parse(document, strlen(document), &m));
        ASSERT_OK(ssh_keys_collect(m, &k));
        ASSERT_EQ(k.n_keys, 3);
        ASSERT_STREQ(k.keys[0], ED25519);
        ASSERT_STREQ(k.keys[1], RSA_2048);
        ASSERT_STREQ(k.keys[2], ECDSA_256);
        /* Three entries of the metadata, one tag, and two that are only counted. */
        ASSERT_EQ(k.n_problems, 5);
        ASSERT_STREQ(k.problems[0], "ssh_public_keys[1] of the metadata is left out: it does not begin with ssh-ed25519, ecdsa-sha2-…, sk-… or ssh-rsa");
        ASSERT_STREQ(k.problems[3], "AUTHORIZED_KEY= (server tag 1) is left out: it is none of the kind that it says");
        ASSERT_STREQ(k.problems[4], "2 more are left out");
        ssh_keys_done(&k);
        ASSERT_EQ(k.n_keys, 0);

        ASSERT_OK(ssh_keys_collect(NULL, &k));
        ASSERT_EQ(k.n_keys, 0);
        ssh_keys_done(&k);
}

static void test_no_list(void) {
        static const char *const documents[] = { "{}", "{\"ssh_public_keys\": null}", "{\"ssh_public_keys\": \"x\"}", "{\"ssh_public_keys\": {\"key\": \"x\"}}" };

        for (size_t i = 0; i < ELEMENTSOF(documents); i++) {
                _cleanup_(metadata_freep) Metadata *m = NULL;
                SshKeys k;

                ASSERT_OK(metadata_parse(documents[i], strlen(documents[i]), &m));
                ASSERT_OK(ssh_keys_collect(m, &k));
                ASSERT_EQ(k.n_keys, 0);
                ASSERT_EQ(k.n_problems, 0);
                ssh_keys_done(&k);
        }
}

/* Of many keys that differ in one letter the first ones count. */
static void test_too_many(void) {
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        _cleanup_(metadata_freep) Metadata *m = NULL;
        _cleanup_free_ char *document = NULL;
        size_t size;
        SshKeys k;
        FILE *f = open_memstream(&document, &size);

        ASSERT_TRUE(f);
        fputs("{\"tags\": [\"x\"", f);
        for (size_t i = 0; i < 100; i++) {
                _cleanup_free_ char *key = string_replace(ED25519, " ", "_");

                ASSERT_TRUE(key);
                key[strlen(key) - 20] = alphabet[i % 50];
                key[strlen(key) - 21] = alphabet[i / 50];
                fprintf(f, ", \"AUTHORIZED_KEY=%s\", \"AUTHORIZED_KEY=%s\"", key, key);
        }
        fputs("]}", f);
        ASSERT_EQ(fclose(f), 0);

        ASSERT_OK(metadata_parse(document, strlen(document), &m));
        ASSERT_OK(ssh_keys_collect(m, &k));
        ASSERT_EQ(k.n_keys, SSH_KEYS_MAX);
        ASSERT_EQ(k.n_problems, 1);
        ASSERT_STREQ(k.problems[0], "72 keys are left out, no more than 64 count");
        ssh_keys_done(&k);
}

int main(void) {
        test_kinds();
        test_bad();
        test_sources();
        test_no_list();
        test_too_many();
        return 0;
}
