# SPDX-License-Identifier: MIT
"""A root that is not the whole NBD volume: partitions, LVM, btrfs. And one that is on no NBD volume at all."""

import json
import os

import disks
import documents
import nbd
from bench import BASE_CMDLINE, COST, NO_HOST_NETWORK
from disks import LVM, ROOT, Partition
from testing import absent, check, contains, equal, options, rows
from vm import initrd_probe

WITHOUT_ROOT = " ".join(word for word in BASE_CMDLINE.split() if not word.startswith("root="))
PARTUUID = "11111111-2222-4333-8444-555555555555"
NBD = "ls -d /sys/block/nbd*; systemctl --no-pager --plain --no-legend --all list-units 'scaleway-nbd@*'"


def has_its_root_on(bench, vm, device, remote=True):
    bench.wait_booted()
    equal(vm.run("findmnt -no SOURCE /").strip(), device, "root of the booted system")
    # By this systemd of the host knows that its root needs the network.
    netdev = vm.run("cat /run/mount/utab", ok=None)
    if remote:
        contains(netdev, "_netdev", "utab")
    else:
        absent(netdev, "_netdev", "utab")


@rows("B2")
def test_gpt_by_name(bench):
    """The name is exactly root; a Linux partition with a lower number has a name that is nearly that."""
    decoy = Partition(disks.GPT_LINUX, name="Root")
    bench.build_disk(disks.partitioned, "gpt", [decoy, Partition(disks.GPT_SWAP, name="root", content=ROOT)])
    vm = bench.boot()
    has_its_root_on(bench, vm, "/dev/nbd0p2")
    contains(vm.console.text, r"The root is partition 2 of '/dev/nbd0', named 'root'\.", "console")
    names = vm.run("cd /dev/disk/by-id && for l in nbd-*; do echo $l $(basename $(readlink $l)); done")
    for suffix, device in (("", "nbd0"), ("-part1", "nbd0p1"), ("-part2", "nbd0p2")):
        contains(names, rf"^nbd-{documents.ROOT_VOLUME_ID}{suffix} {device}$", "names by volume id, of the partitions too")
    equal(bench.cost(), COST, "requests to the control plane")


@rows("B2")
def test_gpt_by_uuid_of_the_partition(bench):
    """root= names a partition, and that is what is taken, whatever else there is."""
    partitions = [Partition(disks.GPT_LINUX, name="root"), Partition(disks.GPT_LINUX, content=ROOT, uuid=PARTUUID)]
    bench.build_disk(disks.partitioned, "gpt", partitions)
    vm = bench.boot(cmdline=f"root=PARTUUID={PARTUUID}")
    has_its_root_on(bench, vm, "/dev/nbd0p2")


@rows("B2")
def test_named_partition(bench):
    """The same by its path, in the lean initrd."""
    partitions = [Partition(disks.GPT_LINUX, name="root"), Partition(disks.GPT_LINUX, content=ROOT)]
    bench.build_disk(disks.partitioned, "gpt", partitions)
    vm = bench.boot(tags=["root=/dev/nbd0p2"], initrd="lean")
    has_its_root_on(bench, vm, "/dev/nbd0p2")


@rows("B2")
def test_table_is_read_again(bench):
    """A partition that the kernel does not have, though the table does. By hand on a second disk, in the booted system: nothing in
    an initrd takes a partition away."""
    second = os.path.join(bench.folder, "second.img")
    disks.partitioned(bench.parts.root, second, "gpt", [Partition(disks.GPT_LINUX, name="root", content=ROOT)])
    program = os.path.join(bench.parts.tree, "usr/lib/scaleway/scaleway-root")
    bench.edit_root(f"write {program} /opt/scaleway-root", "set_inode_field /opt/scaleway-root mode 0100755")
    drive = f"file={second},format=raw,if=none,id=second,cache=unsafe"
    try:
        vm = bench.boot(initrd="lean", qemu=["-drive", drive, "-device", "virtio-blk-pci,drive=second"])
        bench.wait_booted()
        # BLKPG_DEL_PARTITION of number 1: Debian's root has no delpart.
        perl = r'my $p = pack("q q i a64 a64 x4", 0, 0, 1, "", ""); my $a = pack("i i i x4 P", 2, 0, length $p, $p)'
        perl += r'; open(my $d, "<", "/dev/vda") or die $!; ioctl($d, 0x1269, $a) or die $!'
        vm.run(f"test -e /dev/vda1 && perl -e '{perl}' && test ! -e /dev/vda1")
        contains(vm.run("/opt/scaleway-root mount --options=ro /dev/vda /mnt"), "partition 1 of '/dev/vda'", "what it says")
        equal(vm.run("findmnt -no SOURCE /mnt").strip(), "/dev/vda1", "what is mounted")
    finally:
        os.unlink(second)


@rows("B2")
def test_dos(bench):
    """The root is the first logical partition. In the lean initrd."""
    partitions = [Partition(disks.DOS_SWAP), Partition(disks.DOS_EXTENDED), Partition(disks.DOS_LINUX, content=ROOT)]
    bench.build_disk(disks.partitioned, "dos", partitions)
    vm = bench.boot(initrd="lean")
    has_its_root_on(bench, vm, "/dev/nbd0p5")


@rows("B2", "C4")
def test_no_root_among_them(bench):
    partitions = [Partition(disks.GPT_EFI, name="EFI"), Partition(disks.GPT_SWAP, name="ROOT"), Partition(disks.GPT_SWAP)]
    bench.build_disk(disks.partitioned, "gpt", partitions)
    bench.boot(initrd="lean")
    bench.wait_failed("'/dev/nbd0' has a GPT partition table with 3 partitions, but none is named 'root' and none has the type Linux; "
                      "set root= on the command line or as a server tag")  # fmt: skip


@rows("B2")
def test_lvm(bench):
    """A volume named root in a group on a partition. Nothing else is activated, neither by us nor by udev."""
    bench.build_disk(disks.partitioned, "gpt", [Partition(disks.GPT_EFI), Partition(disks.GPT_LVM, content=LVM)])
    active = "lvm lvs --noheadings -o lv_name --select lv_active=active"
    vm = bench.boot(overlay=initrd_probe([active]))
    has_its_root_on(bench, vm, "/dev/mapper/test--group-root")
    contains(vm.console.text, r"The root is the logical volume 'test-group/root' on '/dev/nbd0p2'\.", "console")
    equal(vm.probe("probe")[active].split(), ["root"], "volumes that are active")


@rows("B2")
def test_lvm_by_name_of_the_volume(bench):
    """The group is on the whole disk, and root= names the volume: the generator knows that it may be on volume 0."""
    bench.build_disk(disks.volume_group)
    vm = bench.boot(tags=["root=/dev/test-group/root"])
    has_its_root_on(bench, vm, "/dev/mapper/test--group-root")


@rows("B2", "C4")
def test_lvm_without_lvm(bench):
    """The lean initrd has none, and says so."""
    bench.build_disk(disks.volume_group)
    bench.boot(initrd="lean")
    bench.wait_failed(r"'/dev/nbd0' is an LVM physical volume\. .* there is no lvm in this initrd")


@rows("B2", "C1")
@options(timeout=900)
def test_btrfs_subvolume(bench):
    """The first boot is from the top level, of which it makes a subvolume; the second one is from that, and the disk is named by what is
    on it. It is volume 1 then, which the generator does not know: who looks after that volume is told by the switch."""
    bench.build_disk(disks.btrfs)
    vm = bench.boot()
    bench.wait_booted()
    # BTRFS_IOC_SNAP_CREATE: there is no other program for it in the root.
    perl = r'open(my $d, "<", "/") or die $!; my $a = pack("q a4088", fileno($d), q(@root)); ioctl($d, 0x50009401, $a) or die $!'
    vm.run(f"perl -e '{perl}' && echo subvolume >/@root/etc/which && sync")
    uuid = vm.run("findmnt -no UUID /").strip()
    server = nbd.NbdkitMemory(bench.network, bench.folder, None, port=nbd.PORT + 1, number=1)
    bench.callback(server.stop)
    server.start()
    volumes = {"0": documents.volume(server.uri, name="data", id="cccccccc-0000-4000-8000-000000000000"),
               "1": documents.volume(bench.server.uri)}  # fmt: skip
    vm = bench.boot(tags=["rootflags=subvol=@root", f"root=UUID={uuid}"], metadata={"volumes": volumes})
    bench.wait_booted()
    equal(vm.run("findmnt -no FSTYPE,FSROOT /").split(), ["btrfs", "/@root"], "root of the booted system")
    equal(vm.read("/etc/which").strip(), "subvolume", "its content")
    contains(vm.console.text, f"Mounted '/dev/disk/by-uuid/{uuid}'", "root= is used")
    equal(json.loads(vm.read("/run/scaleway/nbd/1.json"))["root"], True, "the record of what the root is on")
    contains(vm.run("dmesg"), "nbd1: the root needs it", "what its supervisor says")


def boot_from_vda(bench, **more):
    """device://dev/vda in the metadata, and no NBD server anywhere."""
    drive = ["-drive", f"file={bench.disk},format=raw,if=none,id=disk,cache=unsafe", "-device", "virtio-blk-pci,drive=disk"]
    volumes = {"0": documents.volume("device://dev/vda")}
    return bench.boot(nbd=None, base=WITHOUT_ROOT, metadata={"volumes": volumes}, qemu=drive,
                      overlay=initrd_probe([NBD]), **more)  # fmt: skip


def touched_no_nbd(vm):
    absent(vm.probe("probe")[NBD], r"^/sys/block/nbd|^scaleway-nbd@", "NBD in the initrd")
    check(not vm.console.matching(r"scaleway-nbd|\bnbd0\b"), "NBD on the console")
    vm.run("test ! -e /sys/block/nbd0/pid")


@rows("B3")
def test_local_disk(bench):
    vm = boot_from_vda(bench, initrd="lean")
    has_its_root_on(bench, vm, "/dev/vda", remote=False)
    touched_no_nbd(vm)
    equal(bench.cost(), COST, "requests to the control plane")


@rows("B3", "A25")
def test_local_disk_with_partitions(bench):
    """By the type, as nothing is named root. KEEP_INITRD_NETWORKING=1 rides along: the network is that of the initrd."""
    bench.build_disk(disks.partitioned, "gpt", [Partition(disks.GPT_EFI, name="EFI"), Partition(disks.GPT_LINUX, content=ROOT)])
    vm = boot_from_vda(bench, tags=["KEEP_INITRD_NETWORKING=1"], cmdline=NO_HOST_NETWORK)
    has_its_root_on(bench, vm, "/dev/vda2", remote=False)
    touched_no_nbd(vm)
    contains(vm.run("ip -oneline address show dev eth0"), r"\b10\.42\.0\.10/24 .*valid_lft \d+sec", "address of the lease")
    contains(vm.run("ip route"), r"^default via 10\.42\.0\.1 dev eth0", "default route")
