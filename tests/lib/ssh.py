# SPDX-License-Identifier: MIT
"""OpenSSH's own client, inside the bench's network: what a person has who logs in to the initrd.

    keys = ssh.Client(bench)
    keys.make("mine")                           a pair of keys; its public half is .public("mine")
    keys.wait()                                 the server answers
    keys.run("continue-boot", key="mine")       subprocess.CompletedProcess"""

import os
import subprocess
import threading
import time

from process import Child, need


class Client:
    def __init__(self, bench):
        need("ssh", "ssh-keygen")
        self.bench = bench
        self.known_hosts = os.path.join(bench.folder, "known_hosts")

    def make(self, name, kind="ed25519"):
        path = os.path.join(self.bench.folder, name)
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"{name} of the bench", "-f", path], check=True)
        return self.public(name)

    def public(self, name):
        with open(os.path.join(self.bench.folder, f"{name}.pub"), encoding="utf-8") as f:
            return f.read().strip()

    def argv(self, *words, key=None, strict="accept-new", flags=(), options=()):
        """strict: StrictHostKeyChecking; "yes": no host key but one that was seen before. flags: such as -tt, options: those of -o."""
        argv = ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", f"StrictHostKeyChecking={strict}", "-o", "ConnectTimeout=20",
                "-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "IdentitiesOnly=yes"]  # fmt: skip
        if key:
            argv += ["-i", os.path.join(self.bench.folder, key)]
        for option in options:
            argv += ["-o", option]
        return [*argv, *flags, f"root@{self.bench.first_nic.address}", *words]

    def run(self, *words, timeout=60, **arguments):
        return subprocess.run([*self.bench.network.prefix, *self.argv(*words, **arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", timeout=timeout, check=False)  # fmt: skip

    def session(self, *lines, timeout=60, **arguments):
        """What a terminal shows to whom types these lines, the last of which has to end the session. The input stays open: its end
        would be the end of the terminal."""
        child = self.start(flags=["-tt"], log="session.log", stdin=subprocess.PIPE, stdout=subprocess.PIPE, **arguments)
        child.process.stdin.write("".join(line + "\n" for line in lines).encode())
        child.process.stdin.flush()
        timer = threading.Timer(timeout, child.kill)
        timer.start()
        output = child.process.stdout.read().decode(errors="replace")
        timer.cancel()
        child.stop()
        return output.replace("\r", "")

    def start(self, *words, log="ssh.log", stdin=subprocess.DEVNULL, stdout=None, **arguments):
        """One that goes on: a process.Child."""
        popen = {"stdin": stdin, **({"stdout": stdout} if stdout else {})}
        child = Child(self.argv(*words, **arguments), os.path.join(self.bench.folder, log), self.bench.network.prefix, **popen)
        self.bench.callback(child.stop)
        return child

    def wait(self, key, timeout=120, **arguments):
        """Until somebody can log in with that key."""
        deadline = time.monotonic() + timeout
        while True:
            done = self.run("true", key=key, **arguments)
            if done.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"ssh: not within {timeout} s\n{done.stderr}")
            time.sleep(0.2)

    def fingerprint(self):
        """SHA256:… of the host key that was seen."""
        done = subprocess.run(["ssh-keygen", "-l", "-f", self.known_hosts], capture_output=True, text=True, check=True)
        return done.stdout.split()[1]
