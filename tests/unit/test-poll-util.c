/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "poll-util.h"
#include "test.h"

#define SHORT_USEC (100 * USEC_PER_MSEC)
#define LONG_USEC (20 * USEC_PER_SEC)

static unsigned n_signals = 0;

static void count(int signal) {
        n_signals++;
}

static void test_readable(void) {
        int fds[2];

        ASSERT_OK(pipe(fds));
        ASSERT_FALSE(poll_readable(fds[0], now_usec() + SHORT_USEC));
        ASSERT_EQ(write(fds[1], "x", 1), 1);
        ASSERT_TRUE(poll_readable(fds[0], now_usec() + LONG_USEC));
        ASSERT_TRUE(poll_readable(fds[0], USEC_INFINITY));
        /* The time is looked at first: who is always called is not held up for ever. */
        ASSERT_FALSE(poll_readable(fds[0], now_usec()));
        ASSERT_FALSE(poll_readable(fds[0], 0));
        (void) close(fds[0]);
        (void) close(fds[1]);
}

static void test_which(void) {
        struct pollfd fds[2] = { { .fd = -EBADF, .events = POLLIN } };
        int pair[2];

        ASSERT_OK(pipe(pair));
        fds[1] = (struct pollfd) { .fd = pair[0], .events = POLLIN };
        ASSERT_EQ(write(pair[1], "x", 1), 1);
        ASSERT_EQ(poll_until(fds, 2, now_usec() + LONG_USEC), 1);
        ASSERT_FALSE(fds[0].revents);
        ASSERT_EQ(fds[1].revents, POLLIN);
        (void) close(pair[0]);
        (void) close(pair[1]);
}

/* Each of them ends a poll(2): the deadline is neither put off nor brought forward. */
static void test_signals(void) {
        struct itimerval often = { .it_interval.tv_usec = 7000, .it_value.tv_usec = 7000 }, never = {};
        struct sigaction action = { .sa_handler = count };
        usec_t begin = now_usec(), end;

        ASSERT_OK(sigaction(SIGALRM, &action, NULL));
        ASSERT_OK(setitimer(ITIMER_REAL, &often, NULL));
        ASSERT_FALSE(poll_readable(-EBADF, begin + SHORT_USEC));
        end = now_usec();
        ASSERT_OK(setitimer(ITIMER_REAL, &never, NULL));
        ASSERT_TRUE(n_signals > 0);
        ASSERT_TRUE(end >= begin + SHORT_USEC);
        ASSERT_TRUE(end < begin + LONG_USEC);
}

static void test_process(void) {
        int go[2], fd;
        pid_t pid;
        char c;

        ASSERT_OK(pipe(go));
        pid = fork();
        ASSERT_OK(pid);
        if (pid == 0) {
                (void) close(go[1]);
                _exit(read(go[0], &c, 1) == 0 ? 0 : 1);
        }
        fd = pidfd_open(pid, 0);
        ASSERT_OK(fd);
        ASSERT_FALSE(poll_readable(fd, now_usec() + SHORT_USEC));
        (void) close(go[1]);
        ASSERT_TRUE(poll_readable(fd, now_usec() + LONG_USEC));
        ASSERT_EQ(waitpid(pid, NULL, 0), pid);
        (void) close(fd);
        (void) close(go[0]);
}

int main(void) {
        test_readable();
        test_which();
        test_signals();
        test_process();
        return EXIT_SUCCESS;
}
