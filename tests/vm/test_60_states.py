# SPDX-License-Identifier: MIT
"""States get through a control plane that is busy, broken or away, and nothing in the boot waits for them."""

from bench import STATES
from testing import check, equal, rows


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
    check(bench.requests("PATCH", "/state"), "it was tried")
    bench.controlplane.set_faults([])
    equal(bench.wait_states(timeout=120)[-1:], ["booted"], "the last state when it answers again")


@rows("A10")
def test_comes_back_later(bench):
    """Unreachable as long as the initrd runs: booted arrives after switch-root."""
    vm = bench.boot(faults=[{"kind": "status", "status": 503, "path": "/state"}])
    vm.wait_login()
    bench.controlplane.set_faults([])
    states = bench.wait_states(timeout=90)
    equal(states[-1:], ["booted"], f"last state of {states}")
    equal(len(states), len(set(states)), f"one of each: {states}")
