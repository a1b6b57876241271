/* SPDX-License-Identifier: MIT */
/* The server is a socketpair into which everything it has to say was written beforehand. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "nbd-handshake.h"
#include "nbd-protocol.h"
#include "string-util.h"
#include "test.h"

#define TIMEOUT_USEC (300 * USEC_PER_MSEC)

static size_t put(uint8_t *buffer, size_t n, const void *data, size_t size) {
        memcpy(buffer + n, data, size);
        return n + size;
}

static size_t put64(uint8_t *buffer, size_t n, uint64_t v) {
        v = htobe64(v);
        return put(buffer, n, &v, sizeof(v));
}

static size_t put32(uint8_t *buffer, size_t n, uint32_t v) {
        v = htobe32(v);
        return put(buffer, n, &v, sizeof(v));
}

static size_t put16(uint8_t *buffer, size_t n, uint16_t v) {
        v = htobe16(v);
        return put(buffer, n, &v, sizeof(v));
}

/* Fixed newstyle, no zeroes; the answers to NBD_OPT_GO: NBD_REP_INFO with NBD_INFO_EXPORT, and with
 * NBD_INFO_BLOCK_SIZE, then NBD_REP_ACK. */
static size_t newstyle(uint8_t *buffer, uint64_t size, uint16_t flags) {
        size_t n = 0;

        n = put64(buffer, n, NBD_INIT_MAGIC);
        n = put64(buffer, n, NBD_NEWSTYLE_MAGIC);
        n = put16(buffer, n, 3);
        n = put64(buffer, n, UINT64_C(0x3e889045565a9));
        n = put32(buffer, n, 7);
        n = put32(buffer, n, 3);
        n = put32(buffer, n, 12);
        n = put16(buffer, n, 0);
        n = put64(buffer, n, size);
        n = put16(buffer, n, flags);
        n = put64(buffer, n, UINT64_C(0x3e889045565a9));
        n = put32(buffer, n, 7);
        n = put32(buffer, n, 3);
        n = put32(buffer, n, 14);
        n = put16(buffer, n, 3);
        n = put32(buffer, n, 1024);
        n = put32(buffer, n, 4096);
        n = put32(buffer, n, 1 << 20);
        n = put64(buffer, n, UINT64_C(0x3e889045565a9));
        n = put32(buffer, n, 7);
        n = put32(buffer, n, 1);
        return put32(buffer, n, 0);
}

static size_t newstyle_error(uint8_t *buffer, uint32_t error) {
        size_t n = 0;

        n = put64(buffer, n, NBD_INIT_MAGIC);
        n = put64(buffer, n, NBD_NEWSTYLE_MAGIC);
        n = put16(buffer, n, 3);
        n = put64(buffer, n, UINT64_C(0x3e889045565a9));
        n = put32(buffer, n, 7);
        n = put32(buffer, n, error);
        n = put32(buffer, n, 3);
        return put(buffer, n, "no\n", 3);
}

static size_t oldstyle(uint8_t *buffer, uint64_t size, uint16_t flags) {
        size_t n = 0;

        n = put64(buffer, n, NBD_INIT_MAGIC);
        n = put64(buffer, n, NBD_OLDSTYLE_MAGIC);
        n = put64(buffer, n, size);
        n = put16(buffer, n, 0);
        n = put16(buffer, n, flags);
        memset(buffer + n, 0, 124);
        return n + 124;
}

static int handshake(const uint8_t *data, size_t size, bool eof, const char *name, NbdExport *ret, char **ret_reason) {
        int fds[2], r;

        ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
        ASSERT_OK(write_all(fds[1], data, size));
        if (eof)
                ASSERT_OK(shutdown(fds[1], SHUT_WR));

        r = nbd_handshake(fds[0], name, TIMEOUT_USEC, ret, ret_reason);
        ASSERT_OK(close(fds[1]));
        /* Whatever the outcome, no descriptor is left but the one in *ret. */
        if (r < 0)
                ASSERT_TRUE(fcntl(fds[0], F_GETFD) < 0);
        return r;
}

static void assert_fails(const uint8_t *data, size_t size, bool eof, const char *name, int error, const char *reason) {
        _cleanup_free_ char *text = NULL;
        NbdExport e = { .size = 7 };

        ASSERT_ERROR(handshake(data, size, eof, name, &e, &text), error);
        fprintf(stderr, "%s\n", text);
        ASSERT_TRUE(strstr(text, reason));
        ASSERT_EQ(e.size, 7);
}

static void test_oldstyle(void) {
        _cleanup_free_ char *reason = NULL;
        uint8_t data[512];
        size_t n;
        NbdExport e;

        /* Flags of 0 come from servers that are older than flags. */
        n = oldstyle(data, 50000000000, 0);
        ASSERT_OK(handshake(data, n, false, "", &e, &reason));
        ASSERT_TRUE(e.oldstyle);
        ASSERT_EQ(e.size, 50000000000);
        ASSERT_EQ(e.flags, NBD_FLAG_HAS_FLAGS);
        ASSERT_EQ(e.block_size_min, 0);
        ASSERT_FALSE(fcntl(e.fd, F_GETFL) & O_NONBLOCK);
        nbd_export_done(&e);
        ASSERT_TRUE(e.fd < 0);

        /* Only the flags that the kernel makes use of. */
        n = oldstyle(data, 1 << 20, 0xffff);
        ASSERT_OK(handshake(data, n, true, "", &e, &reason));
        ASSERT_EQ(e.flags, 0x17f);
        nbd_export_done(&e);

        n = oldstyle(data, 0, 1);
        assert_fails(data, n, false, "", ENODATA, "size 0");
        n = oldstyle(data, UINT64_C(1) << 63, 1);
        assert_fails(data, n, false, "", EFBIG, "impossible");
        n = oldstyle(data, 1 << 20, 1);
        assert_fails(data, n, false, "root", EOPNOTSUPP, "by name ('root')");
        assert_fails(data, n - 1, true, "", ECONNRESET, "closed");
        assert_fails(data, n - 1, false, "", ETIMEDOUT, "within 0.3 s");
}

static void test_newstyle(void) {
        _cleanup_free_ char *reason = NULL;
        uint8_t data[512];
        size_t n;
        NbdExport e;

        n = newstyle(data, 1000001, NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY | NBD_FLAG_ROTATIONAL);
        ASSERT_OK(handshake(data, n, false, "root", &e, &reason));
        ASSERT_FALSE(e.oldstyle);
        ASSERT_EQ(e.size, 1000001);
        ASSERT_EQ(e.block_size_min, 1024);
        ASSERT_EQ(e.block_size_preferred, 4096);
        ASSERT_EQ(e.flags, NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY | NBD_FLAG_ROTATIONAL);
        ASSERT_FALSE(fcntl(e.fd, F_GETFL) & O_NONBLOCK);
        nbd_export_done(&e);

        n = newstyle(data, 0, 1);
        assert_fails(data, n, false, "", ENODATA, "size 0");
        n = newstyle(data, UINT64_C(1) << 63, 1);
        assert_fails(data, n, false, "", EFBIG, "impossible");
        n = newstyle(data, 4096, 1);
        assert_fails(data, n - 1, true, "", ECONNRESET, "closed");
        assert_fails(data, 20, false, "", ETIMEDOUT, "within 0.3 s");
}

static void test_refused(void) {
        uint8_t data[512];
        size_t n;

        n = newstyle_error(data, UINT32_C(0x80000006)); /* NBD_REP_ERR_UNKNOWN */
        assert_fails(data, n, false, "a\x1b[2Jb", ENOENT, "the server has no export 'a?[2Jb'");
        n = newstyle_error(data, UINT32_C(0x80000002)); /* NBD_REP_ERR_POLICY */
        assert_fails(data, n, false, "", EPERM, "refuses");
        n = newstyle_error(data, UINT32_C(0x80000005)); /* NBD_REP_ERR_TLS_REQD */
        assert_fails(data, n, false, "", EOPNOTSUPP, "TLS");
        n = newstyle_error(data, UINT32_C(0x80000007)); /* NBD_REP_ERR_SHUTDOWN */
        assert_fails(data, n, false, "", ECONNREFUSED, "shutting down");

        assert_fails(data, 0, true, "", ECONNRESET, "closed");
        assert_fails(data, 0, false, "", ETIMEDOUT, "did not finish the NBD handshake");
        assert_fails((const uint8_t *) "HTTP/1.1 400 Bad Request\r\n\r\n", 28, true, "", EPROTO, "NBD protocol");
}

/* What comes after fixed newstyle and no zeroes. */
static size_t greeting(uint8_t *buffer, uint16_t flags) {
        size_t n = 0;

        n = put64(buffer, n, NBD_INIT_MAGIC);
        n = put64(buffer, n, NBD_NEWSTYLE_MAGIC);
        return put16(buffer, n, flags);
}

static size_t reply(uint8_t *buffer, size_t n, uint32_t option, uint32_t type, uint32_t length) {
        n = put64(buffer, n, UINT64_C(0x3e889045565a9));
        n = put32(buffer, n, option);
        n = put32(buffer, n, type);
        return put32(buffer, n, length);
}

/* A server that does not know NBD_OPT_GO is asked by NBD_OPT_EXPORT_NAME; one that is not fixed, by nothing else. */
static void test_export_name(void) {
        for (uint16_t flags = 0; flags <= 3; flags++) {
                _cleanup_free_ char *reason = NULL;
                uint8_t data[512] = {};
                NbdExport e;
                size_t n;

                n = greeting(data, flags);
                if (flags & 1)
                        n = reply(data, n, 7, UINT32_C(0x80000001), 0);
                n = put64(data, n, 123456);
                n = put16(data, n, NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH);
                if (!(flags & 2))
                        n += 124;
                ASSERT_OK(handshake(data, n, false, "root", &e, &reason));
                ASSERT_EQ(e.size, 123456);
                ASSERT_EQ(e.flags, NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH);
                nbd_export_done(&e);
                assert_fails(data, n - 1, true, "root", ECONNRESET, "closed");
        }
}

/* In whatever words, and before the time is over. */
static void assert_breaks(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = NULL;
        NbdExport e = {};
        int r;

        r = handshake(data, size, true, "", &e, &text);
        fprintf(stderr, "%s\n", text);
        ASSERT_TRUE(r < 0 && r != -ETIMEDOUT);
        ASSERT_TRUE(!isempty(text));
}

static void test_hostile(void) {
        uint8_t data[4096];
        size_t n;

        n = reply(data, greeting(data, 3), 7, 3, UINT32_MAX);
        assert_breaks(data, n);
        n = reply(data, greeting(data, 3), 6, 1, 0);
        assert_breaks(data, n);
        n = put64(data, greeting(data, 3), 1);
        n = put64(data, n, 1);
        n = put32(data, n, 0);
        assert_breaks(data, n);
        /* Done without a size. */
        n = reply(data, greeting(data, 3), 7, 1, 0);
        assert_breaks(data, n);
        /* An information of a wrong length. */
        n = reply(data, greeting(data, 3), 7, 3, 4);
        n = put32(data, n, 0);
        assert_breaks(data, n);
        n = reply(data, greeting(data, 3), 7, 3, 1);
        n = put(data, n, "x", 1);
        assert_breaks(data, n);
}

static void test_connect(void) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htobe32(INADDR_LOOPBACK) };
        _cleanup_free_ char *reason = NULL;
        socklen_t n = sizeof(a);
        int listener, fd, v = 0;

        listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ASSERT_OK(listener);
        ASSERT_OK(bind(listener, (struct sockaddr *) &a, sizeof(a)));
        ASSERT_OK(getsockname(listener, (struct sockaddr *) &a, &n));

        ASSERT_ERROR(nbd_socket_connect("127.0.0.1", be16toh(a.sin_port), TIMEOUT_USEC, &fd, &reason), ECONNREFUSED);
        ASSERT_STREQ(reason, "connection refused");

        ASSERT_OK(listen(listener, 1));
        ASSERT_OK(nbd_socket_connect("127.0.0.1", be16toh(a.sin_port), TIMEOUT_USEC, &fd, &reason));
        n = sizeof(v);
        ASSERT_OK(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &v, &n));
        ASSERT_EQ(v, 20000);
        ASSERT_OK(getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &v, &n));
        ASSERT_EQ(v, 5);
        ASSERT_OK(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &v, &n));
        ASSERT_EQ(v, 1);
        ASSERT_OK(close(fd));
        ASSERT_OK(close(listener));
}

static void test_permanent(void) {
        ASSERT_TRUE(nbd_error_is_permanent(-ENOENT));
        ASSERT_TRUE(nbd_error_is_permanent(-EPROTO));
        ASSERT_FALSE(nbd_error_is_permanent(-ECONNREFUSED));
        ASSERT_FALSE(nbd_error_is_permanent(-ETIMEDOUT));
        ASSERT_FALSE(nbd_error_is_permanent(-ECONNRESET));
        ASSERT_FALSE(nbd_error_is_permanent(0));
}

int main(void) {
        test_oldstyle();
        test_newstyle();
        test_refused();
        test_export_name();
        test_hostile();
        test_connect();
        test_permanent();
        return EXIT_SUCCESS;
}
