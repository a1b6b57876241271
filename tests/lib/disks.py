# SPDX-License-Identifier: MIT
"""Disks made from the root image: with partitions, with LVM, with btrfs, with LUKS. Sparse files only: neither loop devices nor
device-mapper are needed, and so LVM's metadata are written here, as lvm itself lays them out (lib/format_text of LVM2), and what
dm-crypt would encrypt is encrypted here.

    bench.build_disk(disks.partitioned, "gpt", [Partition(LINUX, name="root", content=ROOT)])"""

import ctypes
import ctypes.util
import dataclasses
import json
import os
import re
import struct
import subprocess
import tempfile
import zlib

from process import find, need

MIB = 1 << 20
SECTOR = 512
ROOT = "root"  # content: the root image
LVM = "lvm"  # content: an LVM physical volume with the root image on a logical volume

GPT_LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"
GPT_LVM = "e6d6d379-f507-44c2-a23c-238f2a3df928"
GPT_LUKS = "ca7d7ccb-63ed-4c53-861c-1742536059cc"
GPT_EFI = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
GPT_SWAP = "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"
DOS_LINUX, DOS_SWAP, DOS_EXTENDED = "83", "82", "5"

GROUP = "test-group"
EXTENT = 4 * MIB
PE_START = MIB  # of the physical volume: before it is the metadata area
MDA_START = 4096
LUKS_OFFSET = 16 * MIB  # of the data: before it is the header
CRC_INITIAL = 0xF597A6CF


@dataclasses.dataclass
class Partition:
    type: str
    name: str = ""
    size: int = 8  # MiB; that of the content is found out. An extended partition takes what is left.
    content: str = ""
    uuid: str = ""


def partitioned(root, path, label, partitions):
    """label: gpt or dos. A DOS partition after the extended one is a logical one."""
    need("sfdisk")
    image = os.path.getsize(root)
    sizes = {"": 0, ROOT: image, LVM: PE_START + image + 8 * EXTENT}
    total = sum(max(sizes[p.content], p.size * MIB) + 2 * MIB for p in partitions)
    with open(path, "wb") as f:
        f.truncate(total + 2 * MIB)
    lines = [f"label: {label}"]
    for p in partitions:
        fields = [f"type={p.type}"]
        if p.type != DOS_EXTENDED:
            fields.append(f"size={max(sizes[p.content], p.size * MIB) // SECTOR}")
        fields += [f'name="{p.name}"'] if p.name else []
        fields += [f"uuid={p.uuid}"] if p.uuid else []
        lines.append(", ".join(fields))
    run("sfdisk", "--quiet", path, input="\n".join(lines) + "\n")
    table = json.loads(run("sfdisk", "--json", path))["partitiontable"]["partitions"]
    for p, place in zip(partitions, table, strict=True):
        if p.content == ROOT:
            copy(root, path, place["start"] * SECTOR)
        elif p.content == LVM:
            physical_volume(root, path, place["start"] * SECTOR, place["size"] * SECTOR)


def volume_group(root, path):
    """LVM on the whole disk."""
    size = PE_START + os.path.getsize(root) + 8 * EXTENT
    with open(path, "wb") as f:
        f.truncate(size)
    physical_volume(root, path, 0, size)


def empty(_root, path, size=1536):
    """A volume that nobody has written to; size: MiB."""
    with open(path, "wb") as f:
        f.truncate(size * MIB)


def holding(root, path, data, offset=0, size=1536):
    """The same with data on it: one of the headers below, or anything else."""
    empty(root, path, size)
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


def luks_header():
    """Of version 1, as far as it says what it is."""
    return b"LUKS\xba\xbe" + struct.pack(">H", 1) + b"aes".ljust(32, b"\0") + b"xts-plain64".ljust(32, b"\0") + bytes(448)


def encrypted(root, path, passphrase, *options, build=None, kind="luks2"):
    """LUKS on the whole disk: the root image, made small as every byte of it is encrypted, or what build(root image, path) makes of
    that. options: of cryptsetup luksFormat; a key slot that takes no time to try, if there are none. Returns the volume's UUID."""
    need("cryptsetup", "resize2fs")
    key = os.urandom(64)
    options = options or ("--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000")
    sector = 4096 if kind == "luks2" else SECTOR
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
        small, clear, key_file = (os.path.join(folder, name) for name in ("small", "clear", "key"))
        shrink(root, small)
        if build:
            build(small, clear)
            os.unlink(small)
        else:
            os.rename(small, clear)
        with open(key_file, "wb") as f:
            f.write(key)
        with open(path, "wb") as f:
            f.truncate(LUKS_OFFSET + os.path.getsize(clear))
        run("cryptsetup", "luksFormat", "--batch-mode", f"--type={kind}", "--cipher=aes-xts-plain64", "--key-size=512",
            f"--volume-key-file={key_file}", f"--offset={LUKS_OFFSET // SECTOR}", *options,
            *(["--sector-size=4096"] if kind == "luks2" else []), "--key-file=-", path, input=passphrase)  # fmt: skip
        encrypt(clear, path, key, sector)
    return run("cryptsetup", "luksUUID", path).strip()


def shrink(root, path, spare=64):
    """A copy of the file system that is as small as it gets, and spare MiB more."""
    run("cp", "--sparse=always", "--reflink=auto", root, path)
    blocks = int(re.search(r"minimum size of the filesystem: (\d+)", run("resize2fs", "-f", "-P", path))[1])
    # Whole extents, for LVM.
    size = -(-(blocks * 4096 + spare * MIB) // EXTENT) * EXTENT
    if size < os.path.getsize(root):
        run("resize2fs", "-f", path, f"{size // 1024}K")
        os.truncate(path, size)


def encrypt(clear, path, key, sector):
    """As dm-crypt's aes-xts-plain64: the tweak is the number of the sector, in units of 512 bytes whatever its size."""
    crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_xts"):
        getattr(crypto, name).restype = ctypes.c_void_p
    context, cipher = (ctypes.c_void_p(f()) for f in (crypto.EVP_CIPHER_CTX_new, crypto.EVP_aes_256_xts))
    check_crypto(crypto.EVP_EncryptInit_ex(context, cipher, None, key, bytes(16)))
    output, length = ctypes.create_string_buffer(MIB), ctypes.c_int()
    position = 0
    with open(clear, "rb") as source, open(path, "r+b") as target:
        target.seek(LUKS_OFFSET)
        while data := source.read(MIB):
            source_buffer = ctypes.create_string_buffer(data, len(data))
            for at in range(0, len(data), sector):
                tweak = (position // SECTOR).to_bytes(16, "little")
                check_crypto(crypto.EVP_EncryptInit_ex(context, None, None, None, tweak))
                check_crypto(crypto.EVP_EncryptUpdate(context, ctypes.byref(output, at), ctypes.byref(length),
                                                      ctypes.byref(source_buffer, at), sector))  # fmt: skip
                position += sector
            target.write(output.raw[: len(data)])
    crypto.EVP_CIPHER_CTX_free(context)


def check_crypto(ok):
    if ok != 1:
        raise RuntimeError("libcrypto refused to encrypt")


def fat_header(size, label):
    """FAT16, as far as its root directory, which has the label. On a large disk it takes 1 GiB of it."""
    cluster, length = 64, 64  # sectors, of a cluster and of each of the two tables
    label = label.encode().ljust(11)[:11]
    geometry = struct.pack("<HBHBHHBHHHII", SECTOR, cluster, 1, 2, 512, 0, 0xF8, length, 32, 64, 0, min(size, 1 << 30) // SECTOR)
    boot = b"\xeb\x3c\x90mkfs.fat" + geometry + struct.pack("<BBBI", 0x80, 0, 0x29, 0x12345678) + label + b"FAT16   "
    table = b"\xf8\xff\xff\xff".ljust(length * SECTOR, b"\0")
    return boot.ljust(SECTOR - 2, b"\0") + b"\x55\xaa" + 2 * table + label + b"\x08" + bytes(20)


def copy(source, target, offset):
    assert offset % MIB == 0
    run("dd", f"if={source}", f"of={target}", "bs=1M", f"seek={offset // MIB}", "conv=notrunc,sparse", "status=none")


def btrfs(root, path):
    """The root is the top level; mkfs.btrfs of Debian 12 makes no subvolumes."""
    need("mkfs.btrfs", "debugfs")
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
        run("debugfs", "-R", f"rdump / {folder}", root)
        with open(path, "wb") as f:
            f.truncate(2 * os.path.getsize(root))
        run("mkfs.btrfs", "--quiet", "--rootdir", folder, path)


def physical_volume(root, path, start, size):
    """A group of one physical volume, on which a small volume lies before that of the root."""
    image = os.path.getsize(root) // EXTENT
    volumes = {"first": (0, 2), "root": (2, image)}
    with open(path, "r+b") as f:
        f.seek(start + SECTOR)
        f.write(label_sector(size))
        f.seek(start + MDA_START)
        f.write(metadata_area(group_text(volumes, size)))
    copy(root, path, start + PE_START + volumes["root"][0] * EXTENT)


def crc(data):
    """CRC-32 without its inversions, from LVM's own start value."""
    return ~zlib.crc32(data, ~CRC_INITIAL & 0xFFFFFFFF) & 0xFFFFFFFF


def uuid(what):
    return what.ljust(32, "0")


def dashed(text):
    parts = [text[:6], *(text[i : i + 4] for i in range(6, 26, 4)), text[26:]]
    return "-".join(parts)


def label_sector(size):
    end = struct.pack("<QQ", 0, 0)
    header = uuid("pv").encode() + struct.pack("<Q", size)
    header += struct.pack("<QQ", PE_START, 0) + end  # data areas
    header += struct.pack("<QQ", MDA_START, PE_START - MDA_START) + end  # metadata areas
    header += struct.pack("<II", 2, 1) + end  # extension: version, in use, no boot loader areas
    body = (struct.pack("<I", 32) + b"LVM2 001" + header).ljust(SECTOR - 20, b"\0")
    return b"LABELONE" + struct.pack("<QI", 1, crc(body)) + body


def metadata_area(text):
    text = text.encode() + b"\0"
    location = struct.pack("<QQII", SECTOR, len(text), crc(text), 0)
    magic = bytes([0x20, 0x4C, 0x56, 0x4D, 0x32, 0x20, 0x78, 0x5B, 0x35, 0x41, 0x25, 0x72, 0x30, 0x4E, 0x2A, 0x3E])
    header = magic + struct.pack("<IQQ", 1, MDA_START, PE_START - MDA_START) + location
    header = header.ljust(SECTOR - 4, b"\0")
    return struct.pack("<I", crc(header)) + header + text


def group_text(volumes, size):
    status = '["READ", "WRITE", "VISIBLE"]'
    lines = [
        f"{GROUP} {{", f'id = "{dashed(uuid("vg"))}"', "seqno = 1", 'format = "lvm2"',
        'status = ["RESIZEABLE", "READ", "WRITE"]', "flags = []", f"extent_size = {EXTENT // SECTOR}", "max_lv = 0",
        "max_pv = 0", "metadata_copies = 0", "physical_volumes {", "pv0 {", f'id = "{dashed(uuid("pv"))}"',
        'device = "/dev/unknown"', 'status = ["ALLOCATABLE"]', "flags = []", f"dev_size = {size // SECTOR}",
        f"pe_start = {PE_START // SECTOR}", f"pe_count = {(size - PE_START) // EXTENT}", "}", "}", "logical_volumes {",
    ]  # fmt: skip
    for name, (begin, count) in volumes.items():
        lines += [
            f"{name} {{", f'id = "{dashed(uuid(name))}"', f"status = {status}", "flags = []", "segment_count = 1", "segment1 {",
            "start_extent = 0", f"extent_count = {count}", 'type = "striped"', "stripe_count = 1", f'stripes = ["pv0", {begin}]',
            "}", "}",
        ]  # fmt: skip
    lines += ["}", "}", 'contents = "Text Format Volume Group"', "version = 1", 'description = ""',
              'creation_host = "test"', "creation_time = 1700000000"]  # fmt: skip
    return "\n".join(lines) + "\n"


def run(tool, *arguments, **kwargs):
    command = [find(tool) or tool, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout
