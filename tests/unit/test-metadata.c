/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fileio.h"
#include "metadata.h"
#include "string-util.h"
#include "test.h"

static Metadata *parse_ok(const char *text) {
        Metadata *m = NULL;

        ASSERT_OK(metadata_parse(text, strlen(text), &m));
        return m;
}

static Metadata *parse_sample(const char *name) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        const char *data = getenv("TEST_DATA");
        Metadata *m = NULL;
        size_t size;

        ASSERT_TRUE(data);
        ASSERT_OK(asprintf_to(&path, "%s/metadata/%s", data, name));
        ASSERT_OK(read_file(path, METADATA_SIZE_MAX, &text, &size));
        ASSERT_OK(metadata_parse(text, size, &m));
        return m;
}

static void test_errors(void) {
        static const struct {
                const char *text;
                size_t size; /* 0: strlen() */
                int error;
        } cases[] = {
                { "",                              0, EINVAL },
                { "garbage",                       0, EINVAL },
                { "<html>busy</html>",             0, EINVAL },
                { "[]",                            0, EINVAL },
                { "\"text\"",                      0, EINVAL },
                { "null",                          0, EINVAL },
                { "{",                             0, EINVAL },
                { "{} {}",                         0, EINVAL },
                { "{\"a\": 1,}",                   0, EINVAL },
                { "{\"a\": \"\\u0000\"}",          0, EINVAL },
                { "{\"a\": \"\xff\"}",             0, EINVAL },
                { "{\"a\": \"\xc0\xaf\"}",         0, EINVAL },
                { "{}\0",                          3, EINVAL },
                { "\xef\xbb\xbf{}",                0, EINVAL },
                { "{\"a\": 1e999}",                0, EINVAL },
                { "{\"a\": 99999999999999999999}", 0, EINVAL },
                { "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", 0, ELOOP },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Metadata *m = NULL;

                ASSERT_ERROR(metadata_parse(cases[i].text, cases[i].size ?: strlen(cases[i].text), &m), cases[i].error);
                ASSERT_TRUE(!m);
        }
}

static void test_bounds(void) {
        _cleanup_free_ char *text = malloc(METADATA_SIZE_MAX + 1);
        Metadata *m = NULL;

        ASSERT_TRUE(text);
        memset(text, ' ', METADATA_SIZE_MAX + 1);
        memcpy(text, "{}", 2);
        ASSERT_ERROR(metadata_parse(text, METADATA_SIZE_MAX + 1, &m), EFBIG);
        ASSERT_OK(metadata_parse(text, METADATA_SIZE_MAX, &m));
        metadata_free(m);
        m = NULL;

        /* Half a million values in an allowed size. */
        memcpy(text, "{\"a\":[0", 7);
        for (size_t i = 7; i < METADATA_SIZE_MAX; i += 2)
                memcpy(text + i, ",0", 2);
        ASSERT_ERROR(metadata_parse(text, METADATA_SIZE_MAX, &m), EFBIG);

        /* Brackets of which jansson would never see the end. */
        memset(text, '[', METADATA_SIZE_MAX);
        ASSERT_ERROR(metadata_parse(text, METADATA_SIZE_MAX, &m), ELOOP);

        /* Brackets and quotes within strings do not count. */
        metadata_free(parse_ok("{\"a\": \"[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[[[[[[[[\"}"));
        metadata_free(parse_ok("{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}"));
}

static void test_strings(void) {
        _cleanup_(metadata_freep) Metadata *m = NULL;

        m = parse_ok("{\"id\": \"x\", \"n\": 1, \"o\": {\"p\": {\"q\": \"y\"}, \"z\": null}, \"l\": [\"a\"],"
                     " \"a.b\": \"dot\", \"twice\": \"1\", \"twice\": \"2\"}");
        ASSERT_STREQ(metadata_string(m, "id"), "x");
        ASSERT_STREQ(metadata_string(m, "o.p.q"), "y");
        ASSERT_STREQ(metadata_string(m, "twice"), "2");
        ASSERT_STREQ(metadata_string(m, "n"), NULL);
        ASSERT_STREQ(metadata_string(m, "o"), NULL);
        ASSERT_STREQ(metadata_string(m, "o.z"), NULL);
        ASSERT_STREQ(metadata_string(m, "o.p.q.r"), NULL);
        ASSERT_STREQ(metadata_string(m, "l.0"), NULL);
        ASSERT_STREQ(metadata_string(m, "a.b"), NULL);
        ASSERT_STREQ(metadata_string(m, ""), NULL);
        ASSERT_STREQ(metadata_string(m, "."), NULL);
        ASSERT_STREQ(metadata_string(m, "i"), NULL);
}

static void test_tags(void) {
        static const char *const none[] = {
                "{}", "{\"tags\": null}", "{\"tags\": {}}", "{\"tags\": \"A=1\"}", "{\"tags\": []}", "{\"tags\": [1]}",
        };
        _cleanup_(metadata_freep) Metadata *m = NULL;

        for (size_t i = 0; i < ELEMENTSOF(none); i++) {
                _cleanup_(metadata_freep) Metadata *n = parse_ok(none[i]);

                ASSERT_EQ(metadata_n_tags(n), 0);
        }

        m = parse_ok("{\"tags\": [\"A=1\", null, 5, [\"no\"], {}, \"B=2=3\", \"\"]}");
        ASSERT_EQ(metadata_n_tags(m), 3);
        ASSERT_STREQ(metadata_tag(m, 0), "A=1");
        ASSERT_STREQ(metadata_tag(m, 1), "B=2=3");
        ASSERT_STREQ(metadata_tag(m, 2), "");
}

static void test_many_tags(void) {
        _cleanup_(metadata_freep) Metadata *m = NULL;
        _cleanup_free_ char *text = malloc(32 + 1000 * 4);
        char *p = text;

        ASSERT_TRUE(text);
        p = stpcpy(p, "{\"tags\":[\"x\"");
        for (int i = 0; i < 999; i++)
                p = stpcpy(p, ",\"y\"");
        strcpy(p, "]}");

        m = parse_ok(text);
        ASSERT_EQ(metadata_n_tags(m), METADATA_TAGS_MAX);
}

static void test_volumes(void) {
        _cleanup_(metadata_freep) Metadata *m = NULL;
        MetadataVolume v;

        m = parse_ok("{\"volumes\": {\"0\": {\"id\": \"i\", \"size\": 20000000000,"
                     " \"export_uri\": \"nbd://10.1.0.44:4320\"},"
                     " \"1\": {\"boot\": false, \"id\": 7, \"volume_type\": \"sbs_volume\", \"size\": -1,"
                     " \"export_uri\": null},"
                     " \"2\": \"x\", \"16\": {}}}");
        ASSERT_EQ(metadata_volume(m, 0, &v), 1);
        ASSERT_STREQ(v.id, "i");
        ASSERT_STREQ(v.export_uri, "nbd://10.1.0.44:4320");
        ASSERT_STREQ(v.name, NULL);
        ASSERT_EQ(v.size, 20000000000);
        ASSERT_EQ(metadata_volume(m, 1, &v), 1);
        ASSERT_STREQ(v.id, NULL);
        ASSERT_STREQ(v.volume_type, "sbs_volume");
        ASSERT_STREQ(v.export_uri, NULL);
        ASSERT_EQ(v.size, 0);
        ASSERT_ERROR(metadata_volume(m, 2, &v), EINVAL);
        ASSERT_EQ(metadata_volume(m, 3, &v), 0);
        ASSERT_EQ(metadata_volume(m, 16, &v), 0);
        ASSERT_EQ(metadata_volume(m, UINT32_MAX, &v), 0);

        metadata_free(m);
        m = parse_ok("{\"volumes\": [{\"id\": \"i\"}]}");
        ASSERT_EQ(metadata_volume(m, 0, &v), 0);
}

static void test_samples(void) {
        _cleanup_(metadata_freep) Metadata *c1 = parse_sample("metadata-2014-c1-arm-nbd-RECONSTRUCTED.json"),
                                           *start1 = parse_sample("metadata-2018-start1-s-x86_64-vda.json"),
                                           *dev1 = parse_sample("metadata-2023-dev1-s-nat-ipv6-SUBSET.json");
        MetadataVolume v;

        ASSERT_EQ(metadata_volume(c1, 1, &v), 1);
        ASSERT_STREQ(v.export_uri, "nbd://10.1.0.44:4321");
        ASSERT_EQ(v.size, 100000000000);
        ASSERT_STREQ(metadata_string(c1, "commercial_type"), NULL);

        ASSERT_EQ(metadata_n_tags(start1), 3);
        ASSERT_STREQ(metadata_tag(start1, 2), "key=value");
        ASSERT_STREQ(metadata_string(start1, "location.platform_id"), "13");
        ASSERT_STREQ(metadata_string(start1, "ipv6.address"), NULL);

        ASSERT_STREQ(metadata_string(dev1, "ipv6.netmask"), "64");
        ASSERT_EQ(metadata_volume(dev1, 0, &v), 0);
}

static void test_load(void) {
        char directory[] = "/tmp/test-metadata-XXXXXX";
        _cleanup_free_ char *scaleway = NULL, *file = NULL;
        _cleanup_(metadata_freep) Metadata *m = NULL;

        ASSERT_TRUE(mkdtemp(directory));
        ASSERT_OK(setenv("SCALEWAY_RUN", directory, 1));
        ASSERT_ERROR(metadata_load(&m), ENOENT);

        ASSERT_OK(asprintf_to(&scaleway, "%s/scaleway", directory));
        ASSERT_OK(asprintf_to(&file, "%s/metadata.json", scaleway));
        ASSERT_OK(mkdir(scaleway, 0755));
        ASSERT_OK(write_file_atomic(file, "{\"id\":\"a\"}", 10, 0644));
        ASSERT_OK(metadata_load(&m));
        ASSERT_STREQ(metadata_string(m, "id"), "a");

        ASSERT_OK(unlink(file));
        ASSERT_OK(rmdir(scaleway));
        ASSERT_OK(rmdir(directory));
}

static void check_ipv6(const char *text, int expected, const char *address, const char *netmask, const char *gateway) {
        _cleanup_(metadata_freep) Metadata *m = parse_ok(text);
        MetadataIpv6 ipv6 = {};

        ASSERT_EQ(metadata_ipv6(m, &ipv6), expected);
        ASSERT_STREQ(ipv6.address, address);
        ASSERT_STREQ(ipv6.netmask, netmask);
        ASSERT_STREQ(ipv6.gateway, gateway);
}

static void test_ipv6(void) {
        check_ipv6("{}", 0, NULL, NULL, NULL);
        check_ipv6("{\"ipv6\": null}", 0, NULL, NULL, NULL);
        check_ipv6("{\"ipv6\": \"\"}", 0, NULL, NULL, NULL);
        check_ipv6("{\"ipv6\": {}}", 0, NULL, NULL, NULL);
        check_ipv6("{\"ipv6\": {\"address\": null, \"gateway\": \"\"}}", 0, NULL, NULL, NULL);
        check_ipv6("{\"ipv6\": \"2001:db8::3\"}", -EINVAL, NULL, NULL, NULL);
        check_ipv6("{\"ipv6\": [\"2001:db8::3\"]}", -EINVAL, NULL, NULL, NULL);
        check_ipv6("{\"ipv6\": {\"address\": \"2001:db8::3\", \"netmask\": \"127\", \"gateway\": \"2001:db8::2\"}}", 1,
                   "2001:db8::3", "127", "2001:db8::2");
        check_ipv6("{\"ipv6\": {\"address\": 7, \"netmask\": 64, \"gateway\": {}}}", 1, NULL, NULL, NULL);
}

int main(void) {
        test_errors();
        test_bounds();
        test_strings();
        test_tags();
        test_many_tags();
        test_volumes();
        test_ipv6();
        test_samples();
        test_load();
        return EXIT_SUCCESS;
}
