# SPDX-License-Identifier: MIT
"""States get through a control plane that is busy, broken or away, and nothing in the boot waits for them."""

import time

from bench import STATES
from net import METADATA_IPV4
from load import Load, kill_server
from process import wait_until
from supervisor import loses_its_link, record, supervisor
from testing import absent, check, contains, equal, options, rows
from vm import LOGIN

FOOTER_MAX = 20  # s after the metadata; it takes 3, or 30 and more if it waits until kernel-started gives up
# A unit of the image that keeps the host from its boot target until the test lets it go. A login prompt is there before.
GATE = """[Unit]
Description=Gate
Before=multi-user.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'until test -e /run/go; do sleep 0.1; done'
TimeoutStartSec=infinity
"""


def add_gate(bench, after="multi-user.target"):
    bench.add_to_root("/etc/systemd/system/gate.service", GATE.replace("multi-user.target", after), mode=0o644)
    bench.edit_root(f"mkdir /etc/systemd/system/{after}.wants",
                    f"symlink /etc/systemd/system/{after}.wants/gate.service ../gate.service")  # fmt: skip


@rows("A10", "C1")
@options(timeout=600)
def test_booted_is_the_hosts(bench):
    """It is said when the host has reached its boot target, not before; once, whatever units are started again; and not again after a
    soft reboot. What looks after the root's link goes on through all of that, too."""
    add_gate(bench)
    vm = bench.boot()
    vm.wait_login()
    equal(vm.run("systemctl is-active multi-user.target", ok=None).strip(), "inactive", "the boot target, at the login prompt")
    equal(bench.final_states(), STATES[:1], "states before the boot target")
    seconds = time.monotonic()
    vm.run("touch /run/go")
    equal(bench.wait_states(), STATES, "states after the boot target")
    check(time.monotonic() - seconds < 15, "booted comes right then")
    contains(vm.run("systemctl --no-pager show -P ExecStart scaleway-booted@target.service"), "path=/run/initramfs/usr/bin/scw-signal-state ", "what signals")
    equal(vm.run("systemctl --no-pager show -P TimersMonotonic scaleway-booted.timer").split("OnBootUSec=")[1].split(" ;")[0], "3min 30s",
          "when it would be said without a boot target")
    equal(vm.run("systemctl is-system-running --wait; systemctl --failed --quiet --no-pager", ok=None).strip(), "running", "the booted system")

    pid = supervisor(vm)
    vm.run("systemctl daemon-reload && systemctl daemon-reexec", timeout=120)
    loses_its_link(bench, pid, 1)
    vm.run("systemctl restart scaleway-booted@target.service && systemctl start scaleway-booted@late.service")
    # What nothing wants is stopped and started; the gate stands open.
    vm.run("systemctl isolate multi-user.target", timeout=90)
    loses_its_link(bench, pid, 2)
    vm.run("/run/initramfs/usr/bin/scw-signal-state --once kernel-started; /run/initramfs/usr/bin/scw-signal-state --once booted")
    equal(bench.final_states(), STATES, "states after that was done again")

    prompt = len(vm.console.text)
    vm.send("systemctl soft-reboot\n")
    vm.leave_shell()
    vm.wait_for(LOGIN, 120, prompt)
    equal(bench.final_states(), STATES, "states after a soft reboot")
    vm.login(since=prompt)
    equal(supervisor(vm), pid, "the process that looks after the link, after a soft reboot")
    load = Load(vm)
    kill_server(bench, load, 1)
    load.stop()
    equal(record(vm)["reconnects"], 3, "reconnects")
    equal(supervisor(vm), pid, "the process that has connected it again")


@rows("A10")
def test_long_boot(bench):
    """A host that does not get to its boot target for minutes, here for less than one, is not to be powered off for that."""
    add_gate(bench)
    bench.edit_root("mkdir /etc/systemd/system/scaleway-booted.timer.d")
    bench.add_to_root("/etc/systemd/system/scaleway-booted.timer.d/50-soon.conf", "[Timer]\nOnBootSec=\nOnBootSec=50\n", mode=0o644)
    vm = bench.boot(initrd="lean")
    vm.wait_login()
    check("booted" not in bench.states(), "booted is not said at the login prompt")
    wait_until(lambda: "booted" in bench.states(), 90, "state booted")
    equal(vm.run("systemctl is-active multi-user.target", ok=None).strip(), "inactive", "the boot target")
    vm.run("touch /run/go")
    wait_until(lambda: vm.run("systemctl is-active multi-user.target", ok=None).strip() == "active", 60, "the boot target")
    equal(bench.final_states(), STATES, "states in the end")


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
    """The platform does not answer at all, from right after the metadata until the host has been up for a while. For minutes of it see the
    soak test."""
    vm = bench.boot()
    vm.wait_for("^>>> Server ID")
    bench.network.blackhole(METADATA_IPV4)
    vm.wait_login()
    wait_until(lambda: vm.run("systemctl is-active multi-user.target", ok=None).strip() == "active", 60, "the boot target")
    contains(vm.run("systemctl is-active scaleway-booted@target.service", ok=None), "^active", "the signal is under way")
    absent(" ".join(bench.states()), "booted", "states so far")
    bench.network.blackhole(METADATA_IPV4, on=False)
    booted_comes(bench)


def booted_comes(bench):
    wait_until(lambda: "booted" in bench.states(), 90, "state booted")
    # kernel-started gives up after 30 s.
    states = bench.final_states()
    check(states in (STATES, STATES[1:]), f"booted once, at most one kernel-started before it: {states}")
