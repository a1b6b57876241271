/* SPDX-License-Identifier: MIT */
/* rows: C6 */
#include <errno.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "nbd-handshake.h"
#include "nbd-protocol.h"
#include "string-util.h"

/* More than a handshake has, and less than a socket takes in at once. */
#define SIZE_MAX_SENT 16384U

/* The bytes are all that the server ever says; then comes the end of the stream, so that no sample waits for the
 * deadline. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(nbd_export_done) NbdExport e = { .fd = -EBADF };
        _cleanup_free_ char *reason = NULL;
        _cleanup_close_ int server = -EBADF;
        int fds[2], r;

        if (size > SIZE_MAX_SENT || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return 0;
        server = fds[1];

        if (write_all(server, data, size) < 0 || shutdown(server, SHUT_WR) < 0) {
                (void) close(fds[0]);
                return 0;
        }

        r = nbd_handshake(fds[0], size % 2 == 0 ? "" : "export", USEC_PER_SEC, &e, &reason);
        if (r >= 0 ? e.size == 0 || e.size > INT64_MAX || e.fd < 0 || !(e.flags & NBD_FLAG_HAS_FLAGS)
                   : r == -ETIMEDOUT || isempty(reason))
                abort();

        return 0;
}
