# SPDX-License-Identifier: MIT
"""What looks after the link of a volume, seen from the booted system."""

import json
import re

from process import wait_until
from testing import absent, equal


def record(vm, index=0):
    return json.loads(vm.read(f"/run/scaleway/nbd/{index}.json"))


def supervisor(vm, index=0):
    """The process as those look for it who must not end it. Nothing that it has is of the root."""
    pid = vm.run(f"pgrep -f '@xnbd-client.*/dev/nbd{index}'").strip()
    equal(record(vm, index)["pid"], int(pid), "the record names the supervisor")
    equal(vm.read(f"/run/sendsigs.omit.d/nbd{index}.pid").strip(), pid, "so does /run/sendsigs.omit.d")
    equal(vm.read(f"/proc/{pid}/oom_score_adj").strip(), "-1000", "oom_score_adj")
    files = vm.run(f"for f in exe cwd root $(cd /proc/{pid} && echo fd/* map_files/*); do stat -L -c '%D %n' /proc/{pid}/$f; done; "
                   "stat -c 'root: %D' /", ok=None)  # fmt: skip
    device = re.search(r"^root: (\w+)$", files, re.M).group(1)
    absent(files, rf"^{device} .*", f"what it has of the root: {files}")
    return pid


def loses_its_link(bench, pid, reconnects):
    """The server is killed and comes back, and the same process has connected it again, so many times by now."""
    vm = bench.vm
    bench.server.restart()
    wait_until(lambda: record(vm)["reconnects"] >= reconnects, 20, f"reconnect {reconnects}")
    last = record(vm)
    equal((last["link"], last["reconnects"], last["pid"]), ("up", reconnects, int(pid)), f"the record: {last}")
    equal(supervisor(vm), pid, "the process that has connected it again")
