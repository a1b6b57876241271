# SPDX-License-Identifier: MIT
"""boot=live: an archive is installed on a volume that is empty, and only there; later boots are from what was installed."""

import os
import subprocess

import archives
import cpio
import disks
import documents
import webserver
from bench import BASE_CMDLINE, COST, STATES
from disks import ROOT, Partition
from process import find
from testing import absent, check, contains, equal, options, rows
from vm import initrd_probe

URL = f"http://10.42.0.1:{webserver.PORT}/root.tar"
WITHOUT_ROOT = " ".join(word for word in BASE_CMDLINE.split() if not word.startswith("root="))
NBD = "ls -d /sys/block/nbd*; systemctl --no-pager --plain --no-legend --all list-units 'scaleway-nbd@*'"
MIB = 1 << 20
SIZE = 2048  # MiB


def tags(*more):
    return ["boot=live", f"rescue_image={URL}", *more]


def web_server(bench, limit=None):
    """With the root image as an archive; the network is there after the first boot()."""
    web = webserver.WebServer(bench, limit=limit)
    web.add(archives.root_archive(bench.parts.root), "root.tar")
    return web


def image_requests(web):
    return [(r["method"], r["status"]) for r in web.requests() if r["path"] == "/root.tar"]


def label(bench):
    found = subprocess.run([find("blkid"), "-p", "-o", "value", "-s", "LABEL", bench.disk], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def stop_in_good_order(vm):
    """Without a shutdown, which is another matter: all is written, and ext4 is told so. btrfs is in good order at any time."""
    vm.run("sync" if "btrfs" in vm.run("findmnt -no FSTYPE /") else
           "sync; echo u >/proc/sysrq-trigger; until grep -Eq '^\\S+ / \\S+ ro' /proc/mounts; do sleep 1; done")
    vm.kill()


def fails(bench, reason, installs=True):
    """installs: booted was signalled, as the installation had begun."""
    bench.wait_failed(reason, mounted=installs, ends="guest-shutdown")
    equal(bench.states()[:-1], STATES if installs else STATES[:1], "states before the last one")


@rows("B6")
@options(timeout=900)
def test_volume(bench):
    """A power cut in the middle of the installation, the same again to its end, and a boot from it."""
    archives.root_archive(bench.parts.root)
    bench.build_disk(disks.empty, SIZE)
    vm = bench.boot(tags=tags())
    web = web_server(bench, limit=(8 * MIB, 16 << 10))
    vm.wait_for(r"scaleway-stream\S* \S+ MB of \S+ MB")
    equal(bench.wait_states(), STATES, "states that the control plane saw during the installation")
    contains(vm.console.text, r"'/dev/nbd0' is empty: installing the image\.", "console")
    vm.kill()
    web.kill()
    equal(image_requests(web), [], "answers that were at their end")
    equal(label(bench), "scw-installing", "label of the file system")
    web.start()

    # Nobody takes it for a root.
    bench.boot(tags=["rd.scaleway.failure=poweroff"], initrd="lean")
    fails(bench, "an installation that was not finished; boot=live does it again", installs=False)

    vm = bench.boot(tags=tags())
    bench.wait_booted()
    contains(vm.console.text, r"'/dev/nbd0' holds an installation that was not finished: installing the image again\.", "console")
    contains(vm.run("findmnt -no SOURCE,FSTYPE,LABEL /"), r"^/dev/nbd0\s+ext4\s+root$", "root")
    contains(vm.run("cat /run/mount/utab"), "_netdev", "utab")
    contains(vm.run("stat -c '%U:%G %a' /etc/shadow /usr/bin/su"), r"^root:shadow 640\nroot:root 4755$", "owners and modes")
    equal(vm.run("systemctl --failed --no-legend --plain").strip(), "", "failed units of the system")
    vm.run("test -d /run/scaleway && ! grep -q /run/scaleway/live /proc/mounts")
    equal(bench.cost(), COST, "requests to the control plane, each state once")
    equal(image_requests(web), [("GET", 200)], "requests for the image")
    vm.run("echo kept >/root/file")
    stop_in_good_order(vm)
    subprocess.run([find("e2fsck"), "-fn", bench.disk], check=True, capture_output=True)

    vm = bench.boot(tags=tags())
    bench.wait_booted()
    contains(vm.console.text, r"'/dev/nbd0' holds a file system of type 'ext4', labelled 'root': booting from it\.", "console")
    equal(vm.read("/root/file"), "kept\n", "a file of the boot before")
    equal(bench.cost(), COST, "requests to the control plane")
    equal(image_requests(web), [("GET", 200)], "requests for the image")


@rows("B6", "B3")
@options(timeout=900)
def test_local_disk(bench):
    """btrfs on a disk that is no NBD device; no state is signalled, neither during the installation nor after it."""
    bench.build_disk(disks.empty, SIZE)
    drive = ["-drive", f"file={bench.disk},format=raw,if=none,id=disk,cache=unsafe", "-device", "virtio-blk-pci,drive=disk"]
    boot = {"nbd": None, "base": WITHOUT_ROOT, "metadata": {"volumes": {"0": documents.volume("device://dev/vda")}}, "qemu": drive}
    vm = bench.boot(tags=tags("live_mkfs=btrfs", "NO_SIGNAL_STATE=1"), overlay=initrd_probe([NBD]), **boot)
    web = web_server(bench)
    vm.wait_login()
    contains(vm.run("findmnt -no SOURCE,FSTYPE,LABEL /"), r"^/dev/vda\s+btrfs\s+root$", "root")
    absent(vm.probe("probe")[NBD], r"^/sys/block/nbd|^scaleway-nbd@", "NBD in the initrd")
    vm.run("echo kept >/root/file")
    equal(bench.final_states(), [], "states")
    stop_in_good_order(vm)
    subprocess.run([find("btrfs"), "check", bench.disk], check=True, capture_output=True)

    # Without an image: what there is does not need it.
    vm = bench.boot(tags=["boot=live"], **boot)
    bench.wait_booted()
    equal(vm.read("/root/file"), "kept\n", "a file of the boot before")
    equal(image_requests(web), [("GET", 200)], "requests for the image")


@rows("B6", "C4")
@options(timeout=900)
def test_foreign_data(bench):
    """It is named, and stays as it is to the last byte. live_mode=install overwrites it, but not for an image that cannot be had. Other kinds
    of data are left to the unit test, which runs the same program on them, and to the last tests of this file."""
    size = SIZE * MIB
    cases = {
        r"'/dev/nbd0' holds 'crypto_LUKS' data, not a file system: neither empty nor a root": disks.luks_header(),
        r"'/dev/nbd0' holds a file system of type 'vfat', labelled 'EFI': neither .* set live_mode=install": disks.fat_header(size, "EFI"),
    }
    bench.build_disk(disks.empty, SIZE)
    for reason, data in cases.items():
        disks.holding(None, bench.disk, data, size=SIZE)
        before = archives.sha256(bench.disk)
        bench.boot(tags=tags("rd.scaleway.failure=poweroff"))
        fails(bench, reason, installs=False)
        bench.server.stop()
        equal(archives.sha256(bench.disk), before, "checksum of the disk")

    bench.boot(tags=["boot=live", f"rescue_image={URL}.gone", "live_mode=install", "rd.scaleway.failure=poweroff"])
    web = web_server(bench)
    fails(bench, "404", installs=False)
    bench.server.stop()
    equal(archives.sha256(bench.disk), before, "checksum of the disk, for which there was no image")

    vm = bench.boot(tags=tags("live_mode=install"))
    bench.wait_booted()
    equal(image_requests(web)[-1], ("GET", 200), "the last request for the image")
    contains(vm.console.text, "'vfat', labelled 'EFI': installing the image over it, as live_mode=install says", "console")
    contains(vm.run("findmnt -no SOURCE,FSTYPE,LABEL /"), r"^/dev/nbd0\s+ext4\s+root$", "root")


@rows("B6", "C4", "C5")
@options(timeout=1200)
def test_failures(bench):
    """Whatever goes wrong is told in one line; the next boot installs. No image: the tests beside this one, and the unit test."""
    off = "rd.scaleway.failure=poweroff"
    bench.build_disk(disks.empty, 64)
    bench.boot(tags=tags(off), nbd="nbdkit-readonly")
    web = web_server(bench)
    fails(bench, "'/dev/nbd0' holds nothing, and it is read-only", installs=False)

    bench.boot(tags=tags("live_mkfs=btrfs", off))
    fails(bench, "mkfs.btrfs on '/dev/nbd0' failed: .*(too small|minimum|size)")

    # On the same volume, to which mkfs has written nothing.
    vm = bench.boot(tags=tags(off))
    fails(bench, "Not enough space: the archive alone is")
    contains(vm.console.text, "'/dev/nbd0' is empty: installing", "console")

    os.truncate(bench.disk, 0)
    disks.empty(None, bench.disk, SIZE)
    small = os.path.join(bench.folder, "small.tar")
    archives.small(small, "tar", {"file": b"content"})
    web.add(small, "small.tar")
    bench.boot(tags=["boot=live", f"rescue_image={web.url('small.tar')}", f"rescue_image_sha256={'0' * 64}", off])
    fails(bench, "checksum")

    checksum = archives.sha256(archives.root_archive(bench.parts.root))
    vm = bench.boot(tags=tags(f"rescue_image_sha256={checksum}"))
    bench.wait_booted()
    contains(vm.run("findmnt -no SOURCE,FSTYPE,LABEL /"), r"^/dev/nbd0\s+ext4\s+root$", "root")


@rows("B6")
@options(timeout=600)
def test_booted_is_not_said_after_a_failure(bench):
    """Where it could not be signalled before the installation, which then fails: of that the job that waits must not make a success."""
    archive = cpio.Archive()
    archive.add("/etc/systemd/system/scaleway-install.service.d/70-test.conf", "[Service]\nExecStartPre=\n")
    bench.build_disk(disks.empty, SIZE)
    bench.boot(tags=["boot=live", f"rescue_image={URL}.gone", "rd.scaleway.failure=poweroff"], overlay=archive)
    web_server(bench)
    fails(bench, "404", installs=False)


@rows("B6", "C4")
def test_partition_without_a_root(bench):
    """It is not booted from: an image could be installed there, if it is named."""
    bench.build_disk(disks.partitioned, "gpt", [Partition(disks.GPT_LINUX, name="root", size=256)])
    bench.boot(tags=tags("rd.scaleway.failure=poweroff"))
    fails(bench, r"a GPT partition table without a root \(with root=/dev/nbd0p1 it will be installed there\)", installs=False)


@rows("B6", "C4")
def test_data_without_a_table(bench):
    """Somebody has overwritten the beginning of a disk that has data."""
    start = MIB * 300
    bench.build_disk(disks.empty, SIZE)
    with open(bench.disk, "r+b") as disk:
        disk.seek(start)
        for _ in range(16):
            disk.write(os.urandom(MIB))
    bench.boot(tags=tags("rd.scaleway.failure=poweroff"))
    fails(bench, "holds data of no known kind: neither", installs=False)


@rows("B6")
def test_grow(bench):
    """An older image on a larger volume."""
    size = os.path.getsize(bench.disk) // MIB
    os.truncate(bench.disk, (size + 512) * MIB)
    vm = bench.boot(tags=["boot=live", "live_grow=1"])
    bench.wait_booted()
    contains(vm.console.text, rf"Grew the root file system from {size} to {size + 512} MiB\.", "console")
    check(int(vm.run("df --output=size -m / | tail -n 1")) > size, "size of the root")
    stop_in_good_order(vm)
    subprocess.run([find("e2fsck"), "-fn", bench.disk], check=True, capture_output=True)


@rows("B6")
def test_grow_in_a_partition(bench):
    """Up to its end; the partition stays as it is."""
    size = os.path.getsize(bench.disk) // MIB
    bench.build_disk(disks.partitioned, "gpt", [Partition(disks.GPT_LINUX, name="root", content=ROOT, size=size + 256),
                                                Partition(disks.GPT_SWAP, size=128)])  # fmt: skip
    vm = bench.boot(tags=["boot=live", "live_grow=1"])
    bench.wait_booted()
    contains(vm.console.text, r"'/dev/nbd0' holds a GPT partition table with a root: booting from it\.", "console")
    contains(vm.console.text, rf"Grew the root file system from {size} to {size + 256} MiB\.", "console")
    equal(vm.run("findmnt -no SOURCE /").strip(), "/dev/nbd0p1", "root")
