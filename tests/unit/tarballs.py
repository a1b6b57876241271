# SPDX-License-Identifier: MIT
"""Tar archives as nobody should make them: a table of cases for test-stream.py.

Headers are written byte by byte, as tarfile would refuse most of these. OUTSIDE stands beside the target directory and must never
change; an archive names it relative to the target as ../outside, or by its absolute path."""

import bz2
import dataclasses
import gzip
import io
import lzma
import os
import random
import stat
import subprocess
import zipfile
from collections.abc import Callable

BLOCK = 512
END = bytes(2 * BLOCK)
SECRET = b"nobody may change this\n"


@dataclasses.dataclass
class Case:
    """data: the archive, or a function of the absolute path of OUTSIDE. reason: what the last line must match; None: it is unpacked,
    and then {path: (type, contents or target)} of files must be there. tmpfs: MiB of the target, if it is to be small."""

    name: str
    what: str
    data: bytes | Callable
    reason: str | None = None
    files: dict = dataclasses.field(default_factory=dict)
    options: tuple = ()
    tmpfs: int = 0


def number(value, width):
    """Octal, or in GNU's base 256 if that does not fit."""
    if 0 <= value < 8 ** (width - 1):
        return f"{value:0{width - 1}o}".encode() + b"\0"
    return bytes([0x80 if value >= 0 else 0xFF]) + (value & (256 ** (width - 1) - 1)).to_bytes(width - 1, "big")


def header(name, kind=b"0", size=0, link=b"", mode=0o644, uid=0, gid=0, mtime=1000000000, magic=b"ustar\x0000", device=(0, 0),
           tail=b""):  # fmt: skip
    """tail: what stands from offset 345 on, the prefix in ustar."""
    block = bytearray(BLOCK)
    for offset, value in (
        (0, name[:100]), (100, number(mode, 8)), (108, number(uid, 8)), (116, number(gid, 8)), (124, number(size, 12)),
        (136, number(mtime, 12)), (148, b" " * 8), (156, kind), (157, link[:100]), (257, magic),
        (329, number(device[0], 8)), (337, number(device[1], 8)), (345, tail),
    ):  # fmt: skip
        block[offset : offset + len(value)] = value
    block[148:156] = f"{sum(block):06o}".encode() + b"\0 "
    return bytes(block)


def padded(data):
    return data + bytes(-len(data) % BLOCK)


def entry(name, data=b"", **fields):
    return header(name, size=len(data), **fields) + padded(data)


def directory(name):
    return header(name, b"5", mode=0o755)


def symlink(name, target):
    return header(name, b"2", link=target, mode=0o777)


def hard_link(name, target, **fields):
    return header(name, b"1", link=target, **fields)


def pax(records, raw=None, kind=b"x"):
    """The extended header for the entry that follows; of kind g: for all that follow."""
    data = raw or b""
    for key, value in records.items():
        text = key.encode() + b"=" + value + b"\n"
        length = len(text) + 2
        while len(str(length)) + 1 + len(text) != length:
            length += 1
        data += str(length).encode() + b" " + text
    return header(b"pax", kind, size=len(data)) + padded(data)


def long_name(name, kind=b"L"):
    return header(b"././@LongLink", kind, size=len(name) + 1, magic=b"ustar  \0") + padded(name + b"\0")


def run(argv, data):
    return subprocess.run(argv, input=data, capture_output=True, check=True).stdout


COMPRESSORS = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": lambda data: run(["zstd", "-q", "-c"], data),
    "lz4": lambda data: run(["lz4", "-q", "-c"], data),
}

FILE = entry(b"before", b"x" * 1000)
NOISE = random.Random(1).randbytes(200000)
PLAIN = FILE + entry(b"noise", NOISE) + END


def skippable(data, number=0, size=None):
    """A frame that zstd and lz4 pass over; size: what it claims, if that is not the truth."""
    return (0x184D2A50 + number).to_bytes(4, "little") + (len(data) if size is None else size).to_bytes(4, "little") + data


def pixz_index(*names):
    """What pixz puts behind the end, before it compresses."""
    return bytes.fromhex("a64c322ed614aedb") + b"".join(name + b"\0" + (i * 1024).to_bytes(8, "little") for i, name in enumerate([*names, b""]))


def damaged(data, at):
    data = bytearray(data)
    data[at] ^= 0x5A
    return bytes(data)


def zeros(mebibytes):
    """A gzip file that becomes so many zeros, without making them all at once."""
    output = io.BytesIO()
    with gzip.GzipFile(fileobj=output, mode="wb", mtime=0) as f:
        for _ in range(mebibytes):
            f.write(bytes(1 << 20))
    return output.getvalue()


def sparse_old(name, real_size, pieces, data):
    """GNU's old form: pieces are (offset, size), at most four."""
    tail = bytearray(BLOCK - 345)
    for i, (offset, size) in enumerate(pieces):
        tail[41 + i * 24 : 41 + i * 24 + 24] = number(offset, 12) + number(size, 12)
    tail[41 + 97 : 41 + 97 + 12] = number(real_size, 12)
    return header(name, b"S", size=len(data), magic=b"ustar  \0", tail=bytes(tail)) + padded(data)


def sparse_pax(records, data, version="1.0", real_size=1000):
    """GNU's newer forms: 0.1 has the map in the header, 1.0 before the contents."""
    major, minor = version.split(".")
    size = {"GNU.sparse.size" if major == "0" else "GNU.sparse.realsize": str(real_size).encode()}
    marks = {"GNU.sparse.major": major.encode(), "GNU.sparse.minor": minor.encode(), "GNU.sparse.name": b"f"}
    return pax(marks | size | records) + entry(b"x", data)


def zip_file():
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as f:
        f.writestr("file", "contents")
    return output.getvalue()


F, D, L = stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK
BEFORE = {"before": (F, b"x" * 1000)}

NAMES = [
    Case("dotdot", "a name that goes up", FILE + entry(b"../outside/evil", b"x") + END, r"Refused '../outside/evil': its name has a '\.\.'"),
    Case("dotdot-inside", "up from a directory", FILE + directory(b"a/") + entry(b"a/../../outside/evil", b"x") + END, r"has a '\.\.' component"),
    Case("dotdot-harmless", "up, but not out", entry(b"a/../b", b"x") + END, r"has a '\.\.' component"),
    Case("dotdot-end", "a directory a/..", directory(b"a/..") + END, r"has a '\.\.' component"),
    Case("dotdot-alone", "a directory ..", directory(b"..") + END, r"has a '\.\.' component"),
    Case("dotdot-pax", "in a pax header", pax({"path": b"../outside/evil"}) + entry(b"harmless", b"x") + END, r"has a '\.\.' component"),
    Case("dotdot-gnu", "in a GNU long name", long_name(b"../outside/evil") + entry(b"harmless", b"x") + END, r"has a '\.\.' component"),
    Case("dotdot-prefix", "in the prefix field", entry(b"evil", b"x", tail=b"../outside") + END, r"has a '\.\.' component"),
    Case("dotdot-absolute", "absolute and up", entry(b"/../outside/evil", b"x") + END, r"has a '\.\.' component"),
    Case("absolute", "an absolute name stays below the root", lambda outside: entry(os.fsencode(outside) + b"/evil", b"x") + END),
    Case("absolute-slashes", "many slashes", entry(b"///a////b", b"x") + END, files={"a/b": (F, b"x")}),
    Case("dots", "components that say nothing", entry(b"./a/././b", b"x") + END, files={"a/b": (F, b"x")}),
    Case("dot-names", "names that only look like ..", entry(b"a..b/...", b"x") + END, files={"a..b/...": (F, b"x")}),
    Case("backslashes", "no separators here", entry(b"..\\evil", b"x") + END, files={"..\\evil": (F, b"x")}),
    Case("empty-name", "no name at all", FILE + entry(b"", b"x") + END, r"its name is empty"),
    Case("nul-name", "a NUL inside a name hides the rest", pax({"path": b"a\0/../../outside/evil"}) + entry(b"b", b"x") + END, files={}),
    Case("long-path", "longer than PATH_MAX", pax({"path": b"/".join([b"d" * 200] * 25)}) + entry(b"a", b"x") + END, r"its name is too long"),
    Case("long-component", "longer than NAME_MAX", pax({"path": b"n" * 256}) + entry(b"a", b"x") + END, r"its name is too long"),
    Case("deep-path", "more directories than anyone has", pax({"path": b"/".join([b"d"] * 300)}) + entry(b"a", b"x") + END, r"its name is too deep"),
    Case("control-characters", "a name that steers terminals", entry(b"../\x1b[31m\nevil", b"x") + END, r"Refused '\.\./\?\[31m\?evil'"),
    Case("root-file", "the root as a file", entry(b".", b"x") + END, r"the root can only be a directory"),
    Case("root-symlink", "the root as a symlink", symlink(b".", b"../outside") + entry(b"evil", b"x") + END, r"the root can only be a directory"),
]

LINKS = [
    Case("symlink-through", "a symlink to outside, then a file below it", symlink(b"d", b"../outside") + entry(b"d/evil", b"x") + END, r"Refused 'd/evil': .*symlink"),
    Case("symlink-through-absolute", "the same, absolute", lambda outside: symlink(b"d", os.fsencode(outside)) + entry(b"d/evil", b"x") + END, r"Refused 'd/evil': .*symlink"),
    Case("symlink-through-inside", "through a symlink to a directory of the archive", directory(b"real") + symlink(b"d", b"real") + entry(b"d/evil", b"x") + END, r"Refused 'd/evil': .*symlink"),
    Case("symlink-through-deep", "the symlink is not the last directory", symlink(b"d", b"..") + entry(b"d/outside/evil", b"x") + END, r"symlink"),
    Case("symlink-through-cached", "a directory becomes a symlink after it was written to", directory(b"d") + entry(b"d/a", b"x") + symlink(b"d", b"../outside") + entry(b"d/evil", b"x") + END, r"a directory of that name"),
    Case("symlink-directory", "a directory over a symlink", symlink(b"d", b"../outside") + directory(b"d") + END, r"Refused 'd': a directory, but"),
    Case("symlink-make-directory", "a directory behind a symlink", symlink(b"d", b"../outside") + directory(b"d/evil") + END, r"symlink"),
    Case("symlink-symlink", "a symlink behind a symlink", symlink(b"d", b"../outside") + symlink(b"d/evil", b"x") + END, r"symlink"),
    Case("symlink-device", "a device behind a symlink", symlink(b"d", b"../outside") + header(b"d/evil", b"3", device=(1, 3)) + END, r"symlink"),
    Case("symlink-file", "a file takes the place of a symlink", symlink(b"f", b"../outside/secret") + entry(b"f", b"new") + END, files={"f": (F, b"new")}),
    Case("symlink-to-file", "a symlink takes the place of a file", entry(b"f", b"x") + symlink(b"f", b"/etc/passwd") + END, files={"f": (L, "/etc/passwd")}),
    Case("symlink-absolute", "an absolute target is text", symlink(b"s", b"/outside") + FILE + END, files={"s": (L, "/outside"), **BEFORE}),
    Case("symlink-up", "a target that goes up is text", symlink(b"s", b"../../..") + FILE + END, files={"s": (L, "../../.."), **BEFORE}),
    Case("symlink-loop", "a symlink to itself", symlink(b"s", b"s") + entry(b"s/x", b"x") + END, r"symlink"),
    Case("symlink-empty", "no target", symlink(b"s", b"") + END, r"the target of the symlink is empty"),
    Case("symlink-long", "a target longer than PATH_MAX", pax({"linkpath": b"t" * 5000}) + symlink(b"s", b"x") + END, r"the target of the symlink is too long"),
    Case("link-outside", "a hard link to outside", hard_link(b"l", b"../outside/secret") + END, r"the target of the hard link has a '\.\.'"),
    Case("link-outside-pax", "the same in a pax header", pax({"linkpath": b"../outside/secret"}) + hard_link(b"l", b"x") + END, r"the target of the hard link has a '\.\.'"),
    Case("link-outside-gnu", "the same in a GNU long name", long_name(b"../outside/secret", b"K") + hard_link(b"l", b"x") + END, r"the target of the hard link has a '\.\.'"),
    Case("link-absolute", "an absolute target is below the root", lambda outside: hard_link(b"l", os.fsencode(outside) + b"/secret") + END, r"a file that the archive has not had"),
    Case("link-symlink", "a hard link to a symlink", symlink(b"s", b"../outside/secret") + hard_link(b"l", b"s") + END, r"Refused 'l': a hard link to a symlink"),
    Case("link-symlink-write", "and then a file through it", symlink(b"s", b"../outside/secret") + hard_link(b"l", b"s", size=3) + padded(b"new") + END, r"Refused 'l'|damaged"),
    Case("link-behind-symlink", "a target behind a symlink", symlink(b"d", b"../outside") + hard_link(b"l", b"d/secret") + END, r"behind a symlink"),
    Case("link-into-symlink", "a hard link made behind a symlink", FILE + symlink(b"d", b"../outside") + hard_link(b"d/evil", b"before") + END, r"symlink"),
    Case("link-directory", "a hard link to a directory", directory(b"d") + hard_link(b"l", b"d") + END, r"a hard link to a directory"),
    Case("link-missing", "a hard link to nothing", hard_link(b"l", b"later") + entry(b"later", b"x") + END, r"a file that the archive has not had"),
    Case("link-itself", "a hard link to itself", entry(b"f", b"x") + hard_link(b"./f", b"f") + END, r"a hard link to itself"),
    Case("link-contents", "a hard link with contents", FILE + hard_link(b"l", b"before", size=3) + padded(b"new") + END, r"Refused 'l'|damaged"),
    Case("link-contents-pax", "the same, as pax allows it", pax({"path": b"l", "size": b"3"}) + hard_link(b"x", b"before", size=3) + padded(b"new") + END, r"a hard link (with contents|to a file that)|damaged"),
    Case("link-empty", "no target", FILE + hard_link(b"l", b"") + END, r"Refused 'l': its type is not known"),
    Case("link-then-file", "a file over a hard link leaves the other name alone", FILE + hard_link(b"l", b"before") + entry(b"l", b"new") + END, files={**BEFORE, "l": (F, b"new")}),
]

CLASHES = [
    Case("file-over-directory", "a file where a directory is", directory(b"d") + entry(b"d/x", b"x") + entry(b"d", b"x") + END, r"Refused 'd': the archive has a directory of that name"),
    Case("file-over-empty-directory", "even an empty one", directory(b"d") + entry(b"d", b"x") + END, r"the archive has a directory of that name"),
    Case("directory-over-file", "a directory where a file is", entry(b"f", b"x") + directory(b"f") + END, r"Refused 'f': a directory, but the archive has something else"),
    Case("below-file", "a file below a file", entry(b"f", b"x") + entry(b"f/x", b"x") + END, r"Refused 'f/x': .*no directory"),
    Case("twice", "the later of two files counts", entry(b"f", b"long contents") + entry(b"f", b"new") + END, files={"f": (F, b"new")}),
    Case("directory-twice", "a directory twice", directory(b"d") + entry(b"d/x", b"x") + directory(b"d") + END, files={"d/x": (F, b"x")}),
    Case("device-then-file", "a file over a device is not written to it", header(b"f", b"4", device=(254, 0)) + entry(b"f", b"x") + END, files={"f": (F, b"x")}),
    Case("fifo-then-file", "nor does a FIFO make it wait", header(b"f", b"6") + entry(b"f", b"x") + END, files={"f": (F, b"x")}),
]

BROKEN = [
    Case("empty-body", "nothing", b"", r"The archive is empty"),
    Case("empty-archive", "only the end", END + bytes(8192), r"The archive is empty"),
    Case("cut-first-header", "within the first header", PLAIN[:300], r"no tar archive"),
    Case("cut-header", "within a later header", PLAIN[: 3 * BLOCK + 300], r"cut off"),
    Case("cut-data", "within a file", PLAIN[:100000], r"The archive is cut off: it ends within an entry"),
    Case("cut-end", "between two entries", FILE + entry(b"a", b"x"), r"The archive is cut off: its end is missing"),
    Case("cut-padding", "a file without its padding", FILE + header(b"a", size=1) + b"x", r"cut off"),
    Case("one-zero-block", "an end of one block, as some write it", FILE + bytes(BLOCK), files=BEFORE),
    *(Case(f"cut-{name}", "compressed and cut", compress(PLAIN)[:150000], rf"The archive is cut off: its {title} data end too early")
      for (name, compress), title in zip(COMPRESSORS.items(), ("gzip", "xz", "bzip2", "zstd", "lz4"), strict=True)),
    *(Case(f"damaged-{name}", "compressed and damaged", damaged(compress(PLAIN), 100000), r"The archive is damaged|checksum")
      for name, compress in COMPRESSORS.items()),
    Case("gzip-checksum", "only its checksum is wrong", damaged(gzip.compress(PLAIN), -6), r"The archive is damaged: its gzip data make no sense"),
    Case("gzip-length", "only its length is wrong", damaged(gzip.compress(PLAIN), -2), r"The archive is damaged: its gzip data make no sense"),
    Case("gzip-cut-trailer", "all is there but the trailer", gzip.compress(PLAIN)[:-4], r"cut off"),
    Case("gzip-garbage", "something after the end", gzip.compress(PLAIN) + b"garbage, and more of it", r"damaged"),
    Case("gzip-members", "two members are one archive", gzip.compress(FILE) + gzip.compress(END), files=BEFORE),
    Case("gzip-zeros", "zeros fill the last record of a tape", gzip.compress(PLAIN) + bytes(5000), files=BEFORE),
    Case("gzip-zeros-then", "and then another member", gzip.compress(FILE) + bytes(512) + gzip.compress(END), r"its gzip data make no sense"),
    Case("gzip-idle", "members without end that say nothing", lambda outside: gzip.compress(FILE) + gzip.compress(b"") * (14 << 20), r"its gzip data go on and on"),
    Case("skippable", "a frame to pass over at the beginning", skippable(b"x" * 100, 3) + skippable(b"", 15) + COMPRESSORS["zst"](PLAIN), files=BEFORE),
    Case("skippable-lz4", "the same before lz4", skippable(b"x" * 100) + COMPRESSORS["lz4"](PLAIN), files=BEFORE),
    Case("skippable-between", "two frames in the middle", COMPRESSORS["zst"](FILE) + skippable(b"x" * 100) + skippable(b"") + COMPRESSORS["zst"](END) + skippable(b""), files=BEFORE),
    Case("skippable-gzip", "before what knows no such frames", skippable(b"x" * 100) + gzip.compress(PLAIN), r"This is no tar archive"),
    Case("skippable-far", "more to pass over than is looked at", skippable(bytes(300000)) + COMPRESSORS["zst"](PLAIN), r"This is no tar archive"),
    Case("skippable-huge", "a frame that claims 4 GB", skippable(b"", size=0xFFFFFFFF) + COMPRESSORS["zst"](PLAIN), r"This is no tar archive"),
    Case("skippable-only", "nothing but frames to pass over", skippable(b"") * 1000, r"This is no tar archive"),
    Case("skippable-cut", "half the length of a frame", skippable(b"")[:6], r"This is no tar archive"),
    Case("skippable-idle", "a frame to pass over that is longer than anybody waits for", lambda outside: COMPRESSORS["zst"](FILE) + skippable(bytes(257 << 20), size=0xFFFFFFFF), r"its zstd data go on and on"),
    Case("pixz", "the index of pixz behind the end", lzma.compress(PLAIN + pixz_index(b"before", b"noise")), files=BEFORE),
    Case("pixz-plain", "the same, not compressed, after more zeros", PLAIN + bytes(1 << 20) + pixz_index(b"before"), files=BEFORE),
    Case("pixz-cut", "half an index", lzma.compress(PLAIN + pixz_index(b"before")[:-1]), r"Something else follows the end"),
    Case("pixz-then", "an archive behind the index", lzma.compress(PLAIN + pixz_index(b"before") + FILE + END), r"Something else follows the end"),
    Case("html", "the page of a portal", b"<!DOCTYPE html>\n<html><body>Log in</body></html>\n" * 100, r"This is no tar archive"),
    Case("noise", "random bytes", NOISE, r"This is no tar archive"),
    Case("zip", "a zip file", zip_file(), r"This is no tar archive"),
    Case("gzip-in-gzip", "compressed twice", gzip.compress(gzip.compress(PLAIN)), r"This is no tar archive"),
    Case("bad-checksum", "the checksum of a header", FILE + damaged(entry(b"a", b"x"), 150) + END, r"The archive is damaged"),
    Case("garbage-header", "no header where one is due", FILE + NOISE[:BLOCK] + END, r"The archive is damaged"),
    Case("second-archive", "an archive after the end", FILE + END + entry(b"b", b"x") + END, r"Something else follows the end"),
    Case("second-archive-far", "the same, far behind", FILE + END + bytes(1 << 20) + entry(b"b", b"x") + END, r"Something else follows the end"),
    Case("pax-length", "a pax record that lies about its length", pax({}, b"9999 path=x\n") + entry(b"a", b"x") + END, r"damaged|cut off"),
    Case("pax-garbage", "no pax record at all", pax({}, b"\xff" * 100) + entry(b"a", b"x") + END, r"damaged"),
    Case("pax-last", "a pax header for nothing", FILE + pax({"path": b"x"}) + END, r"damaged|cut off"),
    Case("unknown-type", "an unknown type is a file, says POSIX", entry(b"f", b"x", kind=b"Z") + END, files={"f": (F, b"x")}),
    Case("v7", "a tar of 1979", entry(b"f", b"x", magic=b"", kind=b"\0") + END, files={"f": (F, b"x")}),
]  # fmt: skip

NUMBERS = [
    Case("huge-file", "a header that promises 10 TB", FILE + header(b"f", size=10**13) + b"x" * 4096, r"No space left for 'f'"),
    Case("negative-size", "a size below zero", FILE + header(b"f", size=-1024) + END, r"damaged|makes no sense|cut off|size"),
    Case("bomb", "more than the target takes", lambda outside: gzip.compress(FILE + header(b"f", size=64 << 20), 1) + zeros(64) + gzip.compress(END), r"No space left for 'f'", tmpfs=16),
    Case("bomb-many", "many files that are too much together", gzip.compress((b"".join(entry(b"f%d" % i, bytes(1 << 20)) for i in range(32))) + END), r"No space left for 'f1\d'", tmpfs=16),
    Case("too-large", "the download alone is more than the target takes", FILE + entry(b"f", bytes(17 << 20)) + END, r"Not enough space: the archive alone is 17\.8 MB, and 16\.\d MB are left in the target", tmpfs=16),
    Case("endless-end", "zeros without end after the end", lambda outside: gzip.compress(FILE) + zeros(80), r"The archive does not end"),
    Case("entries", "more entries than allowed", b"".join(entry(b"f%d" % i) for i in range(200)) + END, r"more than 100 entries", options=("--max-entries=100",)),
    Case("uid-negative", "an owner below zero", header(b"f", uid=-2) + END, r"the number of its owner"),
    Case("uid-nobody", "the number that means none", header(b"f", uid=2**32 - 1) + END, r"the number of its owner"),
    Case("gid-huge", "a group of 60 bits", pax({"gid": str(2**60).encode()}) + entry(b"f") + END, r"the number of its owner"),
    Case("sparse-outside", "a piece beyond the end of the file", sparse_old(b"f", 1000, [(0, 512), (4096, 512)], b"x" * 1024) + END, r"damaged|fit together|Refused"),
    Case("sparse-backwards", "pieces in the wrong order", sparse_old(b"f", 10000, [(4096, 512), (0, 512)], b"x" * 1024) + END, r"fit together|damaged"),
    Case("sparse-huge", "holes only are no space", sparse_old(b"f", 1 << 40, [((1 << 40) - 512, 512)], b"x" * 512) + END, files={"f": (F, None)}),
    Case("xattr-large", "an extended attribute that is too large", pax({"SCHILY.xattr.user.x": b"x" * 70000}) + entry(b"f") + END, r"an extended attribute that is too large"),
    Case("xattr-name", "one whose name is too long", pax({"SCHILY.xattr.user." + "x" * 300: b"x"}) + entry(b"f") + END, r"whose name makes no sense"),
    Case("xattr-many", "too many of them", pax({f"SCHILY.xattr.user.x{i}": b"x" for i in range(200)}) + entry(b"f") + END, r"too many extended attributes"),
    Case("xattr-system", "one that only the kernel sets is left out", pax({"SCHILY.xattr.system.posix_acl_access": b"\xff" * 8}) + entry(b"f") + END, files={"f": (F, b"")}),
    Case("acl-nonsense", "an ACL without its mask", pax({"SCHILY.acl.access": b"user::rw-,user:x:rw-:7,group::r--,other::r--"}) + entry(b"f") + END, r"its ACL makes no sense"),
    Case("zstd-window", "a window of 2 GiB", lambda outside: run(["zstd", "-q", "-c", "--ultra", "-1", "--long=31", "--zstd=wlog=31"], PLAIN), r"more memory than is allowed"),
]  # fmt: skip

# What few archivers write: of other systems, of other times, or of somebody who has read libarchive.
ODD = [
    Case("size-negative", "a size below zero in a pax header", FILE + pax({"size": b"-1"}) + entry(b"f", b"x") + END, r"damaged: .*size attribute is negative"),
    Case("size-largest", "the largest one that there is", FILE + pax({"size": b"9223372036854775807"}) + entry(b"f", b"x") + END, r"damaged: .*size attribute overflow"),
    Case("size-overflow", "one that is larger", FILE + pax({"size": b"18446744073709551615"}) + entry(b"f", b"x") + END, r"damaged: .*size attribute overflow"),
    Case("size-text", "one that is no number", FILE + pax({"size": b"abc"}) + entry(b"f", b"x") + END, r"damaged"),
    Case("sparse-map-order", "a map whose pieces go backwards", FILE + sparse_pax({"GNU.sparse.map": b"5000,512,0,512"}, b"x" * 1024, "0.1") + END, r"damaged: .*sparse"),
    Case("sparse-map-text", "a map of letters", FILE + sparse_pax({"GNU.sparse.map": b"a,b,c"}, b"x" * 1024, "0.1") + END, r"damaged: .*sparse"),
    Case("sparse-count", "a map that claims to have a hundred thousand million pieces", FILE + sparse_pax({}, b"99999999999\n" + b"0\n512\n" * 80) + END, r"damaged: .*Line too long"),
    Case("sparse-endless", "a number that does not end", FILE + sparse_pax({}, b"1" * 100000) + END, r"damaged: .*Line too long"),
    Case("sparse-name", "up, in the name that holes bring along", FILE + sparse_pax({"GNU.sparse.name": b"../outside/evil"}, b"1\n0\n512\n".ljust(BLOCK, b"\0") + b"x" * 512, real_size=512) + END, r"Refused '../outside/evil': its name has a '\.\.'"),
    Case("long-name-twice", "two long names for one entry", FILE + long_name(b"a" * 120) + long_name(b"../outside/evil") + entry(b"x", b"x") + END, r"has a '\.\.' component"),
    Case("long-name-huge", "a name of 1 TiB", FILE + header(b"././@LongLink", b"L", size=1 << 40, magic=b"ustar  \0") + FILE + END, r"damaged: .*Special header too large"),
    Case("pax-huge", "a pax header of 1 TiB", FILE + header(b"pax", b"x", size=1 << 40) + FILE + END, r"damaged: .*Special header too large"),
    Case("other-volume", "the rest of a file that began on another tape", FILE + header(b"f", b"M", size=5) + padded(b"hello") + END, r"Refused 'f': its type is not known"),
    Case("directory-contents", "a directory with contents", FILE + header(b"d", b"5", mode=0o755, size=5) + padded(b"hello") + END, r"damaged"),
    Case("symlink-contents", "a symlink with contents", FILE + header(b"s", b"2", size=5, link=b"t") + padded(b"hello") + END, r"damaged"),
    Case("device-huge", "a device whose number does not fit", pax({"SCHILY.devmajor": b"4294967296", "SCHILY.devminor": b"-1"}) + header(b"n", b"3", device=(1, 3)) + END, r"Failed to make 'n': Invalid argument"),
    Case("socket", "a type of another system is a file", header(b"s", b"s") + FILE + END, files={"s": (F, b""), **BEFORE}),
    Case("contiguous", "a file of contiguous blocks", entry(b"c", b"x", kind=b"7") + END, files={"c": (F, b"x")}),
    Case("global-path", "a name for all that follow", pax({"path": b"../outside/evil"}, kind=b"g") + FILE + END, files=BEFORE),
    Case("global-target", "a target for all that follow", pax({"linkpath": b"../outside/secret"}, kind=b"g") + FILE + hard_link(b"l", b"before") + END, files={**BEFORE, "l": BEFORE["before"]}),
    Case("label", "the label of a tape", header(b"vol", b"V") + FILE + END, files=BEFORE),
    Case("solaris-acl", "an ACL of Solaris", header(b"a", b"A", size=30) + padded(b"1000000\0user::rwx,group::r-x\0\0\0") + FILE + END, files=BEFORE),
    Case("charset", "names of no charset", pax({"hdrcharset": b"BINARY", "path": b"\xff\xfe/x"}) + entry(b"f", b"x") + END, files={os.fsdecode(b"\xff\xfe/x"): (F, b"x")}),
    Case("time-before", "changed before there were clocks", pax({"mtime": b"-62135596800.5"}) + entry(b"f", b"x") + END, files={"f": (F, b"x")}),
    Case("time-after", "changed when there are none any more", pax({"mtime": b"99999999999999999999"}) + entry(b"f", b"x") + END, files={"f": (F, b"x")}),
    Case("file-flags", "flags that would make it last for ever", pax({"SCHILY.fflags": b"uchg,schg"}) + entry(b"f", b"x") + END, files={"f": (F, b"x")}),
    Case("apple-double", "what macOS puts beside a file is one", entry(b"._f", b"\0\5\x16\7" + bytes(60)) + entry(b"f", b"x") + END, files={"._f": (F, None), "f": (F, b"x")}),
    Case("selinux", "a label as Red Hat writes it", pax({"RHT.security.selinux": b"system_u:object_r:x:s0"}) + entry(b"f", b"x") + END, files={"f": (F, b"x")}),
    Case("root-mode", "a root that nobody may enter", header(b"./", b"5", mode=0o000) + entry(b"./f", b"x") + END, files={"f": (F, b"x")}),
]  # fmt: skip

CASES = NAMES + LINKS + CLASHES + BROKEN + NUMBERS + ODD
