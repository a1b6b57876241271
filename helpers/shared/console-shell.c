/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "bounds.h"
#include "console-shell.h"
#include "fd-util.h"
#include "parse-util.h"
#include "poll-util.h"
#include "proc-cmdline.h"
#include "string-util.h"

/* What the shell reacts to and this program has to outlive: the keys of the terminal, and its hang-up. */
static const int ignored_signals[] = { SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP, SIGPIPE };

static void set_signals(void (*handler)(int)) {
        for (size_t i = 0; i < ELEMENTSOF(ignored_signals); i++)
                (void) signal(ignored_signals[i], handler);
}

/* A ^S that came over the line, maybe as noise, stops the output, and then a write waits for ever: of a message, and with it of the
 * reboot that follows. So it means nothing but in a shell, where a person reads. That IXON is cleared lets output go on that was
 * stopped so. */
static void set_sane_mode(bool in_shell) {
        struct termios t;

        if (tcgetattr(STDIN_FILENO, &t) < 0)
                return;

        t.c_iflag &= ~(tcflag_t) (IGNBRK | INLCR | IGNCR | IXOFF | IXON);
        t.c_iflag |= BRKINT | ICRNL | (in_shell ? IXON : 0U);
        t.c_oflag |= OPOST | ONLCR;
        t.c_cflag |= CREAD;
        t.c_lflag |= ISIG | ICANON | ECHO | ECHOE | ECHOK | IEXTEN;
        t.c_cc[VEOF] = 4;     /* ^D */
        t.c_cc[VINTR] = 3;    /* ^C */
        t.c_cc[VERASE] = 127; /* backspace, as terminals send it today */
        (void) tcsetattr(STDIN_FILENO, TCSANOW, &t);
        /* What a program stopped, tcflow(3). */
        (void) tcflow(STDIN_FILENO, TCOON);
}

bool console_prepare(void) {
        set_signals(SIG_IGN);

        if (!isatty(STDIN_FILENO))
                return false;

        /* Under StandardInput=tty-force systemd has done this. The 1 takes the terminal from a session that died
         * with it. */
        if (tcgetsid(STDIN_FILENO) != getsid(0)) {
                (void) setsid();
                (void) ioctl(STDIN_FILENO, TIOCSCTTY, 1);
        }
        set_sane_mode(/* in_shell= */ false);
        return true;
}

/* rd.shell=0 on the command line: who reaches the console must not become root by waiting for a failure. As in
 * dracut, whose option it is, the last one counts, and a command line that cannot be read locks nothing. */
bool console_shell_is_locked(void) {
        _cleanup_(words_freep) char **words = NULL;
        bool allowed = true;

        if (proc_cmdline_words(&words) < 0)
                return false;

        for (char **w = words; *w; w++) {
                const char *value = word_value(*w, "rd.shell");

                if (streq(*w, "rd.shell"))
                        allowed = true;
                else if (value)
                        (void) !parse_boolean(value, &allowed);
        }

        return !allowed;
}

static void do_nothing(int signal) {
}

void console_drain(void) {
        struct sigaction interrupt = { .sa_handler = do_nothing }, old;

        /* No SA_RESTART: somebody may have typed ^S. */
        (void) sigaction(SIGALRM, &interrupt, &old);
        (void) alarm(CONSOLE_DRAIN_SEC);
        (void) tcdrain(STDOUT_FILENO);
        (void) alarm(0);
        (void) sigaction(SIGALRM, &old, NULL);
}

void console_forget_input(void) {
        (void) tcflush(STDIN_FILENO, TCIFLUSH);
}

ConsoleAnswer console_wait_for_enter(usec_t deadline, int event_fd) {
        for (;;) {
                struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = event_fd, .events = POLLIN } };
                char buffer[256];
                ssize_t n;

                if (poll_until(fds, ELEMENTSOF(fds), deadline) <= 0)
                        return CONSOLE_NOTHING;
                if (fds[1].revents)
                        return CONSOLE_EVENT;

                n = read(STDIN_FILENO, buffer, sizeof(buffer));
                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                for (ssize_t i = 0; i < n; i++)
                        if (buffer[i] == '\n')
                                return CONSOLE_ENTER;

                /* poll() would return at once for ever. ^D on an empty line reads 0 too, and is no Enter either. */
                if (n < 0 || (fds[0].revents & POLLHUP))
                        return CONSOLE_GONE;
        }
}

/* In the child. The terminal is given away before exec, so that the shell never reads it from the background. */
static _noreturn_ void exec_shell(bool have_bash) {
        sigset_t none;

        (void) setpgid(0, 0);
        (void) tcsetpgrp(STDIN_FILENO, getpid());
        set_sane_mode(/* in_shell= */ true);
        set_signals(SIG_DFL);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);

        (void) dup2(STDIN_FILENO, STDOUT_FILENO);
        (void) dup2(STDIN_FILENO, STDERR_FILENO);
        (void) !chdir("/");
        (void) setenv("HOME", "/root", /* overwrite= */ 0);
        (void) setenv("TERM", "vt102", /* overwrite= */ 0);
        (void) setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", /* overwrite= */ 0);

        if (have_bash)
                (void) execl("/bin/bash", "bash", "-l", NULL);
        (void) execl("/bin/sh", "-sh", NULL);
        _exit(EXIT_FAILURE);
}

/* False if it still runs. */
static bool reap(pid_t pid, int options) {
        pid_t p;

        do
                p = waitpid(pid, NULL, options);
        while (p < 0 && errno == EINTR);

        return p != 0;
}

/* What runs in the shell has a group of its own, and not every shell passes a signal on. */
static void signal_foreground(pid_t shell, int signal_number) {
        pid_t foreground = tcgetpgrp(STDIN_FILENO);

        if (foreground > 0 && foreground != shell && foreground != getpgrp()) {
                (void) kill(-foreground, signal_number);
                (void) kill(-foreground, SIGCONT);
        }
}

/* A shell that does not care about a hang-up goes the hard way; also one that was about to start something when it came, and waits for
 * that now: what runs then is another one than a moment ago. */
static void hang_up(pid_t pid, int pid_fd) {
        signal_foreground(pid, SIGHUP);
        (void) kill(-pid, SIGHUP);
        (void) kill(-pid, SIGCONT);
        if (poll_readable(pid_fd, now_usec() + CONSOLE_HANG_UP_USEC))
                return;

        signal_foreground(pid, SIGKILL);
        (void) kill(-pid, SIGKILL);
}

static void wait_for_end(pid_t pid, int event_fd) {
        _cleanup_close_ int pid_fd = event_fd >= 0 ? pidfd_open(pid, 0) : -EBADF;
        struct pollfd fds[] = { { .fd = pid_fd, .events = POLLIN }, { .fd = event_fd, .events = POLLIN } };

        /* On a kernel before 5.3 the shell must be left by hand. */
        while (pid_fd >= 0 && !reap(pid, WNOHANG)) {
                if (poll_until(fds, ELEMENTSOF(fds), USEC_INFINITY) < 0 || !fds[1].revents)
                        continue;
                hang_up(pid, pid_fd);
                break;
        }

        (void) reap(pid, 0);
}

int console_shell(int event_fd) {
        bool have_bash = access("/bin/bash", X_OK) >= 0;
        pid_t pid;

        if (!have_bash && access("/bin/sh", X_OK) < 0)
                return -errno;

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                exec_shell(have_bash);

        /* Both sides do this, whoever comes first. */
        (void) setpgid(pid, pid);
        (void) tcsetpgrp(STDIN_FILENO, pid);

        wait_for_end(pid, event_fd);

        (void) tcsetpgrp(STDIN_FILENO, getpgrp());
        set_sane_mode(/* in_shell= */ false);
        return 0;
}
