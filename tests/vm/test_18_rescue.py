# SPDX-License-Identifier: MIT
"""boot=rescue: an archive from a web server, unpacked into memory."""

import hashlib
import os
import re
import subprocess

import archives
import cpio
import documents
import nbd
import ntp
import webserver
from bench import COST
from testing import check, contains, equal, options, rows
from vm import initrd_probe

HOST = "10.42.0.1"
URL = f"http://{HOST}:{webserver.PORT}/rescue.tar"
KEY = "/etc/scaleway/rescue-image.pem"
CA = "/etc/ssl/certs/ca-certificates.crt"
SECOND = "cccccccc-0000-4000-8000-000000000001"


def rescue(bench, image=None, tags=(), url=URL, files=None, certificate=None, limit=None, overlay=None, **boot):
    """Starts the server with boot=rescue as a tag, and the web server with image, a path, and these files: {name: path}."""
    vm = bench.boot(tags=["boot=rescue", f"rescue_image={url}", *tags], memory=2048, overlay=overlay, **boot)
    bench.web = webserver.WebServer(bench, certificate, limit)
    for name, path in {**(files or {}), **({"rescue.tar": image} if image else {})}.items():
        bench.web.add(path, name)
    return vm


def root(bench, kind="zst"):
    """Archive of the root image. Made before the server is started, which would wait for nothing."""
    return archives.root_archive(bench.parts.root, kind)


def temporary(bench, name):
    """Path of a file of the test, which goes at its end: it may be large."""
    path = os.path.join(bench.folder, name)
    bench.callback(lambda: os.path.exists(path) and os.unlink(path))
    return path


def tiny(bench, name="tiny", kind="zst", files=None):
    path = temporary(bench, name)
    archives.small(path, kind, files or {"no-system": name.encode()})
    return path


def runs_from_memory(bench, vm):
    bench.wait_booted(300)
    contains(vm.run("findmnt -no FSTYPE,SOURCE /"), r"^tmpfs\s+rescue$", "root")
    # Owners, modes and attributes as in the archive; a set-uid program runs as such.
    contains(vm.run("stat -c '%U:%G %a' /etc/shadow /usr/bin/su"), r"^root:shadow 640\nroot:root 4755$", "owners and modes")
    contains(vm.run("getcap -r /usr/bin"), r"^/usr/bin/\S+ cap_net_raw=ep$", "extended attributes: the capability of a program")


def answers(bench, name="/rescue.tar"):
    """(method, status) of each request for the image."""
    return [(r["method"], r["status"]) for r in bench.web.requests() if r["path"] == name]


def file_overlay(path, source):
    archive = cpio.Archive()
    with open(source, "rb") as f:
        archive.add(path, f.read())
    return archive


@rows("B5", "C5")
@options(timeout=600)
def test_rescue(bench):
    """All NBD volumes are there for who wants to look at them; the boot costs no more requests than any other, and one for the
    image."""
    image = root(bench)
    volumes = {"0": documents.volume(f"nbd://{HOST}:{nbd.PORT}"), "1": documents.volume(f"nbd://{HOST}:{nbd.PORT + 1}", id=SECOND)}
    vm = rescue(bench, image, tags=[f"rescue_image_sha256={archives.sha256(image)}"], metadata={"volumes": volumes})
    second = nbd.NbdkitMemory(bench.network, bench.folder, None, port=nbd.PORT + 1, number=1)
    bench.callback(second.stop)
    second.start()
    runs_from_memory(bench, vm)
    vm.run("test -e /sys/block/nbd0/pid && test -e /sys/block/nbd1/pid && test ! -e /sys/block/nbd2/pid")
    names = vm.run("cd /dev/disk/by-id && for l in nbd-*; do echo $l $(basename $(readlink $l)); done")
    for i, identifier in enumerate((documents.ROOT_VOLUME_ID, SECOND)):
        contains(names, rf"^nbd-{identifier} nbd{i}$", f"volume {i} by its id")
    equal(vm.run("systemctl --failed --no-legend --plain").strip(), "", "failed units of the rescue system")
    equal(bench.cost(), COST, "requests to the control plane")
    equal([(r["method"], r["path"], r["status"]) for r in bench.web.requests()], [("GET", "/rescue.tar", 200)],
          "requests to the web server")  # fmt: skip


def noise(kind):
    return hashlib.sha512(kind.encode()).digest() * 20000


def unpack(kind):
    """In the initrd: into memory, and what came out of it."""
    folder = f"/run/{kind}"
    return (f"mkdir {folder} && /usr/lib/scaleway/scaleway-stream --progress=0 {URL}.{kind} {folder} && "
            f"busybox sha256sum {folder}/noise && rm -r {folder}")  # fmt: skip


@rows("A11", "B5")
@options(timeout=600)
def test_https(bench):
    """The address of the archive, which is compressed by gzip, leads to another one, whose certificate is signed by an authority that
    is in the initrd, and is not valid before this test: the machine comes up in 2015. And what else there is to decompress with, in the
    initrd itself."""
    kinds = list(archives.COMPRESSORS)
    ca, certificate = webserver.authority(bench.folder, HOST)
    files = {f"rescue.tar.{kind}": tiny(bench, kind, kind, {"noise": noise(kind)}) for kind in kinds}
    vm = rescue(bench, root(bench, "gz"), url=f"http://{HOST}:{webserver.PORT}/moved/rescue.tar", certificate=certificate, files=files,
                overlay=[file_overlay(CA, ca), initrd_probe([unpack(kind) for kind in kinds])], ntp=[HOST], qemu=ntp.RTC_2015)  # fmt: skip
    ntp.Server(bench)
    runs_from_memory(bench, vm)
    equal((answers(bench, "/moved/rescue.tar"), answers(bench)), ([("GET", 302)], [("GET", 200)]), "requests for the image")
    contains(vm.console.text, rf"The clock was at 20[12].*, NTP server {HOST} has set it to ", "on the console (A11)")
    ntp.has_the_right_time(vm, "after boot=rescue (A11)")
    for kind in kinds:
        result = vm.probe("probe")[unpack(kind)]
        equal(result.status, 0, f"{kind}: {result}")
        contains(result, rf"^{hashlib.sha256(noise(kind)).hexdigest()}  ", f"what came out of {kind}")


@rows("B5", "C4")
def test_unknown_authority(bench):
    """Nobody is believed whom the initrd does not know."""
    _, certificate = webserver.authority(bench.folder, HOST)
    rescue(bench, tiny(bench), url=f"https://{HOST}:{webserver.TLS_PORT}/rescue.tar", certificate=certificate)
    bench.wait_failed(r"the certificate of 'https://10\.42\.0\.1:8443/rescue\.tar' is not accepted")
    equal(bench.web.requests(), [], "requests for the image")


def key_pair(bench):
    """Returns an overlay with the public key. The private one signs()."""
    for command in (["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072", "-out", "key.pem"],
                    ["pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"]):  # fmt: skip
        subprocess.run(["openssl", *command], cwd=bench.folder, check=True, capture_output=True)
    return file_overlay(KEY, os.path.join(bench.folder, "public.pem"))


def sign(bench, path):
    """Path of the signature."""
    signature = os.path.join(bench.folder, "signature")
    subprocess.run(["openssl", "dgst", "-sha256", "-sign", os.path.join(bench.folder, "key.pem"), "-out", signature, path], check=True)
    return signature


@rows("B5", "C5")
@options(timeout=600)
def test_signature(bench):
    """By the key that is in the initrd. The archive is compressed by xz."""
    overlay = key_pair(bench)
    image = root(bench, "xz")
    vm = rescue(bench, image, files={"rescue.tar.sig": sign(bench, image)}, tags=[f"rescue_image_signature={URL}.sig"], overlay=overlay)
    runs_from_memory(bench, vm)
    equal((answers(bench, "/rescue.tar.sig"), answers(bench)), ([("GET", 200)], [("GET", 200)]), "requests for image and signature")


@rows("B5", "C4", "C5")
def test_wrong_signature(bench):
    overlay = key_pair(bench)
    signature = sign(bench, tiny(bench, "another"))
    rescue(bench, tiny(bench), files={"rescue.tar.sig": signature}, tags=[f"rescue_image_signature={URL}.sig"], overlay=overlay)
    bench.wait_failed("The signature does not match")


@rows("B5", "C4", "C5")
def test_no_key(bench):
    """Who wants a signature checked boots nothing if there is no key."""
    rescue(bench, tiny(bench), tags=[f"rescue_image_signature={URL}.sig"])
    bench.wait_failed(f"Failed to read the public key '{KEY}'")
    equal(bench.web.requests(), [], "requests to the web server")


# So much at once; what follows takes so long that the server is gone before.
CUT = (30_000_000, 500_000)
HALF_WAY = r"scaleway-stream\[\d+\]: .* of .* \(\d+ %\), .*/s, .* left"


def cut(bench, vm):
    """In the middle of the image the server crashes."""
    vm.wait_for(HALF_WAY, 240)
    equal(answers(bench), [], "no request is answered yet")
    bench.web.kill()
    vm.wait_for("Download interrupted after ", 60)


@rows("B5", "C3")
@options(timeout=600)
def test_resume(bench):
    """The server comes back, and is asked for what is missing."""
    image = root(bench)
    vm = rescue(bench, image, tags=[f"rescue_image_sha256={archives.sha256(image)}"], limit=CUT)
    cut(bench, vm)
    bench.web.start()
    runs_from_memory(bench, vm)
    contains(vm.console.text, r"Download interrupted after .*; resuming there\.", "console")
    equal(answers(bench), [("GET", 206)], "requests for the image that were answered")
    request = bench.web.requests()[0]
    begin = int(contains(request["range"], r"^bytes=(\d+)-$", "what it asked for").group(1))
    check(begin >= CUT[0], f"it had {begin} bytes before")
    equal(begin + request["bytes"], os.path.getsize(image), "it got what was missing")
    check(request["if_range"] != "-", "it has asked for the rest of the same image")


@rows("B5", "C3")
@options(timeout=600)
def test_begins_again(bench):
    """When the server comes back it has another image. Nothing is left of the first one."""
    vm = rescue(bench, tiny(bench, "first", "tar", {"a-first": b"", "noise": os.urandom(60_000_000)}), limit=CUT)
    cut(bench, vm)
    bench.web.add(root(bench), "rescue.tar")
    bench.web.start()
    runs_from_memory(bench, vm)
    contains(vm.console.text, r"Download interrupted after .*; beginning again\.", "console")
    check([("GET", 200)] * 2 == answers(bench), f"requests for the image: {answers(bench)}")
    vm.run("test ! -e /a-first && test ! -e /noise")


@rows("B5")
@options(timeout=600)
def test_600_megabytes(bench):
    """In a server of 2 GiB, not compressed; a third of its memory at least is left."""
    path = temporary(bench, "large.tar")
    archives.padded_root(bench.parts.root, path, 600_000_000)
    vm = rescue(bench, path)
    runs_from_memory(bench, vm)
    used = int(vm.run("df --output=used --block-size=1 / | tail -n 1"))
    check(used >= 580_000_000, f"{used} bytes of the root are used")
    available = int(vm.run("sed -n 's/^MemAvailable: *\\([0-9]*\\) kB$/\\1/p' /proc/meminfo")) * 1024
    check(available > (2 << 30) // 3, f"{available} bytes of memory are left")


@rows("B5", "C4", "C5")
def test_wrong_checksum(bench):
    rescue(bench, tiny(bench), tags=[f"rescue_image_sha256={'0' * 64}"])
    bench.wait_failed("The checksum does not match")


@rows("B5", "C4")
def test_no_such_image(bench):
    rescue(bench, files={"other.tar": tiny(bench)})
    bench.wait_failed("404")


@rows("B5", "C3", "C4")
def test_truncated(bench):
    path = temporary(bench, "truncated")
    with open(root(bench), "rb") as source, open(path, "wb") as f:
        f.write(source.read(10_000_000))
    rescue(bench, path)
    bench.wait_failed("The archive is cut off")


@rows("B5", "C4")
def test_too_little_memory(bench):
    """Known from its length, before anything is unpacked."""
    path = temporary(bench, "hole")
    with open(path, "wb") as f:
        f.truncate(4 << 30)
    rescue(bench, path)
    bench.wait_failed("Not enough space: the archive alone is .* are left in")


@rows("B5", "C3", "C4")
def test_bomb(bench):
    """What the length of the download does not tell: files that are too large together, each of them not."""
    path = temporary(bench, "bomb")
    folder = os.path.join(bench.folder, "zeros")
    os.mkdir(folder)
    for i in range(4):
        with open(os.path.join(folder, str(i)), "wb") as f:
            f.truncate(1 << 30)
    script = 'tar -C "$1" -c . | zstd -q -1 >"$2"'
    subprocess.run(["bash", "-o", "pipefail", "-euc", script, "bash", folder, path], check=True)
    rescue(bench, path)
    bench.wait_failed(r"No space left for '[0-3]', after .*: the target is too small")
