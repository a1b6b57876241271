# SPDX-License-Identifier: MIT
"""What the initrd does to the root before it hands over, seen on the console, in the booted system and on the disk."""

import os
import re
import subprocess

import documents
import webserver
from bench import debugfs
from process import find
from testing import absent, check, contains, equal, options, rows

FSTAB = "# mine\nUUID=nowhere\t/boot/efi\tvfat rw 0 1\n"
NODES = "console null zero ptmx tty random urandom"
MACHINE_ID = documents.SERVER_ID.replace("-", "")
BLOCK = 4096
MODULES = "/usr/lib/modules"
DEAD = "10.42.0.66"  # nobody has this address


def kernel(bench):
    (release,) = os.listdir(bench.parts.tree + MODULES)
    return release


def without_modules(bench):
    """They stay on the disk, under a name that no kernel looks for."""
    bench.edit_root(f"ln {MODULES}/{kernel(bench)} {MODULES}/hidden", f"unlink {MODULES}/{kernel(bench)}")


def places(path, data):
    """Offsets of data in a file, which may be sparse and large."""
    found, offset, piece = [], 0, 1 << 24
    with open(path, "rb") as f:
        size = os.fstat(f.fileno()).st_size
        while offset < size:
            try:
                offset = max(offset, os.lseek(f.fileno(), offset, os.SEEK_DATA) - len(data))
            except OSError:
                break
            text = os.pread(f.fileno(), piece, offset)
            found += [offset + m.start() for m in re.finditer(re.escape(data), text)]
            offset += max(1, len(text) - len(data) + 1)
    return sorted(set(found))


def is_nowhere_else(bench, vm, password):
    """The clear text is in /root/.pw, and neither in another file, nor the journal, the console, the memory of a program or the platform."""
    # What looks for it has it from the file, not from its arguments.
    search = "grep -c -a -F -f /root/.pw"
    equal(vm.run(f"journalctl -b -o export --all | {search}", ok=(1,)).strip(), "0", "lines of the journal")
    vm.run("journalctl -b -o export | grep -q 'MESSAGE=Root has a new password'")
    equal(vm.run(f"cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | {search}", ok=(1,)).strip(), "0", "environments and arguments")
    equal(vm.run("grep -rlaF -f /root/.pw /etc /home /opt /root /run /srv /tmp /var /dev/shm").split(), ["/root/.pw"], "files that have it")
    vm.run("sync")
    vm.kill()
    (blocks,) = bench.look("blocks /root/.pw")
    at = places(bench.disk, password.encode())
    equal([offset // BLOCK for offset in at], [int(n) for n in blocks.split()], "blocks of the disk that have it")
    for name in os.listdir(bench.folder):
        path = os.path.join(bench.folder, name)
        if path != bench.disk and os.path.isfile(path):
            equal(places(path, password.encode()), [], f"the password in {name}")
    absent(vm.console.text + vm.probes.text, re.escape(password), "the password on the console")
    absent(str(bench.requests()), re.escape(password), "the password at the control plane")


@rows("A13", "A14", "A15", "A18", "A22", "A23", "A24")
@options(timeout=600)
def test_prepare(bench):
    """An image that has nothing: no password, no name, no modules for this kernel. And the mirror of modules is not there."""
    bench.add_to_root("/etc/scw-release", 'IMAGE_DESCRIPTION="Debian of the bench"\nIMAGE_RELEASE=2026-11-26\n', mode=0o644)
    bench.add_to_root("/etc/fstab", FSTAB, mode=0o644)
    bench.edit_root("rm /dev/null", "mkdir /var/lib/dhcp")
    bench.add_to_root("/var/lib/dhcp/dhclient.eth0.leases", "lease {}\n", mode=0o644)
    bench.add_to_root("/etc/hostname", "\n", mode=0o644)
    hosts = bench.root_file("/etc/hosts")
    bench.set_root_password_field("*")
    without_modules(bench)
    vm = bench.boot(tags=[f"modules_mirror=http://{DEAD}"])
    bench.wait_booted()
    contains(vm.console.text, r"^>>> Image: Debian of the bench \(2026-11-26\)$", "image (A13)")
    contains(vm.console.text, r"^>>> Root file system: \d+ of \d+ MiB used \(\d+ %\)$", "usage of / (A13)")

    contains(vm.console.text, "Root has a new password, it is in /root/.pw", "what is said of it (A15)")
    password, shadow, attributes, inode = bench.look("cat /root/.pw", "cat /etc/shadow", "ea_list /etc/shadow", "stat /root/.pw")
    contains(password, r"\A[A-Za-z0-9]{16}\n\Z", "password (A15)")
    password = password.strip()
    contains(inode, r"Type: regular +Mode: +0600 ", "/root/.pw (A15)")
    contains(inode, r"User: +0 +Group: +0 ", "/root/.pw (A15)")
    contains(attributes, 'user.note .*"?kept', "attribute of /etc/shadow (A15)")
    contains(shadow, r"^root:\$y\$[^:]+:\d+:0:99999:7:::$", "root's line, by the method of Debian's login.defs (A15)")
    vm.login(password=password)
    equal(vm.run("stat -c '%U %G %a' /etc/shadow").strip(), "root shadow 640", "owner and mode of /etc/shadow (A15)")
    today = int(vm.run("date +%s")) // 86400
    equal(int(shadow.split("root:")[1].split(":")[1]), today, "day of the change (A15)")

    # Below the devtmpfs that was moved there.
    seen = vm.run(f"mkdir /run/below && mount --bind / /run/below && cd /run/below/dev && stat -c '%n %F %t:%T' {NODES}")
    contains(seen, r"^null character special file 1:3$", "device nodes on the disk itself (A18)")
    equal(len(seen.splitlines()), len(NODES.split()), "all of them (A18)")
    vm.run("umount /run/below")
    for path in ("/proc", "/sys", "/run", "/dev"):
        vm.run(f"mountpoint -q {path}")
    equal(vm.run("ls /var/lib/dhcp").split(), [], "an old lease (A24)")
    equal(vm.read("/etc/fstab"), FSTAB.replace(" rw ", " rw,nofail "), "fstab of a root on NBD (A24)")

    equal(vm.run("uname -n").strip(), "bench-server", "the kernel's name of the server (A14)")
    equal(vm.read("/etc/hostname"), "bench-server\n", "/etc/hostname (A14)")
    contains(vm.read("/etc/hosts"), r"^127\.0\.1\.1\tbench-server$", "/etc/hosts (A14)")
    equal(vm.read("/etc/hosts.bak"), hosts, "what it was (A14)")
    contains(vm.read("/etc/resolv.conf"), rf"^nameserver {re.escape(bench.first_nic.host)}$", "/etc/resolv.conf (A14)")
    equal(vm.run("cat /etc/machine-id /var/lib/dbus/machine-id").split(), [MACHINE_ID] * 2, "machine ids (A22)")
    contains(vm.run("systemd-id128 machine-id"), MACHINE_ID, "what systemd takes for it (A22)")

    # The mirror: one line says what is tried and one that it failed.
    warnings = vm.console.matching("modules")
    equal(len([line for line in warnings if "going on without" in line]), 1, f"warnings (A23): {warnings}")
    took = duration(vm, "scaleway-fetch-modules")
    check(took < 6, f"the dead mirror took {took:.1f} s (A23)")
    print(f"the dead mirror took {took:.1f} s")
    equal(vm.run(f"ls -A {MODULES}").split(), ["hidden"], "modules (A23)")

    is_nowhere_else(bench, vm, password)


def duration(vm, identifier):
    """Seconds between the first and the last message of a program."""
    journal = vm.run(f"journalctl -b -o short-monotonic -t {identifier} --no-pager")
    times = [float(time) for time in re.findall(r"^\[ *([0-9.]+)\]", journal, re.M)]
    return times[-1] - times[0]


OWN = {
    "/etc/hostname": "# by hand\nweb1\n",
    "/etc/hosts": "127.0.0.1 localhost\n10.0.0.1\tdatabase # no newline at the end",
    "/etc/resolv.conf": "nameserver 9.9.9.9\n",
    "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "/var/lib/dbus/machine-id": "0123456789abcdef0123456789abcdef\n",
    "/etc/fstab": "LABEL=other /boot/efi vfat rw,nofail 0 1\n",
}


@rows("A14", "A15", "A22", "A23")
@options(timeout=600)
def test_own_files(bench):
    """They stay byte for byte, and are not even replaced. A new password is asked for, while the clock is years behind. In the lean initrd,
    which fetches no modules and says so."""
    bench.edit_root("rm /var/lib/dbus/machine-id")
    for path, text in OWN.items():
        bench.add_to_root(path, text, mode=0o644)
    before = {path: debugfs(bench.disk, f"stat {path}").stdout.splitlines()[0] for path in OWN}
    bench.add_to_root("/etc/login.defs", "ENCRYPT_METHOD SHA256\n", mode=0o644)
    bench.add_to_root("/.scw-reset-password-on-next-boot", "")
    bench.set_root_password_field("!")
    vm = bench.boot(initrd="lean", tags=["modules_mirror=http://metadata.local"], qemu=["-rtc", "base=2015-01-01"])
    bench.wait_booted()
    contains(vm.console.text, "modules_mirror= does nothing in the lean image", "what is said (A23)")
    password, shadow = bench.look("cat /root/.pw", "cat /etc/shadow")
    contains(shadow, r"^root:\$5\$[^:]+:(\d*):0:99999:7:::$", "root's line (A15)")
    vm.login(password=password.strip())
    now = int(vm.run("date +%s")) // 86400
    day = shadow.split("root:")[1].split(":")[1]
    # Somebody may have set the clock before.
    check(day in ("", str(now)), f"day of the change is '{day}', today is {now} (A15)")
    for path, text in OWN.items():
        equal(vm.read(path), text, f"{path} (A14, A22)")
    equal(vm.run("uname -n").strip(), "web1", "name (A14)")
    vm.run("test ! -e /etc/hosts.bak && test ! -e /.scw-reset-password-on-next-boot")
    vm.run("sync")
    vm.kill()
    after = dict(zip(OWN, (text.splitlines()[0] for text in bench.look(*(f"stat {path}" for path in OWN))), strict=True))
    equal(after, before, "inodes (A14, A22)")


def modules_archive(bench):
    """As a mirror has it, with few modules."""
    release = kernel(bench)
    path = os.path.join(bench.folder, "modules.tar")
    bench.callback(lambda: os.unlink(path))
    names = [f"modules/{release}/kernel/fs/isofs", f"modules/{release}/kernel/drivers/cdrom"]
    lib = os.path.join(bench.parts.tree, "usr/lib")
    names += [f"modules/{release}/{name}" for name in os.listdir(f"{lib}/modules/{release}") if name.startswith("modules.")]
    subprocess.run(["tar", "-C", lib, "-cf", path, *sorted(names)], check=True)
    return path


def serve_modules(bench):
    bench.web = webserver.WebServer(bench)
    name = f"kernel/x86_64/{kernel(bench)}/modules.tar"
    os.makedirs(os.path.dirname(os.path.join(bench.web.folder, name)), exist_ok=True)
    bench.web.add(bench.modules, name)


def is_left_alone(bench, mirror):
    """A boot of a root in which everything is empty, by whose tags it stays so. What the server's own init fills, it fills by itself."""
    empty = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/machine-id", "/var/lib/dbus/machine-id"]
    for path in empty:
        bench.add_to_root(path, "", mode=0o644)
    bench.set_root_password_field("*")
    own = [f"{command} {path}" for path in (*(path for path in empty if path != "/etc/machine-id"), "/etc/shadow") for command in ("cat", "stat")]

    def seen():
        # Of stat, the inode's number: what is replaced has another one.
        return [text if command.startswith("cat") else text.splitlines()[0] for command, text in zip(own, bench.look(*own), strict=True)]

    before = seen()
    vm = bench.boot(tags=["DONT_FORWARD_NET_CONFIG=1", "DONT_GEN_ROOT_PASSWD=1", "DONT_GEN_MACHINE_ID=1", "DONT_FETCH_KERNEL_MODULES=1", mirror])
    bench.wait_booted()
    for command, text, was in zip(own, seen(), before, strict=True):
        equal(text, was, command)
    password, backup, machine_id = bench.look("cat /root/.pw", "cat /etc/hosts.bak", "cat /etc/machine-id")
    equal((password, backup), ("", ""), "a password, and what /etc/hosts was")
    check(machine_id.strip() != MACHINE_ID, "the machine id is that of the server")
    equal(vm.console.matching("fetch-modules"), [], "what is said of modules")


@rows("A14", "A15", "A22", "A23")
@options(timeout=900)
def test_modules(bench):
    """First nothing of the root may be touched. Then modules are fetched from a mirror, and root gets a new password in place of the one that
    it has. Then there they are, and the root is read-only, which costs one warning."""
    without_modules(bench)
    bench.modules = modules_archive(bench)
    mirror = f"modules_mirror=http://10.42.0.1:{webserver.PORT}/"
    is_left_alone(bench, mirror)

    bench.vm.kill()
    subprocess.run([find("e2fsck"), "-p", "-E", "journal_only", bench.disk], check=True, capture_output=True)
    bench.set_root_password_field("$6$salt$hash")
    vm = bench.boot(tags=[mirror, "RESET_PASSWORD=1"])
    serve_modules(bench)
    bench.wait_booted()
    password, shadow = bench.look("cat /root/.pw", "cat /etc/shadow")
    contains(shadow, r"^root:\$y\$", "root's line (A15)")
    vm.login(password=password.strip())
    contains(vm.console.text, "Fetched the kernel modules", "what is said")
    contains(vm.console.text, "They come with neither https nor a checksum", "what is said of whose they are")
    vm.run("test ! -e /sys/module/isofs && modprobe isofs && test -e /sys/module/isofs")
    equal(sorted(vm.run(f"ls -A {MODULES}").split()), sorted([kernel(bench), "hidden"]), "what is there")
    equal(vm.run(f"stat -c '%U %G %a' {MODULES}/{kernel(bench)}").strip(), "root root 755", "owner and mode")
    equal([(r["path"], r["status"]) for r in bench.web.requests()], [(f"/kernel/x86_64/{kernel(bench)}/modules.tar", 200)], "requests")
    vm.run("sync; truncate -s 0 /etc/hostname; sync")

    vm = bench.boot(tags=[mirror], cmdline="ro")
    bench.wait_booted()
    vm.login(password=password.strip())
    equal(len(vm.console.matching("The root is mounted read-only, not preparing it")), 1, "warning")
    skipped = vm.run("journalctl -b -o cat _PID=1 --no-pager | grep 'Fetch Kernel Modules for the Root'")
    contains(skipped, "skipped.* unmet condition check .?ConditionPathExists=!/sysroot/usr/lib/modules/", "the unit")
    equal(len(skipped.splitlines()), 1, f"what systemd says of it: {skipped}")
    contains(vm.read("/proc/mounts"), "^/dev/nbd0 / ext4 ro,", "root")
    equal(vm.read("/etc/hostname"), "", "what was not written")
