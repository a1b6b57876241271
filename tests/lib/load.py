# SPDX-License-Identifier: MIT
"""Work for the root of a booted server while its storage goes and comes: writes that are forced to the disk, each with its checksum, and
reads that no cache answers: of what was written last, which is compared, and of the device. Each write tells its number and the server's
own time over the second serial port."""

import random
import re
import time

from testing import absent, check, equal

SETTLED = 20  # s
WRITE = re.compile(r"^@@write (\d+) (\d+\.\d+)$")
IO_ERROR = r"I/O error|Buffer I/O|EXT4-fs (error|warning)|Aborting journal|Remounting filesystem read-only|shutting down sockets"
# What is written is made in memory before, so that its checksum is that of the data and not of what the disk has made of it.
SCRIPT = r"""
writer() {
    n=0
    while [ -e /run/load/go ]; do
        n=$((n + 1))
        dd if=/dev/urandom of=/run/load/data bs=64k count=1 2>/dev/null
        set -- $(sha256sum /run/load/data)
        if dd if=/run/load/data of=/var/load/$n bs=64k conv=fsync 2>/run/load/dd; then
            echo "$1  /var/load/$n" >>/run/load/sums
            echo "$1  /var/load/$n" >/run/load/last
            read up _ </proc/uptime
            echo "@@write $n $up" >/dev/ttyS1
        else
            cat /run/load/dd >>/run/load/errors
        fi
    done
}
reader() {
    block=0
    compared=0
    while [ -e /run/load/go ]; do
        # Nothing is in it for the moment between two that were written.
        if read -r sum path </run/load/last; then
            if dd if=$path of=/run/load/back bs=64k iflag=direct 2>/run/load/read; then
                set -- $(sha256sum /run/load/back)
                [ "$1" = "$sum" ] || echo "$path is read as $1, and was written as $sum" >>/run/load/errors
                compared=$((compared + 1))
            else
                cat /run/load/read >>/run/load/errors
            fi
        fi
        block=$(((block + 7919) % 8000))
        dd if=/dev/nbd0 of=/dev/null bs=64k count=4 skip=$block iflag=direct 2>/run/load/read || cat /run/load/read >>/run/load/errors
        sleep 0.1
    done
    echo $compared >/run/load/compared
}
# What the supervisor says.
speaker() {
    dmesg --follow | while read -r line; do
        case "$line" in *scaleway-nbd*) echo "@@log $line" >/dev/ttyS1 ;; esac
    done
}
trap '' HUP
mkdir -p /run/load /var/load
: >/run/load/go; : >/run/load/errors; : >/run/load/sums; : >/run/load/last
speaker &
speaker=$!
writer &
writer=$!
reader &
wait $writer $!
kill $speaker
echo >/run/load/done
"""


class Load:
    def __init__(self, vm):
        self.vm = vm
        vm.run(f"cat >/run/load.sh <<'END'\n{SCRIPT}\nEND\nsh /run/load.sh </dev/null >/dev/null 2>&1 &")
        self.next_write(time.monotonic() - vm.started)

    def writes(self):
        """(seconds since the start of QEMU, number, seconds of the server's own clock)"""
        return [(at, int(m.group(1)), float(m.group(2))) for at, line in self.vm.probes.lines() if (m := WRITE.match(line))]

    def next_write(self, after, timeout=60):
        """The first that came after that many seconds since the start of QEMU."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for write in self.writes():
                if write[0] > after:
                    return write
            time.sleep(0.02)
        raise AssertionError(f"no write within {timeout} s; the last ones: {self.writes()[-3:]}")

    def wait_log(self, pattern, timeout=30, since=0):
        """What the supervisor says, from a place in the second serial port's text on. Returns the place after it."""
        return self.vm.probes.wait_for(rf"^@@log .*{pattern}.*\n", timeout, since).end()

    def settled(self, place):
        """What the supervisor says comes later than the next write. It must have come, or the next thing that is lost would be taken for this one."""
        return self.wait_log("is up again", SETTLED, place)

    @property
    def place(self):
        return len(self.vm.probes.text)

    def seconds_after(self, moment):
        """What the server's own clock says has passed from that moment (of time.monotonic()) to the next write that was done."""
        after = moment - self.vm.started
        at, _, up = self.next_write(after)
        # The line that was least late on its way tells by how much the two clocks differ.
        offset = min(a - u for a, _, u in self.writes())
        return up - (after - offset)

    def longest_gap(self):
        """Seconds of the server's clock between two writes."""
        times = [up for _, _, up in self.writes()]
        return max((b - a for a, b in zip(times, times[1:], strict=False)), default=0)

    def stop(self, files_checked=True):
        """Ends it and looks at what it has left. Returns the number of writes."""
        self.vm.run("rm /run/load/go; while [ ! -e /run/load/done ]; do sleep 0.2; done", timeout=120)
        equal(self.vm.run("cat /run/load/errors"), "", "errors of reads and writes")
        absent(self.vm.run("dmesg"), IO_ERROR, "the kernel's log")
        if files_checked:
            self.vm.run("sync; echo 3 >/proc/sys/vm/drop_caches; sha256sum -c --quiet /run/load/sums", timeout=300)
        check(int(self.vm.run("cat /run/load/compared")) > 0, "what was written was read again")
        count = int(self.vm.run("wc -l </run/load/sums"))
        check(count > 0, "something was written")
        return count


def kill_server(bench, load, rounds, limit=2.0):
    """SIGKILL to the server at random moments; back after a random time. Returns the seconds from each return to the next write."""
    result = []
    for i in range(rounds):
        load.next_write(time.monotonic() - load.vm.started)
        time.sleep(random.uniform(0.2, 2.5))
        place = load.place
        bench.server.kill()
        time.sleep(random.uniform(0.2, 4))
        bench.server.start()
        result.append(load.seconds_after(time.monotonic()))
        check(result[-1] <= limit, f"kill {i + 1} of {rounds}: seconds from the server's return to the next write: {result}")
        load.settled(place)
    return result
