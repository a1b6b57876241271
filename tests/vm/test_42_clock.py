# SPDX-License-Identifier: MIT
"""The clock, and other things of little weight that a boot does on the side."""

import ntp
from testing import absent, check, contains, equal, rows
from vm import initrd_probe

DEAD = "10.42.0.66"
LIMIT = 3.5  # s; the program's own is 3
VALUE = "256 SHA256:abc bench (ED25519)"
SET, GET, DELETE = f"printf %s '{VALUE}' | scw-userdata --file=- ssh-host-fingerprints", "scw-userdata cloud-init", "scw-userdata --delete old"
MISSING = "scw-userdata nothing"


@rows("A7", "A11", "A27")
def test_dead_server(bench):
    """An NTP server that DHCP names and nobody hears of costs 3 s at most, and the clock stays as it is. Besides, a C1, on a machine
    that has no GPIO at all; and user data, from inside the initrd."""
    vm = bench.boot(ntp=[DEAD], qemu=ntp.RTC_2015, metadata={"commercial_type": "C1"}, user_data={"cloud-init": "#cloud-config", "old": "x"},
                    overlay=initrd_probe([SET, GET, DELETE, MISSING, "command -v scw-userdata"]))  # fmt: skip
    bench.network.run("ip", "addr", "add", f"{DEAD}/32", "dev", "br0")
    bench.network.blackhole(DEAD)
    bench.wait_booted()
    console = vm.console.text
    contains(console, rf"No NTP server has told the time \({DEAD}: no answer; ntp\.int\.scaleway\.com: unknown host\), the clock stays as it is",
             "on the console (A11)")  # fmt: skip
    began, given_up = ntp.times(vm, "Starting .*Set the Clock", "No NTP server has told")
    check(2 < given_up - began < LIMIT, f"a dead server costs {given_up - began:.2f} s (A11)")
    mounted, = ntp.times(vm, "Mounted '/dev/nbd0' on '/sysroot'")
    check(mounted < given_up, "the root is mounted meanwhile (A11)")
    equal(vm.run("systemctl --failed --no-legend --plain").strip(), "", "failed units on the host")

    contains(console, r"GPIO 42 is not set up: this kernel has no GPIO in sysfs", "GPIO of a C1 (A7)")

    probe = vm.probe("probe")
    equal([probe[c].status for c in (SET, GET, DELETE, MISSING)], [0, 0, 0, 2], f"scw-userdata (A27): {probe}")
    equal(probe[GET], "#cloud-config", "user data (A27)")
    seen = [r for r in bench.requests() if r["path"].startswith("/user_data")]
    key = "/user_data/ssh-host-fingerprints"
    equal([(r["method"], r["path"], r["status"], r["body"]) for r in seen],
          [("PATCH", key, 204, VALUE), ("GET", "/user_data/cloud-init", 200, ""), ("DELETE", "/user_data/old", 204, ""),
           ("GET", "/user_data/nothing", 404, "")], "requests for user data (A27)")  # fmt: skip
    check(all(r["port"] < 1024 for r in seen), f"source ports (A27): {[r['port'] for r in seen]}")
    absent(console, "SHA256:abc", "the value on the console")
