# SPDX-License-Identifier: MIT
"""Root images that systemd does not run: Debian 13 with sysvinit, and with OpenRC. As old images are: no kernel modules for this
kernel, an empty /dev, a getty on the serial port, and a root in fstab that is checked. Each takes a quarter of a minute to build."""

import os
import pathlib
import subprocess
import tempfile

import bench_peers
import image
from process import find, need

SUITE = "trixie"
PACKAGES = ["initscripts", "sysvinit-core", "login", "passwd", "mount", "procps", "e2fsprogs", "iproute2"]
KINDS = {"sysvinit": ["sysv-rc"], "openrc": ["openrc"]}
SIZE = "512M"
WITHOUT = ["boot", "usr/share/man", "usr/share/doc", "usr/share/info", "usr/share/locale", "var/cache", "var/lib/apt"]
GETTY = "T0:23:respawn:/sbin/getty -L ttyS0 115200 vt100\n"
FILES = {
    "etc/fstab": "LABEL=root / ext4 errors=remount-ro 0 1\n",
    "etc/hostname": "debian\n",
    "etc/hosts": "127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n",
    "etc/resolv.conf": "",
}


# What the platform's images have in the place of Debian's halt and reboot, and what calls their own service on OpenRC. By then
# everything that can be unmounted is, and the root is read-only.
WAY_BACK = {
    "etc/init.d/halt": """#!/bin/sh
[ "$1" = stop ] || exit 0
verb=poweroff
[ "$INIT_HALT" != HALT ] || verb=halt
DO_PIVOT=1 /run/initramfs/shutdown $verb
""",
    "etc/init.d/reboot": """#!/bin/sh
[ "$1" = stop ] || exit 0
DO_PIVOT=1 /run/initramfs/shutdown reboot
""",
}
# As OpenRC's killprocs with killall5_opts= of the platform's images, which look for the root's NBD client in this way.
WAY_BACK_OPENRC = {
    "etc/init.d/scw-initramfs-shutdown": """#!/sbin/openrc-run
description="Ends what still runs, and the system."

start() {
    client=$(pgrep -f '@xnbd-client.*/dev/nbd0')
    killall5 -15 ${client:+-o $client}
    sleep 1
    killall5 -9 ${client:+-o $client}
    if yesno "$RC_REBOOT"; then
        DO_PIVOT=1 /run/initramfs/shutdown reboot
    else
        DO_PIVOT=1 /run/initramfs/shutdown poweroff
    fi
}
""",
}


def root(kind):
    """Path of the image, cached; kind: a key of KINDS."""
    need("mmdebstrap", "mke2fs", "openssl")
    with open(__file__, encoding="utf-8") as f:
        key = bench_peers.digest(f.read(), kind)
    return bench_peers.cached(f"root-{kind}.ext4", key, lambda path: build(kind, path))


def build(kind, path):
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as name:
        tree = pathlib.Path(name) / "tree"
        bootstrap(tree, [*PACKAGES, *KINDS[kind]])
        write_files(tree, FILES)
        set_getty(tree)
        pack(tree, path, SIZE)


def bootstrap(tree, packages, suite=SUITE):
    """What a server has of them: no documentation, no package lists, an empty /dev, and the usual password."""
    bench_peers.run(["mmdebstrap", "--quiet", "--mode=root", "--variant=essential", f"--include={','.join(packages)}", suite, str(tree),
                     image.mirror()])  # fmt: skip
    for name in [*WITHOUT, "dev"]:
        for path in (tree / name).glob("*"):
            bench_peers.remove(path)
    password = subprocess.run(["openssl", "passwd", "-6", image.ROOT_PASSWORD], check=True, capture_output=True, text=True).stdout
    shadow = tree / "etc/shadow"
    others = [line for line in shadow.read_text().splitlines(keepends=True) if not line.startswith("root:")]
    shadow.write_text("".join([f"root:{password.strip()}:20000:0:99999:7:::\n", *others]))


def write_files(tree, files):
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)


def set_getty(tree):
    inittab = tree / "etc/inittab"
    lines = [line for line in inittab.read_text().splitlines(keepends=True) if "getty" not in line]
    inittab.write_text("".join(lines) + GETTY)


def pack(tree, path, size):
    bench_peers.run(["truncate", f"--size={size}", path])
    bench_peers.run([find("mke2fs"), "-q", "-t", "ext4", "-L", "root", "-E", "assume_storage_prezeroed=1", "-d", str(tree), path])


def add_way_back(bench, kind):
    """Has the bench's root go down as the platform's images do."""
    for path, text in WAY_BACK.items():
        bench.add_to_root(f"/{path}", text)
    if kind == "openrc":
        for path, text in WAY_BACK_OPENRC.items():
            bench.add_to_root(f"/{path}", text)
        bench.edit_root("symlink /etc/runlevels/shutdown/scw-initramfs-shutdown /etc/init.d/scw-initramfs-shutdown")
