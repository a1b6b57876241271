# SPDX-License-Identifier: MIT
"""Root images of Debian 13 whose network is not systemd-networkd's: ifupdown with its DHCP client, and NetworkManager; and one of the former
that has Debian's nbd-client as well. Each takes half a minute to build."""

import os
import pathlib
import tempfile

import bench_peers
import inits
from process import need

PACKAGES = ["systemd-sysv", "udev", "dbus", "login", "passwd", "mount", "procps", "e2fsprogs", "iproute2"]
# dhcpcd-base is what Debian 13 installs with ifupdown.
KINDS = {
    "ifupdown": ["ifupdown", "dhcpcd-base"],
    "networkmanager": ["network-manager"],
    "nbd-client": ["ifupdown", "dhcpcd-base", "nbd-client"],
    "debian12": [],
}
SIZE = "512M"
FILES = {
    "etc/fstab": "",
    "etc/hostname": "debian\n",
    "etc/machine-id": "",
    "etc/hosts": "127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n",
    "etc/resolv.conf": "",
}
# What the installer writes, with the name that net.ifnames=0 gives the first NIC.
INTERFACES = "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n"


def root(kind):
    """Path of the image, cached; kind: a key of KINDS."""
    need("mmdebstrap", "mke2fs", "openssl")
    sources = [pathlib.Path(module.__file__).read_text(encoding="utf-8") for module in (inits, bench_peers)]
    key = bench_peers.digest(pathlib.Path(__file__).read_text(encoding="utf-8"), *sources, kind)
    return bench_peers.cached(f"root-{kind}.ext4", key, lambda path: build(kind, path))


def build(kind, path):
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as name:
        tree = pathlib.Path(name) / "tree"
        inits.bootstrap(tree, [*PACKAGES, *KINDS[kind]], "bookworm" if kind == "debian12" else inits.SUITE)
        inits.write_files(tree, FILES)
        if "ifupdown" in KINDS[kind]:
            inits.write_files(tree, {"etc/network/interfaces": INTERFACES})
        if kind == "debian12":
            inits.write_files(tree, {"etc/systemd/network/80-dhcp.network": "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n"})
            service = tree / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
            service.symlink_to("/lib/systemd/system/systemd-networkd.service")
        # Newer than /usr, or the first boot rebuilds caches.
        for folder in ("etc", "var"):
            (tree / folder / ".updated").touch()
        inits.pack(tree, path, SIZE)
