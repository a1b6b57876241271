#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The image under test: kernel, both initrds and the root file system, all from one tree that mkosi builds.

    image.build() → Image            python3 tests/lib/image.py            prints the paths
    image.build_in_tree("clang")     python3 tests/lib/image.py clang      compiles with Debian 13's clang or gcc

Everything lies below tests/cache/ under a hash of what it is made from: a second call without a change takes no time,
one after an edit of a helper, a unit or the dracut module installs no package. A build that is interrupted leaves
nothing that looks finished. Needs root, for file owners and device nodes.

Environment: SCALEWAY_MIRROR  a Debian mirror, instead of the one that this machine's apt uses."""

import argparse
import contextlib
import dataclasses
import fcntl
import glob
import hashlib
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
TOP = TESTS.parent
CACHE = TESTS / "cache"

COMPILERS = ["gcc", "clang"]
COMPILER_PACKAGES = ["clang"]  # beyond those of mkosi.conf
ROOT_SIZE = "1536M"
ROOT_PASSWORD = "root"
KEEP = 3  # images; an older one may still be used by a test that runs
BUILD_TIMEOUT = 1800

# What the tree is made from. Tests are not part of it.
TREE_SOURCES = ["helpers", "units", "dracut-module", "meson.build", "meson_options.txt", "mkosi.*"]
ROOT_SOURCES = ["mkosi.conf", "mkosi.prepare", "tests/lib/image.py"]
COMPILE_SOURCES = ["tests/unit", "tests/fuzz", "tests/meson.build"]

# The root of a user who never heard of this project: neither our files nor the packages that are there for dracut.
ROOT_WITHOUT_PACKAGES = ["btrfs-progs", "dracut", "dracut-core", "dracut-network", "nbd-client", "nfs-common", "rpcbind",
                         "keyutils", "lvm2", "dmeventd", "dropbear-bin", "systemd-cryptsetup"]  # fmt: skip
ROOT_WITHOUT = [
    "boot/*", "usr/lib/scaleway", "usr/bin/scaleway-*", "usr/bin/scw-*", "usr/bin/oc-metadata",
    "usr/lib/systemd/system/scaleway-*", "usr/lib/systemd/system-generators/scaleway-*",
    "usr/share/man", "usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/lintian",
    "usr/share/bash-completion", "usr/share/zsh", "var/lib/apt", "var/cache/*", "var/log/*", "work",
]  # fmt: skip
# mkosi applies presets and so enables more than Debian does; all links go, and these are what a Debian server has.
ROOT_ENABLED = ["systemd-networkd.service", "getty@.service"]
ROOT_FILES = {
    "etc/fstab": "",
    "etc/machine-id": "",
    "etc/hostname": "debian\n",
    "etc/hosts": "127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n::1\tlocalhost ip6-localhost ip6-loopback\n",
    "etc/resolv.conf": "",
    "etc/systemd/network/80-dhcp.network": "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n",
}


class BuildError(Exception):
    """What failed, with the end of its log."""


@dataclasses.dataclass(frozen=True)
class Image:
    """All are paths; root_ext4 is a sparse file, to be copied before a VM writes to it."""

    tree: pathlib.Path
    kernel: pathlib.Path
    initrd: pathlib.Path
    initrd_lean: pathlib.Path
    root_ext4: pathlib.Path

    @property
    def kernel_version(self):
        return _kernel_version(self.tree)


def mirror():
    """The archive this machine installs from; no host name stands in a file of this project."""
    chosen = os.environ.get("SCALEWAY_MIRROR")
    if chosen:
        return chosen
    fields = "$(LABEL)|$(COMPONENT)|$(REPO_URI)"
    lines = _output("apt-get", "indextargets", "--format", fields, "Created-By: Packages")
    for line in lines.splitlines():
        label, component, uri = line.split("|", 2)
        if (label, component) == ("Debian", "main"):
            return uri
    raise BuildError("apt knows no Debian archive; run apt-get update, or set SCALEWAY_MIRROR")


def build(log=print):
    """Builds what is not there yet, or is older than its sources. Raises BuildError."""
    with _lock(log):
        folder = CACHE / "image" / _hash(TREE_SOURCES)
        if not folder.exists():
            with _stage(log, "tree and both initrds"), _new(folder) as new:
                _build_tree(new)
        tree = folder / "tree"
        root = CACHE / "root" / f"{_hash(ROOT_SOURCES)}-{_kernel_version(tree)}.ext4"
        if not root.exists():
            with _stage(log, "root file system"), _new(root) as new:
                _build_root(tree, new)
        os.utime(folder)
        os.utime(root)
        _remove_old()
    return Image(tree, folder / "vmlinuz", folder / "initrd.img", folder / "initrd-lean.img", root)


def build_in_tree(compiler, log=print):
    """Compiles everything, tests included, inside Debian 13 with its gcc or clang and fatal warnings; returns mkosi's
    and the compiler's output. Raises BuildError."""
    with _lock(log):
        stamp = CACHE / "compiled" / f"{compiler}-{_hash(TREE_SOURCES + COMPILE_SOURCES)}.log"
        if not stamp.exists():
            # Packages of both compilers share one cache, apart from that of the image, which stays small and quick.
            options = [f"--build-package={package}" for package in COMPILER_PACKAGES]
            options += [f"--environment=IMAGE_CC={compiler}", "--environment=IMAGE_WERROR=true", "--format=none"]
            with _stage(log, f"everything with Debian 13's {compiler}"), _new(stamp) as new:
                with tempfile.TemporaryDirectory() as output:
                    shutil.copyfile(_mkosi(f"compile-{compiler}", output, "compile", *options), new)
    return stamp.read_text(errors="replace")


def in_tree(tree, folder, script):
    """Runs a shell script inside the tree. The tree stays as it is: changes go to folder / "upper", and what was put
    there before is seen by the script. Returns exit status and output (both streams)."""
    folder = pathlib.Path(folder)
    for name in ("upper", "work", "merged"):
        (folder / name).mkdir(exist_ok=True)
    # The mounts live and die with this mount namespace.
    outer = """
        mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/merged"
        cd "$2/merged"
        for name in dev proc sys; do mount --rbind "/$name" "$name"; done
        mount -t tmpfs tmpfs run
        exec chroot . sh -euc "$3"
    """
    command = ["unshare", "--mount", "--", "sh", "-euc", outer, "sh", str(tree), str(folder), script]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TMPDIR": "/var/tmp"}
    done = subprocess.run(
        command, env=environment, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return done.returncode, done.stdout


def _build_tree(new):
    new.mkdir()
    _mkosi("image", new, "image")
    (new / "image").rename(new / "tree")
    for name in os.listdir(new):
        if name != "tree":
            _remove(new / name)
    boot = new / "tree/boot"
    # Out of the tree: a test that builds an initrd of its own there must not change these.
    shutil.copyfile(boot / "vmlinuz-scaleway", new / "vmlinuz")
    (boot / "initrd-scaleway.img").rename(new / "initrd.img")
    (boot / "initrd-scaleway-lean.img").rename(new / "initrd-lean.img")


def _mkosi(name, output, cache, *arguments):
    """Returns the log's path."""
    folders = {
        "cache-dir": CACHE / f"mkosi-{cache}",
        "package-cache-dir": CACHE / "packages",
        "build-dir": CACHE / f"mkosi-{cache}-build",
    }
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    log = CACHE / "logs" / f"mkosi-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # A builder that is killed takes mkosi along, or the next one would meet it in the same folders.
    command = ["setpriv", "--pdeathsig", "TERM", "mkosi"]
    command += [f"--directory={TOP}", f"--local-mirror={mirror()}", "--incremental=yes", "--force"]
    command += [f"--output-dir={output}", *(f"--{key}={folder}" for key, folder in folders.items())]
    with open(log, "wb") as f:
        try:
            _run(*command, *arguments, "build", stdin=subprocess.DEVNULL, stdout=f, stderr=f, timeout=BUILD_TIMEOUT)
        except (OSError, subprocess.SubprocessError) as e:
            tail = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-40:])
            raise BuildError(f"mkosi failed ({e.__class__.__name__}); the end of {log}:\n{tail}") from e
    return log


def _build_root(tree, new):
    with tempfile.TemporaryDirectory(dir=new.parent, prefix=".root-") as name:
        root = pathlib.Path(name)
        os.chmod(root, 0o755)
        _run("cp", "--archive", "--reflink=auto", f"{tree}/.", root)
        _strip_root(root)
        for path, text in ROOT_FILES.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            _remove(root / path)
            (root / path).write_text(text)
        password = _output("openssl", "passwd", "-6", ROOT_PASSWORD)
        shadow = root / "etc/shadow"
        others = [line for line in shadow.read_text().splitlines() if not line.startswith("root:")]
        shadow.write_text("\n".join([f"root:{password}:20000:0:99999:7:::", *others]) + "\n")
        _run("systemctl", f"--root={root}", "--quiet", "enable", *ROOT_ENABLED, stderr=subprocess.DEVNULL)
        # Newer than /usr, or the first boot rebuilds caches.
        for folder in ("etc", "var"):
            (root / folder / ".updated").touch()
        _run("truncate", f"--size={ROOT_SIZE}", new)
        # The file is a hole, so nothing has to be zeroed now or, in the background, during the first boot.
        _run("mke2fs", "-q", "-t", "ext4", "-L", "root", "-E", "assume_storage_prezeroed=1", "-d", root, new)


def _strip_root(root):
    for package in ROOT_WITHOUT_PACKAGES:
        for listing in root.glob(f"var/lib/dpkg/info/{package}.list"):
            for path in listing.read_text().splitlines():
                path = root / path.lstrip("/")
                if path.is_symlink() or path.is_file():
                    path.unlink()
    for pattern in ROOT_WITHOUT:
        for path in glob.glob(str(root / pattern)):
            _remove(path)
    # Links in /etc that enable units, and the dracut units which the presets put there.
    _remove(root / "etc/systemd/system")
    (root / "etc/systemd/system").mkdir()
    for link in root.glob("usr/lib/systemd/system/*.wants/dracut-*"):
        link.unlink()


def _kernel_version(tree):
    versions = os.listdir(tree / "usr/lib/modules")
    if len(versions) != 1:
        raise BuildError(f"{tree} has {len(versions)} kernels, expected one")
    return versions[0]


def _hash(sources):
    """Of names, modes and contents of the files that git would commit."""
    names = _output("git", "-C", TOP, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *sources)
    if not names:
        raise BuildError(f"{TOP} is not a git checkout")
    digest = hashlib.sha256(pathlib.Path(__file__).read_bytes())
    for name in sorted(set(names.rstrip("\0").split("\0"))):
        path = TOP / name
        if path.is_symlink():
            digest.update(f"{name}\0link\0{os.readlink(path)}\0".encode())
        elif path.is_file():
            data = path.read_bytes()
            digest.update(f"{name}\0{path.stat().st_mode & stat.S_IXUSR:o}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:16]


def _remove_old():
    for pattern in ("image/*", "root/*", "compiled/*"):
        for path in sorted(CACHE.glob(pattern), key=os.path.getmtime)[:-KEEP]:
            _remove(path)


@contextlib.contextmanager
def _new(path):
    """A name beside path, renamed to it at the end, or removed. What an earlier, killed run left is removed first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(".*"):
        _remove(stale)
    new = path.parent / f".{path.name}"
    try:
        yield new
        new.rename(path)
    finally:
        _remove(new)


@contextlib.contextmanager
def _lock(log):
    """One builder at a time; a second one waits and then finds everything there."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log("image: waiting for another build")
            fcntl.flock(f, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _stage(log, what):
    start = time.monotonic()
    log(f"image: building {what} …")
    yield
    log(f"image: {what}: {time.monotonic() - start:.0f} s")


def _remove(path):
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    elif os.path.isdir(path):
        shutil.rmtree(path)


def _run(*command, **kwargs):
    subprocess.run([str(argument) for argument in command], check=True, **kwargs)


def _output(*command):
    command = [str(argument) for argument in command]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def main():
    parser = argparse.ArgumentParser(description="Build the image under test, or compile inside its tree.")
    parser.add_argument("compiler", nargs="?", choices=COMPILERS)
    compiler = parser.parse_args().compiler

    def log(*words):
        print(*words, file=sys.stderr, flush=True)

    try:
        if compiler:
            build_in_tree(compiler, log)
            return
        built = build(log)
    except (BuildError, OSError, subprocess.SubprocessError) as e:
        sys.exit(f"image: {e}")
    for field in dataclasses.fields(built):
        print(f"{field.name:12} {getattr(built, field.name)}")


if __name__ == "__main__":
    main()
