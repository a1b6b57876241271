# SPDX-License-Identifier: MIT
"""The root while its storage server goes and comes: what looks after the link, and that nothing is lost."""

import json
import re

from load import Load, kill_server
from testing import check, contains, equal, rows


def record(vm, index=0):
    return json.loads(vm.read(f"/run/scaleway/nbd/{index}.json"))


@rows("C1")
def test_server_is_killed(bench):
    """Three times, while it is written and read."""
    vm = bench.boot()
    bench.wait_booted()
    pid = vm.run("pgrep -f '@xnbd-client.*/dev/nbd0'").strip()
    equal(record(vm)["pid"], int(pid), "the record names the supervisor")
    before = vm.run(f"cat /proc/{pid}/smaps_rollup /proc/{pid}/status")
    load = Load(vm)
    seconds = kill_server(bench, load, 3)
    load.stop()
    last = record(vm)
    equal((last["link"], last["reconnects"]), ("up", 3), f"the record: {last}")
    after = vm.run(f"cat /proc/{pid}/smaps_rollup /proc/{pid}/status; ls /proc/{pid}/fd | wc -l; dmesg | grep nbd0; systemctl status scaleway-nbd@0.service", ok=None)
    print(seconds, before, after)
