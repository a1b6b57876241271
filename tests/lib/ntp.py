# SPDX-License-Identifier: MIT
"""An NTP server beside the control plane: chronyd, which says what the clock of this machine says and leaves that alone. And what a
server is when its clock is wrong."""

import os
import re
import time

from process import Child, need, wait_until
from testing import check

RTC_2015 = ["-rtc", "base=2015-06-01T00:00:00"]
# Of what a slow machine lets pass between the one clock and the other.
TOLERANCE = 20
CONFIGURATION = """
local stratum 3
allow
bindaddress {host}
cmdport 0
user root
pidfile {folder}/chronyd.pid
"""


class Server:
    """On the bridge of the server's first NIC, whose address is to be named by DHCP."""

    def __init__(self, bench):
        need("chronyd")
        configuration = os.path.join(bench.folder, "chrony.conf")
        with open(configuration, "w", encoding="utf-8") as f:
            f.write(CONFIGURATION.format(host=bench.first_nic.host, folder=bench.folder))
        self.child = Child(["chronyd", "-x", "-d", "-f", configuration], os.path.join(bench.folder, "chronyd.log"), bench.network.prefix)
        bench.callback(self.child.kill)
        wait_until(lambda: bench.network.run("ss", "-Hlun", "sport = :123").stdout.strip(), 10, "chronyd", self.child)


def times(vm, *patterns):
    """When the first line of our units that matches each of them was written, by the guest's own clock since its start. The one that is
    set says nothing."""
    journal = vm.run("journalctl --boot --output=short-monotonic --no-pager --unit='scaleway-*'")
    found = [re.search(rf"^\[\s*(\d+\.\d+)\].*(?:{pattern})", journal, re.MULTILINE) for pattern in patterns]
    check(all(found), f"/{'/ and /'.join(patterns)}/ in the journal:\n{journal}")
    return [float(match[1]) for match in found]


def has_the_right_time(vm, what):
    """In the booted system."""
    before = time.time()
    seen = int(vm.run("date +%s"))
    check(before - TOLERANCE < seen < time.time() + TOLERANCE, f"{what}: {seen}, it is {int(before)}")
