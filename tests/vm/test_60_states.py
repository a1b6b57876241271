# SPDX-License-Identifier: MIT
"""States get through a control plane that is busy, broken or away, and nothing in the boot waits for them."""

from bench import STATES
from process import wait_until
from testing import check, equal, rows

FOOTER_MAX = 20  # s after the metadata; it takes 3, or 30 and more if it waits until kernel-started gives up


@rows("A10")
def test_retries(bench):
    faults = [
        {"kind": "status", "status": 429, "retry_after": 3, "count": 1},
        {"kind": "status", "status": 503, "count": 1},
        {"kind": "reset", "count": 1},
    ]
    bench.boot(faults=[{"method": "PATCH", "path": "/state", **fault} for fault in faults])
    bench.vm.wait_login()
    equal(bench.wait_states(timeout=60), STATES, "states")
    seen = bench.requests("PATCH", "/state")
    equal([r["status"] for r in seen], [429, 503, None, 200, 200], "answers")
    pauses = [b["time"] - a["time"] for a, b in zip(seen, seen[1:4])]
    check(pauses[0] >= 2.9, f"Retry-After is kept: {pauses}")


@rows("A10")
def test_hangs(bench):
    """The service takes states and never answers."""
    vm = bench.boot(faults=[{"kind": "hang", "path": "/state"}])
    vm.wait_login()
    footer = vm.console.time_of("^>>> Switching to linux")
    seconds = footer - vm.console.time_of("^>>> Server ID")
    check(seconds < FOOTER_MAX, f"{seconds:.1f} s from the metadata to the footer")
    # It is tried for 30 s, and was still when the boot in the initrd was over: nothing had waited for the end of it.
    tries = [r["time"] - vm.started for r in bench.requests("PATCH", "/state") if "kernel-started" in r["body"]]
    check(tries and tries[-1] > footer, f"footer after {footer:.1f} s, tries of kernel-started: {tries}")
    bench.controlplane.set_faults([])
    booted_comes(bench)


@rows("A10")
def test_comes_back_later(bench):
    """Unreachable as long as the initrd runs: booted arrives after switch-root."""
    vm = bench.boot(faults=[{"kind": "status", "status": 503, "path": "/state"}])
    vm.wait_login()
    bench.controlplane.set_faults([])
    booted_comes(bench)


def booted_comes(bench):
    wait_until(lambda: "booted" in bench.states(), 90, "state booted")
    # kernel-started gives up after 30 s.
    states = bench.final_states()
    check(states in (STATES, STATES[1:]), f"booted once, at most one kernel-started before it: {states}")
