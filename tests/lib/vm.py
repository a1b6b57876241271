# SPDX-License-Identifier: MIT
"""A server in QEMU: no hardware help needed, console recorded with times, and a second serial port for what a test wants to
read undisturbed by kernel messages."""

import codecs
import json
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import threading
import time

import cpio
from process import Child, need, wait_until

CONSOLE = "ttyS0"
PROBE_DEVICE = "/dev/ttyS1"
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78DMEc])|\r")
PANIC = re.compile(r"Kernel panic - not syncing.*")
LOGIN = r"^\S+ login: "


class Ended(Exception):
    """The VM or its console came to an end, or a time-out passed, before what was waited for."""


class Console:
    """What came out of a serial port: text without escape sequences, and the time of each line."""

    def __init__(self, log_path, echo=None):
        self.log_path = log_path
        self.text = ""
        self.times = []  # seconds since the start of each line
        self.closed = False
        self._log = open(log_path, "w", encoding="utf-8", errors="replace")
        self._echo = echo
        self._start = time.monotonic()
        self._changed = threading.Condition()
        self._partial = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data):
        if self._echo:
            self._echo(data)
        # An escape sequence may be cut in two by read(): keep what could be the beginning of one.
        text = self._partial + self._decoder.decode(data)
        cut = text.rfind("\x1b")
        if cut >= 0 and len(text) - cut < 32 and not ESCAPES.match(text, cut):
            text, self._partial = text[:cut], text[cut:]
        else:
            self._partial = ""
        text = ESCAPES.sub("", text)
        now = time.monotonic() - self._start
        with self._changed:
            for piece in re.findall(r"[^\n]*\n|[^\n]+", text):
                if not self.text or self.text.endswith("\n"):
                    self.times.append(now)
                    self._log.write(f"[{now:8.3f}] ")
                self.text += piece
                self._log.write(piece)
            self._log.flush()
            self._changed.notify_all()

    def close(self):
        with self._changed:
            self.closed = True
            self._log.close()
            self._changed.notify_all()

    def lines(self):
        """(seconds, line) pairs."""
        with self._changed:
            return list(zip(self.times, self.text.split("\n"), strict=False))

    def time_of(self, pattern):
        """Of the first line that matches, or None."""
        return next((at for at, line in self.lines() if re.search(pattern, line)), None)

    def matching(self, pattern):
        return [line for _, line in self.lines() if re.search(pattern, line)]

    def tail(self, count=15):
        return "\n".join(self.text.split("\n")[-count:])

    def wait_for(self, pattern, timeout, since=0, fatal=None):
        """Waits until pattern (multi-line) occurs at or after offset since; returns the match. fatal ends the wait."""
        regex = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                match = regex.search(self.text, since)
                if match:
                    return match
                why = None
                end = fatal.search(self.text) if fatal else None
                if end:
                    why = end.group(0)
                elif self.closed:
                    why = "the VM ended"
                elif time.monotonic() >= deadline:
                    why = f"not within {timeout} s"
                if why:
                    raise Ended(f"waiting for /{pattern}/: {why}\n  last lines:\n{self.tail()}\n  console: {self.log_path}")
                self._changed.wait(min(1, max(0.01, deadline - time.monotonic())))


class VM:
    def __init__(self, network, folder, kernel, initrd, cmdline, memory=1024, extra=(), echo=None, number=0):
        """extra: more QEMU arguments. echo: function that takes console bytes as they come. See resumed() for one that was saved."""
        self.qemu = os.environ.get("SCALEWAY_QEMU", "qemu-system-x86_64")
        need(self.qemu)
        self.network = network
        self.folder = folder
        self.cmdline = cmdline
        self._number = number
        self._commands = 0
        self._logged_in = False
        self.console = Console(os.path.join(folder, f"console-{number}.log"), echo)
        self.probes = Console(os.path.join(folder, f"probe-{number}.log"))
        self.events = []  # QMP events
        self._qmp_lock = threading.Lock()
        self._qmp_answers = []
        self._qmp_changed = threading.Condition()
        self._start(kernel, initrd, memory, list(extra))

    def _start(self, kernel, initrd, memory, extra):
        probe_read, probe_write = os.pipe()
        qmp_ours, qmp_theirs = socket.socketpair()
        accel = os.environ.get("SCALEWAY_ACCEL", "tcg,thread=multi")
        argv = [
            self.qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-accel", accel, "-cpu", os.environ.get("SCALEWAY_CPU", "qemu64" if accel.startswith("tcg") else "host"),
            "-smp", os.environ.get("SCALEWAY_SMP", "2"), "-m", str(memory),
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-add-fd", f"fd={probe_write},set=1", "-chardev", "file,id=probe,path=/dev/fdset/1,append=on", "-serial", "chardev:probe",
            "-chardev", f"socket,id=qmp,fd={qmp_theirs.fileno()}", "-mon", "chardev=qmp,mode=control",
            "-device", "virtio-rng-pci",
            "-kernel", kernel, "-initrd", initrd, "-append", self.cmdline,
        ]  # fmt: skip
        for b in self.network.bridges:
            argv += ["-netdev", f"tap,id=net{b.index},ifname={b.tap},script=no,downscript=no",
                     "-device", f"virtio-net-pci,netdev=net{b.index},mac={b.mac},romfile="]  # fmt: skip
        self.child = Child(
            argv + extra,
            os.path.join(self.folder, f"qemu-{self._number}.log"),
            self.network.prefix,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(probe_write, qmp_theirs.fileno()),
        )
        os.close(probe_write)
        qmp_theirs.close()
        self.started = time.monotonic()
        self._qmp = qmp_ours
        self.read_into(self.child.process.stdout.fileno(), self.console)
        self.read_into(probe_read, self.probes)
        threading.Thread(target=self._read_qmp, daemon=True).start()
        self.qmp("qmp_capabilities")

    @staticmethod
    def read_into(fd, console):
        """Has a thread of its own feed the console with what comes from fd, until its end."""

        def read():
            while True:
                try:
                    data = os.read(fd, 65536)
                except OSError:
                    data = b""
                if not data:
                    break
                console.feed(data)
            console.close()

        threading.Thread(target=read, daemon=True).start()

    # QEMU's monitor

    def _read_qmp(self):
        with self._qmp.makefile("r", encoding="utf-8") as stream:
            try:
                for line in stream:
                    message = json.loads(line)
                    with self._qmp_changed:
                        if "event" in message:
                            self.events.append(message)
                        elif "QMP" not in message:
                            self._qmp_answers.append(message)
                        self._qmp_changed.notify_all()
            except (OSError, ValueError):
                pass
        with self._qmp_changed:
            self._qmp_answers.append({"error": {"desc": "QEMU ended"}})
            self._qmp_changed.notify_all()

    def qmp(self, command, timeout=10, **arguments):
        with self._qmp_lock, self._qmp_changed:
            message = {"execute": command}
            if arguments:
                message["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
            try:
                self._qmp.sendall(json.dumps(message).encode() + b"\n")
            except OSError as e:
                raise Ended(f"QEMU: {e}\n{self.child.output()[-2000:]}") from e
            if not self._qmp_changed.wait_for(lambda: self._qmp_answers, timeout):
                raise TimeoutError(f"QMP {command}: no answer")
            answer = self._qmp_answers.pop(0)
        if "error" in answer:
            raise Ended(f"QMP {command}: {answer['error']['desc']}\n{self.child.output()[-2000:]}")
        return answer["return"]

    # What it is at a moment, kept for later

    def save(self, path, timeout=120):
        """Stops it for good, and keeps memory and devices in a file."""
        self.qmp("stop")
        self.qmp("migrate", uri=f"file:{path}")
        wait_until(lambda: self.qmp("query-migrate").get("status") in ("completed", "failed"), timeout, "the memory in a file")
        if self.qmp("query-migrate")["status"] != "completed":
            raise Ended(f"the memory could not be saved: {self.qmp('query-migrate')}")
        self.kill()

    def resumed(self):
        """To be called of one with -incoming among its arguments: the shell that was left there is there again."""
        # It was stopped when it was saved, and still is.
        wait_until(lambda: self.qmp("query-status")["status"] == "paused", 60, "server from a file", self.child)
        self.qmp("cont")
        self._logged_in = True
        return self

    # Console

    def wait_for(self, pattern, timeout=120, since=0):
        """On the console. A kernel panic ends the wait."""
        return self.console.wait_for(pattern, timeout, since, PANIC)

    def wait_login(self, timeout=240):
        """Seconds from the start of QEMU to the login prompt."""
        self.wait_for(LOGIN, timeout)
        return self.console.time_of(LOGIN)

    def send(self, text):
        self.child.process.stdin.write(text.encode())
        self.child.process.stdin.flush()

    def login(self, user="root", password="root", timeout=240, since=0):
        """Logs in on the console and leaves a plain shell there that neither echoes nor prompts. since: place of the console from which on the
        prompt is looked for, of a system that has started again."""
        match = self.wait_for(LOGIN, timeout, since)
        at = match.end()
        self.send(user + "\n")
        at = self.wait_for("Password: ", 60, at).end()
        self.send(password + "\n")
        at = self.wait_for(r"~[#$] ", 60, at).end()
        self._make_plain(at)

    def take_shell(self, since, timeout=60):
        """The same with a shell of the initrd, whose prompt is on the console after the place since."""
        self._make_plain(self.wait_for(r"[#$] $", timeout, since).end())

    def leave_shell(self):
        """The shell ends; run() logs in again."""
        self.send("exit\n")
        self._logged_in = False

    def _make_plain(self, at):
        self.send("exec /bin/sh\n")
        self.send("stty -echo -onlcr; PS1=; PS2=; dmesg -n 1; unset HISTFILE; echo shell''-ready\n")
        self.wait_for(r"^(?:[#$] )*shell-ready$", 60, at)
        self._logged_in = True

    def use_shell(self, timeout=120):
        """For an init of the bench's own, which says so and then is a shell that neither echoes nor prompts: no login."""
        self.wait_for(r"^shell-ready$", timeout)
        self._logged_in = True

    def run(self, command, timeout=60, ok=(0,)):
        """Runs a shell command in the booted system and returns its output. ok: accepted exit statuses, None for any."""
        if not self._logged_in:
            self.login()
        self._commands += 1
        begin, end = f"begin-{self._commands}", f"end-{self._commands}"
        since = len(self.console.text)
        # The quotes keep an echoed command line from being taken for its output.
        self.send(f"echo '' {begin[:3]}''{begin[3:]}; ( {command}\n) 2>&1; echo '' {end[:2]}''{end[2:]} $?\n")
        match = self.wait_for(rf"^ {begin}\n((?:.*\n)*?)(.*) {end} (\d+)$", timeout, since)
        status = int(match.group(3))
        if ok is not None and status not in ok:
            raise AssertionError(f"'{command}' ended with {status}:\n{match.group(1)}{match.group(2)}")
        return match.group(1) + match.group(2)

    def read(self, path):
        """A file of the booted system."""
        return self.run(f"cat {shlex.quote(path)}")

    def probe(self, name, timeout=120):
        """Results of an initrd_probe(): command → Result, in order."""
        self.probes.wait_for(rf"^@@{re.escape(name)} done$", timeout, fatal=None)
        results = {}
        pattern = rf"^@@{re.escape(name)} begin (.*)\n((?:.*\n)*?)@@{re.escape(name)} end (\d+)$"
        for match in re.finditer(pattern, self.probes.text, re.MULTILINE):
            results[match.group(1)] = Result(match.group(2).strip("\n"), int(match.group(3)))
        return results

    # End

    def shutdown_reason(self):
        """guest-reset (reboot, panic=), guest-shutdown (poweroff), host-…; None while it runs."""
        with self._qmp_changed:
            reasons = [e["data"].get("reason") for e in self.events if e["event"] == "SHUTDOWN"]
        return reasons[-1] if reasons else None

    def wait_exit(self, timeout=120):
        """Returns shutdown_reason()."""
        try:
            self.child.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Ended(f"QEMU still runs after {timeout} s\n  last lines:\n{self.console.tail()}\n"
                        f"  console: {self.console.log_path}") from None
        deadline = time.monotonic() + 5
        while not (self.console.closed and self.shutdown_reason()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.shutdown_reason()

    def running(self):
        return self.child.running()

    def cpu_seconds(self):
        """User and system time QEMU has used so far."""
        with open(f"/proc/{self.child.pid}/stat", encoding="utf-8") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        self.child.kill()
        for _ in range(100):
            if self.console.closed and self.probes.closed:
                break
            time.sleep(0.02)
        try:
            self._qmp.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def interact(self, stdin=0):
        """Hands the terminal to the console until ^] or the end of the VM."""
        import termios
        import tty

        saved = termios.tcgetattr(stdin) if os.isatty(stdin) else None
        try:
            if saved:
                tty.setraw(stdin)
            while self.running():
                if not select.select([stdin], [], [], 0.2)[0]:
                    continue
                data = os.read(stdin, 1024)
                if not data or b"\x1d" in data:
                    break
                self.child.process.stdin.write(data)
                self.child.process.stdin.flush()
        except BrokenPipeError:
            pass
        finally:
            if saved:
                termios.tcsetattr(stdin, termios.TCSADRAIN, saved)


class Result(str):
    """Output of a command, with its exit status."""

    def __new__(cls, text, status):
        self = super().__new__(cls, text)
        self.status = status
        return self


def initrd_probe(commands, name="probe", after="scaleway-boot.service",
                 before="initrd-root-fs.target initrd-parse-etc.service", wanted_by="initrd.target"):
    """An overlay for boot(): a unit that runs commands inside the initrd and writes what they print to the second serial port,
    for vm.probe(name). It must not name a unit below scaleway-boot.target: that would load the unit too early."""
    script = ["exec >/dev/ttyS1 2>&1 </dev/null"]
    for command in commands:
        script += [
            f"echo {shlex.quote(f'@@{name} begin {command}')}",
            f"( {command}\n); status=$?",
            # The newline is for output that ends without one.
            f"echo; echo \"@@{name} end $status\"",
        ]
    script.append(f"echo '@@{name} done'")
    archive = cpio.Archive()
    archive.add(f"/etc/scaleway-test/{name}.sh", "\n".join(script) + "\n", 0o755)
    archive.add(
        f"/etc/systemd/system/test-{name}.service",
        f"""[Unit]
Description=Test Probe {name}
DefaultDependencies=no
After={after}
Before={before}

[Service]
Type=oneshot
ExecStart=/bin/sh /etc/scaleway-test/{name}.sh
TimeoutStartSec=60
""",
    )
    archive.symlink(f"/etc/systemd/system/{wanted_by}.wants/test-{name}.service", f"../test-{name}.service")
    return archive


def stop_process(pid, on=True):
    """Freezes a server in its place, as a machine that does not answer, or lets it go on."""
    os.kill(pid, signal.SIGSTOP if on else signal.SIGCONT)
