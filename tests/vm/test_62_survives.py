# SPDX-License-Identifier: MIT
"""The root while its storage server goes and comes: what looks after the link, and that nothing is lost."""

import json
import os
import re
import time

from load import Load, kill_server
from testing import absent, check, contains, equal, options, rows

DETECT = 8  # s until a link that is dead without a word is noticed: 3 to 4 s, on a machine that does much else
AGAIN = 5  # s until it goes on after that
STATUS = "/run/initramfs/usr/bin/scaleway-nbd"


def record(vm, index=0):
    return json.loads(vm.read(f"/run/scaleway/nbd/{index}.json"))


def supervisor(vm, index=0):
    """The process as those look for it who must not end it."""
    pid = vm.run(f"pgrep -f '@xnbd-client.*/dev/nbd{index}'").strip()
    equal(record(vm, index)["pid"], int(pid), "the record names the supervisor")
    equal(vm.read(f"/run/sendsigs.omit.d/nbd{index}.pid").strip(), pid, "so does /run/sendsigs.omit.d")
    equal(vm.read(f"/proc/{pid}/oom_score_adj").strip(), "-1000", "oom_score_adj")
    return pid


def memory(vm, pid):
    """KiB by key, and the number of descriptors."""
    pairs = re.findall(r"^(Vm\w+|Rss\w+):\s+(\d+) kB", vm.read(f"/proc/{pid}/status"), re.M)
    result = {key: int(value) for key, value in pairs} | {"fds": int(vm.run(f"ls /proc/{pid}/fd | wc -l"))}
    return {key: result[key] for key in ("VmSize", "VmRSS", "VmLck", "RssAnon", "fds")}


@rows("C1", "D2")
def test_server_is_killed(bench):
    """Three times, while it is written and read."""
    vm = bench.boot()
    bench.wait_booted()
    pid = supervisor(vm)
    before = memory(vm, pid)
    load = Load(vm)
    seconds = kill_server(bench, load, 3)
    load.stop()
    last = record(vm)
    equal((last["link"], last["reconnects"]), ("up", 3), f"the record: {last}")
    after = memory(vm, pid)
    print(f"seconds from the server's return to the next write: {seconds}; memory: {before}, then {after}")
    equal((after["VmSize"], after["fds"]), (before["VmSize"], before["fds"]), "memory and descriptors of the supervisor")
    equal(supervisor(vm), pid, "it is the same process")
    equal(vm.run("systemctl is-active scaleway-nbd@0.service", ok=None).strip(), "active", "its unit, to the host's systemd")
    check("scaleway-nbd@0.service" not in vm.run("systemctl --failed --plain --no-legend"), "it has not failed")


def away_and_back(load, away, back, lost, pause=1.0, limit=AGAIN):
    """Something is taken away, which must be noticed, and put back, after which writing goes on. Returns the seconds of both."""
    place, begin = load.place, time.monotonic()
    away()
    place = load.wait_log(f"lost: {lost}", DETECT, place)
    noticed = time.monotonic() - begin
    time.sleep(pause)
    back()
    again = load.seconds_after(time.monotonic())
    check(again <= limit, f"seconds until it goes on: {again}")
    return round(noticed, 1), round(again, 1)


def refused(bench, load, reason, **changes):
    """The server comes back as something else, which is not taken, and then as it was."""
    place, usual = load.place, {key: getattr(bench.server, key) for key in changes}
    bench.server.kill()
    for key, value in changes.items():
        setattr(bench.server, key, value)
    bench.server.start()
    place = load.wait_log(f"not taking .*: {reason}", 15, place)
    sessions = bench.server.output().count("accepted connection")
    time.sleep(5)
    absent(load.vm.probes.text[place:], "not taking", "it is said once")
    check(bench.server.output().count("accepted connection") > sessions, "it is tried again")
    bench.server.kill()
    for key, value in usual.items():
        setattr(bench.server, key, value)
    bench.server.start()
    seconds = load.seconds_after(time.monotonic())
    check(seconds <= AGAIN, f"seconds until it goes on with the right one: {seconds}")
    return round(seconds, 1)


@rows("C1")
@options(timeout=600)
def test_all_that_may_happen(bench):
    """To the link, one after the other."""
    vm = bench.boot(cmdline="net.ifnames=0")
    bench.wait_booted()
    pid, address, network = supervisor(vm), bench.first_nic.address, bench.network
    # All that is called while the root is away is in memory.
    vm.run("ip address show dev eth0; sysctl -w net.ipv4.conf.all.promote_secondaries=1; sleep 0")
    load = Load(vm)
    silent = "the server's machine does not answer"
    seen = {}

    seen["cable"] = away_and_back(load, lambda: network.link(0, False), lambda: network.link(0, True), silent)
    load.next_write(time.monotonic() - vm.started)
    seen["packets dropped"] = away_and_back(load, lambda: network.blackhole(bench.server.host), lambda: network.blackhole(bench.server.host, False), silent)
    # The host's DHCP client got another address.
    place = load.place
    vm.run(f"ip address add 10.42.0.77/24 dev eth0; ip address del {address}/24 dev eth0")
    changed = time.monotonic()
    load.wait_log("is up again", DETECT + AGAIN, place)
    seen["source address"] = round(load.seconds_after(changed), 1)
    equal(record(vm)["path"]["address"], "10.42.0.77", "the path that is kept")
    # A person takes it down, and up again.
    place = load.place
    vm.run("ip link set eth0 down; sleep 2; ip link set eth0 up", ok=None)
    changed = time.monotonic()
    load.wait_log("is up again", DETECT + AGAIN, place)
    seen["NIC down and up"] = round(load.seconds_after(changed), 1)
    # Nobody brings it back, so the supervisor does.
    place = load.place
    vm.run("ip address flush dev eth0; ip link set eth0 down")
    changed = time.monotonic()
    load.wait_log("had been taken away, put back", DETECT + AGAIN, place)
    load.wait_log("is up again", AGAIN, place)
    seen["NIC left down without an address"] = round(load.seconds_after(changed), 1)

    size = os.path.getsize(bench.disk)
    seen["smaller"] = refused(bench, load, f"the export has {size - 4096} bytes now, less than the {size}",
                              filters=["--filter=truncate"], parameters=[f"truncate={size - 4096}"])  # fmt: skip
    seen["read-only"] = refused(bench, load, "the export is read-only now", readonly=True)
    seen["larger"] = refused(bench, load, f"the export has {size + 4096} bytes now, more than the {size}",
                             filters=["--filter=truncate"], parameters=[f"truncate={size + 4096}"])  # fmt: skip

    # Nine seconds for each request, and the link is left alone.
    bench.server.kill()
    bench.server.filters, bench.server.parameters = ["--filter=delay"], ["rdelay=9", "wdelay=9"]
    bench.server.start()
    place = load.wait_log("is up again", AGAIN, load.place)
    before = len(load.writes())
    load.next_write(time.monotonic() - vm.started, timeout=90)
    absent(vm.probes.text[place:], "lost", "the link to a slow server")
    bench.server.kill()
    bench.server.filters, bench.server.parameters = (), ()
    # And it has grown.
    os.truncate(bench.disk, size + (64 << 20))
    place = load.place
    bench.server.start()
    load.wait_log("not taking .* more than", AGAIN, place)
    contains(vm.run(f"{STATUS} status"), r"^nbd0: link down .* the reason: the export has \d+ bytes now, more than", "status, without the root")
    contains(vm.run(f"{STATUS} resize 0"), rf"^nbd0: grown from {size} to {size + (64 << 20)} bytes$", "resize")
    load.next_write(time.monotonic() - vm.started)
    equal(int(vm.read("/sys/block/nbd0/size")) * 512, size + (64 << 20), "size of the device")
    vm.run("resize2fs /dev/nbd0", timeout=120)
    # While it is up, by a second connection.
    os.truncate(bench.disk, size + (96 << 20))
    contains(vm.run(f"{STATUS} resize 0"), r"^nbd0: grown from ", "resize of a link that is up")
    load.next_write(time.monotonic() - vm.started)
    load.stop()
    equal(supervisor(vm), pid, "it is the same process")
    status = json.loads(vm.run(f"{STATUS} status --json"))[0]
    equal((status["device"], status["link"], status["pid"]), ("nbd0", "up", int(pid)), f"status: {status}")
    check(status["reconnects"] >= 12 and before > 0, f"reconnects: {status}")
    print(f"seconds until it was noticed and until it went on: {seen}")
