#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scaleway-exit, run as it is installed: in namespaces, where reboot(2) ends the first process with a signal.

Usage: test-exit.py BUILD-DIRECTORY [unittest arguments]. Needs root, exits 77 without.

The user namespace is what makes this safe: in it nothing of the machine can be remounted, frozen or switched off.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import unittests

NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--fork", "--kill-child", "--propagation", "private"]
REBOOT, OFF = -signal.SIGHUP, -signal.SIGINT  # reboot(2): what the first process of a PID namespace gets
ADDRESS = "10.0.0.10/24"
PATH = {"interface": "eth0", "mac": "02:00:00:00:00:0a", "address": ADDRESS, "peer": "192.0.2.1", "gateway": "10.0.0.1"}
NICS = """
ip link set lo up
ip link add eth0 address 02:00:00:00:00:0a type veth peer name far
ip link set far up
"""


def is_sanitized(build):
    return subprocess.run(["grep", "-q", "__asan", build / "scaleway-exit"]).returncode == 0


class Install(unittests.Programs):
    """rows: A19, D4, D5"""

    prefix = "test-exit-"

    def test_install(self):
        # With sanitizers there is no room for two of it at a time.
        again = f"rm {self.run_dir}/initramfs/.need_shutdown" if is_sanitized(self.build) else '"$0" install'
        script = f"""
            mount -t tmpfs none {self.run_dir}
            umask 077
            "$0" install
            touch {self.run_dir}/initramfs/.need_shutdown
            {again}
            cd {self.run_dir}/initramfs
            findmnt -nro FSTYPE,OPTIONS --target .
            findmnt -nro FSTYPE,TARGET --mountpoint $PWD/dev
            ls dev
            find . -xdev -printf '%m %U %p\\n'
            find . -xdev -type l -printf '%p %l\\n'
            df -k . | tail -1
            ls -A | grep need_shutdown
            grep -q 'kexec -e' shutdown && echo kexec
            bin/sh -c true; echo "sh $?"
            sbin/kexec -e; echo "kexec $?"
            """
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-uc", script, str(self.build / "scaleway-exit")],
                              env=self.environment(), capture_output=True, text=True, timeout=60)  # fmt: skip
        out = done.stdout
        self.assertIn("KiB", done.stderr)
        self.assertRegex(out, r"(?m)^tmpfs rw,nosuid,nodev,.*size=4096k")
        self.assertNotIn("noexec", out.splitlines()[0])
        for name in (".", "./oldroot", "./sys", "./dev", "./run", "./usr/bin/scaleway-exit"):
            self.assertRegex(out, rf"(?m)^755 0 {re.escape(name)}$")
        # Something is mounted on it, so no init unmounts it.
        self.assertRegex(out, r"(?m)^devpts /.*/dev\nptmx$")
        for link, target in {"shutdown": "usr/bin/scaleway-exit", "bin/sh": "../usr/bin/scaleway-exit",
                             "sbin/kexec": "../usr/bin/scaleway-exit", "usr/sbin/xnbd-client": "../../usr/bin/scaleway-exit",
                             "usr/bin/scw-signal-state": "../../usr/bin/scaleway-exit"}.items():  # fmt: skip
            self.assertRegex(out, rf"(?m)^\./{link} {target}$")
        used = int(next(line for line in out.splitlines() if line.startswith("initramfs ")).split()[2])
        self.assertLess(used, 4096)
        self.assertNotRegex(out, r"(?m)^\.need_shutdown")
        self.assertRegex(out, r"(?m)^kexec$")
        self.assertRegex(out, r"(?m)^sh 1$")
        self.assertRegex(out, r"(?m)^kexec 1$")
        self.assertIn("There is no shell", done.stderr)

    def test_no_accident(self):
        """Neither the first process nor DO_PIVOT: nothing happens."""
        for arguments in ((), ("reboot",), ("poweroff", "--force")):
            self.call("scaleway-exit", "shutdown", *arguments, status=1)
            self.one_line("DO_PIVOT=1")
        self.call("scaleway-exit", "shutdown", "reboot", status=1, DO_PIVOT="0")
        self.call("scaleway-exit", "shutdown", "--help")
        self.call("scaleway-exit", "nothing", status=1)

    def test_root_alone(self):
        """Anybody else would only kill all that he has running."""
        program = self.directory / "scaleway-exit"
        shutil.copy2(self.build / "scaleway-exit", program)
        self.directory.chmod(0o755)
        bystander = subprocess.Popen(["sleep", "100"], user=54321)
        self.addCleanup(bystander.wait)
        self.addCleanup(bystander.kill)
        done = subprocess.run([program, "shutdown", "reboot"], env={"DO_PIVOT": "1"}, user=54321, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertIn("Only root", done.stderr)
        self.assertIsNone(bystander.poll())

    def test_is_static(self):
        if is_sanitized(self.build):
            self.skipTest(unittests.SANITIZED + "sanitizers are shared libraries")
        done = subprocess.run(["ldd", self.build / "scaleway-exit"], capture_output=True, text=True)
        self.assertIn("not a dynamic executable", done.stdout + done.stderr)


class Hold(unittests.Programs):
    """rows: D1"""

    prefix = "test-exit-"

    def test_what_the_first_process_runs(self):
        """All of its files that it only reads is locked in the memory of another one, until that ends."""
        if is_sanitized(self.build):
            self.skipTest(unittests.SANITIZED + "mlock() does nothing there")
        script = """
            "$0" hold 2>"$1" &
            until grep -q 'is held in memory' "$1"; do sleep 0.1; done
            cat /proc/1/maps; echo =====; cat /proc/$!/smaps; echo =====; ls -l /proc/$!/fd
            kill $!; wait; echo "ended $?"
            """
        done = subprocess.run(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-uc", script, self.build / "scaleway-exit", self.directory / "said"],
                              env=self.environment(), capture_output=True, text=True, timeout=60)  # fmt: skip
        maps, smaps, rest = done.stdout.split("=====\n")
        if "Operation not permitted" in (self.directory / "said").read_text():
            self.skipTest("this machine does not let root see what a process has mapped")
        self.assertIn("/etc/systemd/system\n" if os.path.isdir("/etc/systemd/system") else "", rest)
        self.assertIn("ended 0", rest)
        wanted = set(re.findall(r"^\S+ r-[x-]p (\S+) \S+ [1-9]\d* +(/.*)$", maps, re.M))
        held = {}
        for offset, path, rest in re.findall(r"^\S+ r--s (\S+) \S+ \d+ +(/.*)\n((?:[A-Za-z_]+:.*\n)*)", smaps, re.M):
            values = dict(re.findall(r"^(\w+): +(.*)$", rest, re.M))
            held[offset, path] = values["Size"] == values["Rss"] and "lo" in values["VmFlags"].split()
        self.assertTrue(any("/libc" in path for _, path in wanted), maps)
        self.assertEqual(set(held), wanted)
        self.assertTrue(all(held.values()), held)


class Shutdown(unittests.Programs):
    """rows: D1, D2, D3. As the first process of its namespace, with a small root of its own."""

    prefix = "test-exit-"

    def setUp(self):
        super().setUp()
        if is_sanitized(self.build):
            self.skipTest(unittests.SANITIZED + "the new root has no libraries")
        self.root = self.directory / "root"
        self.shared = self.directory / "shared"  # what both sides see
        self.shared.mkdir()
        self.root.mkdir()
        (self.shared / "scaleway").mkdir()
        self.sys = self.shared / "sys"

    def volume(self, index, link="down", supervisor=None, path=PATH, since=0):
        """A device that the kernel calls attached, and its record. (Disconnecting fails: there is no such device.)"""
        folder = self.sys / f"block/nbd{index}"
        folder.mkdir(parents=True)
        (folder / "pid").write_text("1\n")
        (folder / "size").write_text("2048\n")
        record = {"uri": "nbd://192.0.2.1/a", "identifier": None, "size": 1 << 20, "block_size": 512, "flags": 1, "oldstyle": False,
                  "time": 1, "pid": supervisor or 0, "link": link, "reconnects": 0, "reason": None, "since": int(time.time()) - since, "path": path}  # fmt: skip
        (self.shared / "scaleway/nbd").mkdir(parents=True, exist_ok=True)
        (self.shared / f"scaleway/nbd/{index}.json").write_text(json.dumps(record))

    def beside(self, name, script):
        """A line for prepare=: a process of that name, which runs the script beside the way back."""
        path = self.directory / "beside.sh"
        path.write_text(script)
        return f"bash -c 'exec -a \"{name}\" bash {path}' & beside=$!\n"

    def go(self, *arguments, prepare="", old="oldroot", status=REBOOT, timeout=90):
        """prepare: before, in the namespaces, in the root to be. old: where there is to be an old root."""
        program = self.build / "scaleway-exit"
        script = f"""
            set -eu
            mount -t tmpfs none {self.root}
            cd {self.root}
            mkdir -p oldroot proc dev run usr
            cp {program} shutdown
            mount -t proc proc proc
            mount --bind {self.shared} run
            test -z '{old}' || mount -t tmpfs none {old or '.'}
            {prepare}
            exec env -i SCALEWAY_SYS=/run/sys "$(command -v chroot)" . /shutdown {' '.join(arguments)}
            """
        begin = time.monotonic()
        done = subprocess.run([*NAMESPACES, "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=timeout)  # fmt: skip
        self.seconds = time.monotonic() - begin
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def test_verbs(self):
        for verb, status in {"reboot": REBOOT, "poweroff": OFF, "halt": OFF, "": OFF, "kexec": REBOOT}.items():
            out = self.go(verb, status=status)
            self.assertIn(f"All services are down: {verb or 'halt'}.", out)
            self.assertLess(self.seconds, 10)
            self.assertEqual(len(out.splitlines()), 1 if verb != "kexec" else 2, out)
        # systemd-shutdown adds more.
        self.go("poweroff", "--log-level", "6", "--timeout", "90000000us", status=OFF)
        self.assertIn("no way down that is called 'exit'", self.go("exit", status=OFF))
        self.assertTrue((self.shared / "scaleway/exit").exists())

    IS_SUPERVISOR = 'sed -i "s/12345678/$beside/" run/scaleway/nbd/0.json\n'
    OVERLAY = """
        mkdir oldroot/lower oldroot/upper oldroot/work oldroot/merged
        mount -t overlay overlay -o lowerdir=oldroot/lower,upperdir=oldroot/upper,workdir=oldroot/work oldroot/merged
        """

    def need_overlay(self):
        script = self.OVERLAY.replace("oldroot", ".")
        if subprocess.run([*NAMESPACES, "sh", "-ec", f"mount -t tmpfs none {self.root}; cd {self.root}; {script}"]).returncode != 0:
            self.skipTest("no overlay in a user namespace here")

    def test_all_is_unmounted(self):
        """In whatever order: a file system with data below the kernel's own ones, one on the other."""
        self.need_overlay()
        out = self.go("reboot", prepare=self.OVERLAY + """
            mkdir oldroot/merged/proc oldroot/merged/run oldroot/merged/with\\ blank
            mount -t proc proc oldroot/merged/proc
            mount -t tmpfs none oldroot/merged/run
            mount -t tmpfs none "oldroot/merged/with blank"
            """)  # fmt: skip
        self.assertNotIn("in use", out)
        self.assertEqual(len(out.splitlines()), 1, out)

    def test_processes(self):
        """They hold the old root, and end; but not those with '@'."""
        self.need_overlay()
        keeper = self.beside("@keeps-storage", """
            read victim <run/victim
            while grep -q '^State:.[^Z]' proc/$victim/status; do sleep 0.05; done
            echo gone >run/gone
            sleep 1000
            """)  # fmt: skip
        out = self.go("reboot", prepare=self.OVERLAY + f"""
            (cd oldroot/merged && exec sleep 1000) & echo $! >run/victim
            {keeper}
            """)  # fmt: skip
        self.assertNotIn("in use", out)
        self.assertLess(self.seconds, 20)
        # Whoever has seen that has not been ended before.
        self.assertEqual((self.shared / "gone").read_text(), "gone\n")

    def test_busy(self):
        """What one with '@' holds becomes read-only; with a file that is open for writing it cannot be finished here, and is told."""
        self.need_overlay()
        script = "cd oldroot/merged; read x {} <>../../run/fifo\n"
        prepare = "test -p run/fifo || mkfifo run/fifo\n" + self.OVERLAY
        out = self.go("reboot", prepare=prepare + self.beside("@holds", script.format("")) + "sleep 0.5\n")
        self.assertRegex(out, r"'/oldroot/merged' \(overlay\) is still in use, read-only instead")
        out = self.go("reboot", prepare=prepare + self.beside("@holds", script.format("3>file")) + "sleep 0.5\n")
        self.assertRegex(out, r"Cannot finish '/oldroot/merged' \(overlay\)")
        self.assertRegex(out, r"'/oldroot/merged' \(overlay\) is still in use, written, but not finished")
        self.assertLess(self.seconds, 30)

    def test_by_hand(self):
        """DO_PIVOT=1, with an init that is the first process, and the script that has called it waiting."""
        done = self.by_hand("""
            sh -c 'sleep 1000 & env -i DO_PIVOT=1 "$(command -v chroot)" . /shutdown reboot; sleep 1000' &
            wait
            sleep 1000
            """)
        self.assertEqual(done.returncode, REBOOT, done.stderr)
        self.assertIn("All services are down: reboot.", done.stderr)

    def test_oldroot_of_a_running_system(self):
        """What somebody has mounted there is no old root: without DO_PIVOT=1 nothing happens, and with it "/" is what goes down."""
        done = self.by_hand("""
            mkdir oldroot
            mount -t tmpfs none oldroot
            chroot . /shutdown poweroff && exit 7
            touch run/alive
            chroot . /shutdown && exit 7
            exit 0
            """)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.shared / "alive").exists())
        self.assertNotIn("All services are down", done.stderr)

    def test_kernel_does_not_end_it(self):
        """The caller, which was stopped, gets to know it."""
        done = self.by_hand("""
            sh -c 'DO_PIVOT=1 setpriv --bounding-set=-sys_boot chroot . /shutdown reboot; echo "came back: $?"' &
            wait
            """)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("came back: 1", done.stdout)
        self.assertIn("The kernel does not reboot", done.stderr)

    def by_hand(self, commands):
        """The first process of the namespaces runs them, in a root that has no old one."""
        program = self.build / "scaleway-exit"
        script = f"""
            set -eu
            mount -t tmpfs none {self.root}
            cd {self.root}
            mkdir -p proc dev run
            cp {program} shutdown
            mount -t proc proc proc
            mount --bind {self.shared} run
            {commands}
            """
        return subprocess.run([*NAMESPACES, "sh", "-c", script], capture_output=True, text=True, timeout=90)

    def test_network_is_mended(self):
        """D3. The NIC is down and has lost its address and route; whoever is responsible for the link connects as soon as there is a way."""
        self.volume(0, supervisor=12345678)
        supervisor = self.beside("@xnbd-client supervise /dev/nbd0", """
            while ! ip route get 192.0.2.1 2>/dev/null | grep -q 10.0.0.10; do sleep 0.1; done
            sed -i 's/"down"/"up"/' run/scaleway/nbd/0.json
            sleep 1000
            """)  # fmt: skip
        out = self.go("reboot", prepare=NICS + supervisor + self.IS_SUPERVISOR)
        self.assertIn("nbd0: the way to the server by 'eth0' was gone, mended.", out)
        self.assertNotIn("does not answer", out)
        self.assertLess(self.seconds, 20)
        self.assertEqual(json.loads((self.shared / "scaleway/nbd/0.json").read_text())["link"], "up")

    def slow(self, link):
        """Seconds of an end in which one step hangs, and for some seconds there is less and less to be written."""
        self.volume(0, link=link)
        self.volume(1, link="up")
        writer = self.beside("@writes", """
            left=1500000
            while [ $left -gt 0 ]; do
                printf 'MemTotal: 1 kB\\nDirty: %s kB\\nWriteback: 0 kB\\n' $left >run/meminfo
                left=$((left - 100000))
                read -t 1 x <>run/nothing
            done
            read x <>run/nothing
            """)  # fmt: skip
        self.go("reboot", prepare=NICS + """
            mkfifo run/fifo run/nothing
            cp /proc/meminfo run/meminfo
            mount --bind run/meminfo proc/meminfo
            mount --bind run/fifo proc/swaps
            """ + writer)  # fmt: skip
        return self.seconds

    def test_slow_server(self):
        """It is given time beyond the eight seconds of the step."""
        self.assertGreater(self.slow("up"), 13)
        self.assertLess(self.seconds, 30)

    def test_slow_server_and_dead_one(self):
        """All limits are what they are."""
        self.assertLess(self.slow("down"), 12.5)

    def test_link_stays_dead(self):
        """Ten seconds for the one that is looked after, and then without. The other one has nobody who would connect it."""
        self.volume(0, supervisor=12345678)
        self.volume(3)
        supervisor = self.beside("@xnbd-client supervise /dev/nbd0", "sleep 1000; true")
        out = self.go("poweroff", prepare=NICS + supervisor + self.IS_SUPERVISOR, status=OFF)
        for index in (0, 3):
            self.assertIn(f"nbd{index}: the server does not answer, going on without it", out)
        self.assertGreater(self.seconds, 9)
        self.assertLess(self.seconds, 25)

    def test_link_is_long_dead(self):
        """It was tried all along; three seconds more, for what this one has mended."""
        self.volume(0, supervisor=12345678, since=60)
        supervisor = self.beside("@xnbd-client supervise /dev/nbd0", "sleep 1000; true")
        out = self.go("poweroff", prepare=NICS + supervisor + self.IS_SUPERVISOR, status=OFF)
        self.assertIn("nbd0: the server does not answer, going on without it", out)
        self.assertGreater(self.seconds, 2.5)
        self.assertLess(self.seconds, 9)

    def test_nobody_looks_after_it(self):
        """A supervisor that is no more is not waited for."""
        self.volume(0, supervisor=12345678)
        self.go("reboot", prepare=NICS)
        self.assertLess(self.seconds, 8)

    def test_pid_of_another_one(self):
        """Neither is one that happens to have the number of the supervisor that was."""
        self.volume(0, supervisor=12345678)
        out = self.go("reboot", prepare=NICS + self.beside("@keeps-storage", "sleep 1000; true") + self.IS_SUPERVISOR)
        self.assertIn("nbd0: the server does not answer, going on without it", out)
        self.assertLess(self.seconds, 8)

    def test_nfs(self):
        (self.shared / "scaleway/nfs.json").write_text(json.dumps({"path": PATH}))
        self.assertIn("NFS: the way to the server by 'eth0' was gone, mended.", self.go("reboot", prepare=NICS))

    def test_records_that_are_none(self):
        """Whatever lies there, the machine ends."""
        self.volume(0)
        (self.shared / "scaleway/nbd/0.json").write_text("{" * 1000)
        (self.shared / "scaleway/nbd/1.json").write_text(json.dumps({"path": 7}))
        (self.shared / "scaleway/nfs.json").write_text(json.dumps({"path": [PATH]}))
        self.go("reboot", prepare=NICS)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if os.geteuid() != 0:
        sys.exit(unittests.EXIT_SKIP)
    unittests.Programs.build = pathlib.Path(sys.argv[1]).resolve()
    unittests.main(sys.argv[2:])
