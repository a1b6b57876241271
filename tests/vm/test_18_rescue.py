# SPDX-License-Identifier: MIT
"""boot=rescue: an archive from a web server, unpacked into memory."""

import archives
import documents
from nbd import PORT
from testing import absent, check, contains, equal, options, rows

URL = "http://10.42.0.1:8080/rescue.tar"
NBD = f"nbd://10.42.0.1:{PORT}"


def rescue(bench, tags=(), name="rescue.tar", data=None, size=None):
    """Starts the server with boot=rescue as a tag, and the web server with the root image as an archive, or with data, or
    with so many zeros."""
    vm = bench.boot(tags=["boot=rescue", f"rescue_image={URL}", *tags], memory=2048)
    web = archives.WebServer(bench)
    if data is not None or size is not None:
        web.write(name, data or b"", size)
    else:
        web.add(archives.root_archive(bench.parts.root), name)
    return vm


@rows("B5", "C5")
@options(timeout=600)
def test_rescue(bench):
    """All NBD volumes are there for who wants to look at them; one request each for metadata and states."""
    checksum = archives.sha256(archives.root_archive(bench.parts.root))
    vm = rescue(bench, tags=[f"rescue_image_sha256={checksum}"])
    bench.wait_booted()
    contains(vm.run("findmnt -no FSTYPE,SOURCE /"), r"^tmpfs\s+rescue$", "root")
    vm.run("test -e /sys/block/nbd0/pid && test ! -e /sys/block/nbd1")
    contains(vm.run("ls /dev/disk/by-id"), rf"^nbd-{documents.ROOT_VOLUME_ID}$", "volume 0 by its id")
    # Owners, modes and attributes as in the archive; a set-uid program runs as such.
    contains(vm.run("stat -c '%U:%G %a' /etc/shadow /usr/bin/su"), r"^root:shadow 640\nroot:root 4755$", "owners and modes")
    equal(vm.run("systemctl --failed --no-legend --plain").strip(), "", "failed units of the rescue system")
    equal(len(bench.requests("GET", "/conf")), 1, "requests for metadata")
    log = open(f"{bench.folder}/www.log", encoding="utf-8").read()
    equal(log.count('"GET /rescue.tar'), 1, "requests for the image")


def ends_in_failure(bench, vm, reason):
    """One line of reason, then the reboot; nothing of the image was started."""
    vm.wait_for(rf"^>>> Boot failed: .*{reason}", 240)
    equal(vm.wait_exit(120), "guest-reset", "what the server does then")
    absent(vm.console.text, " login: ", "no login prompt")
    check("booted" not in bench.states(), f"states: {bench.states()}")


@rows("B5", "C4", "C5")
def test_wrong_checksum(bench):
    vm = rescue(bench, tags=[f"rescue_image_sha256={'0' * 64}"])
    ends_in_failure(bench, vm, "checksum")


@rows("B5", "C4")
def test_no_such_image(bench):
    vm = rescue(bench, name="other.tar", data=b"")
    ends_in_failure(bench, vm, "404")


@rows("B5", "C3", "C4")
def test_truncated(bench):
    with open(archives.root_archive(bench.parts.root), "rb") as f:
        vm = rescue(bench, data=f.read(10_000_000))
    ends_in_failure(bench, vm, "The archive is cut off")


@rows("B5", "C4")
def test_too_little_memory(bench):
    """Known from its length, before anything is unpacked."""
    vm = rescue(bench, size=4 << 30)
    ends_in_failure(bench, vm, "Not enough space: the archive alone is .* are left in")
