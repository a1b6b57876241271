# SPDX-License-Identifier: MIT
"""Whatever the metadata service does, the boot ends at the login prompt, with one clear line."""

from net import METADATA_IPV4, METADATA_IPV6
from process import wait_until
from testing import check, contains, equal, options, rows

ROOT = "root={nbd}"
TIMEOUT = 300
LONGEST_PAUSE = 8  # s between two tries (5), and what a busy machine adds


def says_once(vm, pattern):
    lines = vm.console.matching(r"scw-metadata\[\d+\]: ")
    equal(len(lines), 1, f"lines of scw-metadata on the console: {lines}")
    contains(lines[0], pattern, "the line says what is wrong")


@rows("A5")
@options(timeout=500, load=0.5)
def test_down(bench):
    vm = bench.boot(metadata=False, cmdline=ROOT)
    vm.wait_login(TIMEOUT)
    says_once(vm, r"did not answer within 60 s \(last: connection refused\)")


@rows("A5")
@options(timeout=500, load=0.5)
def test_unreachable(bench):
    """Connections hang, as on a network that does not know the service."""
    vm = bench.boot(cmdline=ROOT)
    for address in (METADATA_IPV4, METADATA_IPV6):
        bench.network.blackhole(address)
    vm.wait_login(TIMEOUT)
    says_once(vm, r"did not answer within 60 s \(last: time-out\)")
    equal(bench.requests(), [], "requests that got through")


@rows("A5")
@options(timeout=500)
def test_late(bench):
    """It comes 20 s after the server wanted it for the first time: root and states as in a good boot."""
    vm = bench.boot(faults=[{"kind": "status", "status": 503, "path": "/conf"}])
    wanted = wait_until(lambda: bench.requests("GET", "/conf"), 120, "first request")[0]["time"]
    # What came in by the other address meanwhile has its connection already.
    bench.controlplane.set_faults([{"kind": "refuse", "seconds": 20}, {"kind": "status", "status": 503, "path": "/conf", "seconds": 20}])
    bench.wait_booted(TIMEOUT)
    check(len(vm.console.matching(r"scw-metadata\[\d+\]: ")) <= 1, "more than one line of scw-metadata on the console")
    answered = [r["time"] for r in bench.requests("GET", "/conf") if r["status"] == 200]
    equal(len(answered), 1, "fetches")
    late = answered[0] - wanted
    check(20 <= late <= 20 + LONGEST_PAUSE, f"answered {late:.1f} s after it was wanted")


@rows("A5", "C2")
@options(timeout=500)
def test_garbage(bench):
    vm = bench.boot(cmdline=ROOT, faults=[{"kind": "garbage", "path": "/conf"}])
    vm.wait_login(TIMEOUT)
    says_once(vm, "JSON|not understood|invalid")


@rows("A5")
@options(timeout=500, load=0.5)
def test_too_many_requests(bench):
    vm = bench.boot(cmdline=ROOT, faults=[{"kind": "status", "status": 429, "retry_after": 2, "path": "/conf"}])
    vm.wait_login(TIMEOUT)
    says_once(vm, "429")
    times = [r["time"] for r in bench.requests("GET", "/conf")]
    check(len(times) > 1, "it was tried again")
    pauses = [round(b - a, 2) for a, b in zip(times, times[1:])]
    check(all(pause >= 1.9 for pause in pauses), f"a pause is shorter than Retry-After: {pauses}")
