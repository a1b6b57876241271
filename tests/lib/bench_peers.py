# SPDX-License-Identifier: MIT
"""What `tests/bench boot` boots: our two initrds, those of the peers, and the root file system that all of them mount.

Everything is cached below tests/cache/bench under a hash of what it is made from. All peers boot the kernel of our
image: its modules are lent to the tree in which their initrds are generated."""

import dataclasses
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

import cpio
import image
from process import find, need

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCES = os.path.join(TESTS, "bench.d")
CACHE = os.path.join(TESTS, "cache", "bench")
# In the place of systemd, to which /sbin/init leads: an initrd of systemd hands over to it as to that of a real server.
BENCH_INIT = "/usr/lib/systemd/systemd"
# One level for every initrd that is built here, the one dracut users take for an image that is sent over a network.
COMPRESSION = 19
# In the order they must be loaded; ext4 and virtio_pci are part of this kernel.
FLOOR_MODULES = ("failover", "net_failover", "virtio_net", "nbd")
BUILD_TIMEOUT = 1200
# loglevel: the initrds are measured, not the serial port.
COMMON = f"console=ttyS0,115200 loglevel=4 panic=-1"


@dataclasses.dataclass
class Peer:
    """cmdline: its part of the kernel command line, with {host}, {port}, {export}, {address} to be filled in."""

    name: str
    title: str
    cmdline: str
    ours: bool = False
    initrd: str | None = None

    def command_line(self, **values):
        return f"{COMMON} {self.cmdline.format(**values)}"

    @property
    def size(self):
        return os.path.getsize(self.initrd)


def peers():
    # The words of a platform's bootscript, for both of ours; the root is volume 0 of the metadata.
    ours = "scaleway boot=local root=/dev/nbd0 ip=dhcp nbd.max_part=16"
    return [
        Peer("scaleway", "dracut --add scaleway", ours, ours=True),
        Peer("scaleway-lean", "lean, for the network", ours, ours=True),
        Peer("dracut-nbd", "dracut's nbd + networkd", "root=nbd:{host}:{port}:ext4:rw ip=dhcp rd.neednet=1"),
        Peer(
            "initramfs-tools",
            "initramfs-tools + nbd-client",
            "root=/dev/nbd0 nbdroot={host}:{port}/{export} ip=dhcp rootfstype=ext4 rw",
        ),
        Peer("floor", "minimal static init", "floor.ip={address}/24 floor.nbd={host}:{port}/{export} init=/sbin/init"),
    ]


def digest(*parts):
    """Of texts, and of the contents of files that are given by their paths."""
    state = hashlib.sha256()
    for part in parts:
        if os.path.isfile(part):
            with open(part, "rb") as f:
                data = f.read()
        else:
            data = part.encode()
        state.update(b"%d:" % len(data) + data)
    return state.hexdigest()[:16]


def cached(name, key, build):
    """CACHE/NAME-KEY, made by build(path) if it is missing; older ones of that name go."""
    path = os.path.join(CACHE, f"{name}-{key}")
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, f"{name}.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            build_cached(name, path, build)
    return path


def build_cached(name, path, build):
    print(f"bench: building {name}", flush=True)
    for entry in os.listdir(CACHE):
        if entry.rpartition("-")[0] == name or entry == f".{name}.new":
            remove(os.path.join(CACHE, entry))
    new = os.path.join(CACHE, f".{name}.new")
    build(new)
    os.rename(new, path)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def run(argv, **options):
    """Output only if it fails."""
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", check=False, timeout=BUILD_TIMEOUT, **options)  # fmt: skip
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)[:200]}: exit status {result.returncode}\n{result.stdout[-4000:]}")
    return result.stdout


def kernel_version(tree):
    versions = os.listdir(os.path.join(tree, "usr/lib/modules"))
    if len(versions) != 1:
        raise RuntimeError(f"{tree}/usr/lib/modules: expected one kernel, found {versions}")
    return versions[0]


def build_program(name, options=("-static",)):
    """Compiles bench.d/NAME.c; returns the path."""
    source = os.path.join(SOURCES, f"{name}.c")
    compiler = os.environ.get("CC", "cc")
    need(compiler)

    def build(path):
        flags = "-std=gnu17 -D_GNU_SOURCE -Os -Wall -Wextra -Wshadow -s".split()
        run([compiler, *flags, *options, "-o", path, source])

    return cached(name, digest(source, compiler, *options), build)


def build_root(root_ext4):
    """A copy of the root image with the program that ends the measurement."""
    need("debugfs")
    program = build_program("bench-init")

    def build(path):
        run(["cp", "--sparse=always", "--reflink=auto", root_ext4, path])
        commands = f"rm {BENCH_INIT}\nwrite {program} {BENCH_INIT}\nset_inode_field {BENCH_INIT} mode 0100755\n"
        with tempfile.NamedTemporaryFile("w", suffix=".debugfs") as f:
            f.write(commands)
            f.flush()
            run([find("debugfs"), "-w", "-f", f.name, path])
        # debugfs ends with 0 whatever happened.
        shown = run([find("debugfs"), "-R", f"stat {BENCH_INIT}", path])
        if "Mode:  0755" not in shown or not re.search(rf"Size: {os.path.getsize(program)}\b", shown):
            raise RuntimeError(f"{path}: debugfs did not write {BENCH_INIT}")

    # The name of the image has the hash of its sources in it; its content would take too long to read.
    return cached("root.ext4", digest(os.path.basename(root_ext4), program, f"as {BENCH_INIT}"), build)


def module_bytes(tree, version, name):
    """A module of the kernel, unpacked: what unpacks it would be part of what is measured."""
    for folder, _, files in os.walk(os.path.join(tree, "usr/lib/modules", version, "kernel")):
        for suffix, tool in ((".ko", "cat"), (".ko.xz", "xzcat"), (".ko.zst", "zstdcat")):
            if name + suffix in files:
                path = os.path.join(folder, name + suffix)
                return subprocess.run([tool, path], stdout=subprocess.PIPE, check=True, timeout=60).stdout
    raise RuntimeError(f"no module '{name}' for kernel {version}")


def build_floor(tree, kernel):
    need("zstd", "xzcat")
    program = build_program("floor-init")
    version = kernel_version(tree)

    def build(path):
        archive = cpio.Archive()
        with open(program, "rb") as f:
            archive.add("/init", f.read(), 0o755)
        for folder in ("/dev", "/proc", "/root"):
            archive.folder(folder)
        for i, name in enumerate(FLOOR_MODULES):
            archive.add(f"/modules/{i:02}-{name}.ko", module_bytes(tree, version, name))
        with open(path, "wb") as f:
            subprocess.run(["zstd", f"-{COMPRESSION}", "-q"], input=archive.dump(), stdout=f, check=True, timeout=60)

    return cached("floor.img", digest(program, version, kernel, str(COMPRESSION), *FLOOR_MODULES), build)


def build_tree(source="peers", name="tree"):
    """The Debian of bench.d/SOURCE/mkosi.conf, whose ImageId is SOURCE; name: in the cache."""
    need("mkosi")
    conf = os.path.join(SOURCES, source, "mkosi.conf")

    def build(path):
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="tree-") as folder:
            shutil.copy(conf, folder)
            options = [f"--directory={folder}", f"--local-mirror={image.mirror()}", f"--output-dir={folder}"]
            run(["mkosi", *options, "build"])
            os.rename(os.path.join(folder, source), path)

    return cached(name, digest(conf), build)


# Runs in a mount namespace of its own, so that what it mounts goes with it. Arguments: tree of the peers, our tree,
# kernel version, recipe, result, compression level.
IN_TREE = """
set -eu
mkdir -p "$1/usr/lib/modules/$3"
mount --bind "$2/usr/lib/modules/$3" "$1/usr/lib/modules/$3"
mount --bind "$2/boot" "$1/boot"
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
for folder in tmp var/tmp run; do mount -t tmpfs tmpfs "$1/$folder"; done
cp "$4" "$1/run/recipe"
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 chroot "$1" /bin/sh /run/recipe "$3" /run/initrd "$6"
install -m 0644 "$1/run/initrd" "$5"
"""


def build_recipe(name, tree, kernel):
    """The initrd that bench.d/peers/NAME.sh makes."""
    recipe = os.path.join(SOURCES, "peers", f"{name}.sh")
    version = kernel_version(tree)
    peers_tree = build_tree()

    def build(path):
        arguments = [peers_tree, tree, version, recipe, path, str(COMPRESSION)]
        run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", IN_TREE, "sh", *arguments])

    return cached(f"{name}.img", digest(recipe, peers_tree, version, kernel, IN_TREE, str(COMPRESSION)), build)


def prepare(names):
    """Builds what is missing. Returns (kernel, root file system, peers); names: of the peers, or empty for all."""
    chosen = [peer for peer in peers() if not names or peer.name in names]
    built = image.build()
    for peer in chosen:
        if peer.name == "scaleway":
            peer.initrd = str(built.initrd)
        elif peer.name == "scaleway-lean":
            peer.initrd = str(built.initrd_lean)
        elif peer.name == "floor":
            peer.initrd = build_floor(str(built.tree), str(built.kernel))
        else:
            peer.initrd = build_recipe(peer.name, str(built.tree), str(built.kernel))
    return str(built.kernel), build_root(str(built.root_ext4)), chosen
