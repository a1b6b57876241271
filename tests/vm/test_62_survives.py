# SPDX-License-Identifier: MIT
"""The root while its storage server goes and comes: what looks after the link, and that nothing is lost."""

import json
import os
import re
import shutil
import time

import documents
import ends
import nbd
from load import Load, kill_server
from process import wait_until
from supervisor import record, supervisor
from testing import absent, check, contains, equal, options, rows
from vm import stop_process

HANDSHAKE = 6  # s until it goes on after one that the server does not answer: 3 to give it up
DETECT = 8  # s until a link that is dead without a word is noticed: 3 to 4 s, on a machine that does much else
AGAIN = 5  # s until it goes on after that, and after the server's return when the memory is full
STATUS = "/run/initramfs/usr/bin/scaleway-nbd"


def replaced(bench, vm):
    """A supervisor that is killed has another one in its place, which the server does not notice, and which no longer needs the initrd.
    Returns its number."""
    old, before = supervisor(vm), record(vm)
    sessions = bench.server.output().count("accepted connection")
    vm.run(f"kill -KILL {old}")
    wait_until(lambda: record(vm)["pid"] != int(old), 20, "another supervisor")
    new, after = supervisor(vm), record(vm)
    for key in ("link", "reconnects", "size", "identifier", "uri", "root", "since"):
        equal(after[key], before[key], f"{key} of the record")
    equal(bench.server.output().count("accepted connection"), sessions, "connections that the server saw")
    equal(vm.run(f"readlink /proc/{new}/exe /proc/{new}/root").split(), ["/run/initramfs/usr/bin/scaleway-exit", "/run/initramfs"], "what it needs")
    check(memory(vm, new)["VmLck"] > 0, "its memory is locked")
    equal(vm.run("systemctl is-active scaleway-nbd@0.service", ok=None).strip(), "active", "its unit")
    return new


def in_use(vm):
    """What the root is on is detached by nobody in passing."""
    for command in f"{STATUS} detach 0", f"{STATUS} detach all", "/run/initramfs/usr/sbin/xnbd-client -d /dev/nbd0":
        text = vm.run(f"{command} 2>&1; echo status=$?")
        contains(text, r"^nbd0 is in use, not detaching it", command)
        contains(text, r"^status=1$", command)


def memory(vm, pid):
    """KiB by key, and the number of descriptors."""
    pairs = re.findall(r"^(Vm\w+|Rss\w+):\s+(\d+) kB", vm.read(f"/proc/{pid}/status"), re.M)
    result = {key: int(value) for key, value in pairs} | {"fds": int(vm.run(f"ls /proc/{pid}/fd | wc -l"))}
    return {key: result[key] for key in ("VmSize", "VmRSS", "VmLck", "RssAnon", "fds")}


def away_and_back(load, away, back, lost, limit=AGAIN):
    """Something is taken away, which must be noticed, and put back, after which writing goes on. Returns the seconds of both."""
    place, begin = load.place, time.monotonic()
    away()
    place = load.wait_log(f"lost: {lost}", DETECT, place)
    noticed = time.monotonic() - begin
    back()
    return round(noticed, 1), goes_on(load, place, limit)


def connections(bench):
    """To the server, as its machine has them: the number of bytes in each that it has not read."""
    lines = bench.network.run("ss", "-Htn", "state", "established", f"sport = :{nbd.PORT}").stdout.splitlines()
    return [int(line.split()[0]) for line in lines]


def resets(bench):
    """TCP segments with RST that the server's machine has sent."""
    names, values = [line.split() for line in bench.network.run("cat", "/proc/net/snmp").stdout.splitlines() if line.startswith("Tcp:")]
    return int(values[names.index("OutRsts")])


def reset(bench, load):
    """The server ends with requests that it has not read, and so its machine tells of it by a reset, not by an orderly end."""
    place, before = load.place, resets(bench)
    stop_process(bench.server.child.pid)
    wait_until(lambda: any(connections(bench)), 20, "requests that the server does not read")
    bench.server.kill()
    place = load.wait_log("lost", DETECT, place)
    check(resets(bench) > before, "the connection was reset")
    bench.server.start()
    return goes_on(load, place, 2)


def silent_in_the_handshake(bench, load):
    """The server takes the connection, and before it has said a word its machine is lost. What comes back knows nothing of it."""
    place, network, host = load.place, bench.network, bench.server.host
    network.blackhole(host)
    bench.server.kill()
    place = load.wait_log("lost", DETECT, place)
    bench.server.start()
    stop_process(bench.server.child.pid)
    network.blackhole(host, False)
    wait_until(lambda: connections(bench), 10, "a connection that the server does not look at")
    network.blackhole(host)
    bench.server.kill()
    bench.server.start()
    network.blackhole(host, False)
    return goes_on(load, place, HANDSHAKE)


def goes_on(load, place, limit=AGAIN):
    """place: after the line that the link is lost."""
    again = load.seconds_after(time.monotonic())
    check(again <= limit, f"seconds until it goes on: {again}")
    load.settled(place)
    return round(again, 1)


def refused(bench, load, reason, **changes):
    """The server comes back as something else, which is not taken, and then as it was."""
    place, usual = load.place, {key: getattr(bench.server, key) for key in changes}
    bench.server.kill()
    for key, value in changes.items():
        setattr(bench.server, key, value)
    bench.server.start()
    place = load.wait_log(f"not taking .*: {reason}", 15, place)
    sessions = bench.server.output().count("accepted connection")
    wait_until(lambda: bench.server.output().count("accepted connection") >= sessions + 2, 15, "two more tries")
    absent(load.vm.probes.text[place:], "not taking", "it is said once")
    bench.server.kill()
    for key, value in usual.items():
        setattr(bench.server, key, value)
    bench.server.start()
    return goes_on(load, place)


@rows("C1", "D2")
@options(timeout=900)
def test_all_that_may_happen(bench):
    """To the link, one after the other: the server is killed three times, what leads to it is taken away, it comes back as something
    else. After that the machine goes down, and its file system is in order."""
    vm = bench.boot(cmdline="net.ifnames=0")
    bench.wait_booted()
    pid, address, network = supervisor(vm), bench.first_nic.address, bench.network
    # All that is called while the root is away is in memory.
    vm.run("ip address show dev eth0; sysctl -w net.ipv4.conf.all.promote_secondaries=1")
    before = memory(vm, pid)
    load = Load(vm)
    silent = "the server's machine does not answer"
    seen = {"killed": kill_server(bench, load, 3)}
    last = record(vm)
    equal((last["link"], last["reconnects"]), ("up", 3), f"the record: {last}")
    seen["reset"] = reset(bench, load)
    seen["silent in the handshake"] = silent_in_the_handshake(bench, load)

    seen["cable"] = away_and_back(load, lambda: network.link(0, False), lambda: network.link(0, True), silent)
    load.next_write(time.monotonic() - vm.started)
    seen["packets dropped"] = away_and_back(load, lambda: network.blackhole(bench.server.host), lambda: network.blackhole(bench.server.host, False), silent)
    # By hand: the host's networkd keeps the one that it has, whatever the DHCP server says. For a client that does not see 41_host_network.
    place = load.place
    vm.run(f"ip address add 10.42.0.77/24 dev eth0; ip address del {address}/24 dev eth0")
    changed = time.monotonic()
    load.wait_log("is up again", DETECT + AGAIN, place)
    seen["source address"] = round(load.seconds_after(changed), 1)
    equal(record(vm)["path"]["address"], "10.42.0.77/24", "the path that is kept")
    # A person takes it down, until that is noticed, and up again.
    seen["NIC down and up"] = away_and_back(load, lambda: vm.run("ip link set eth0 down"), lambda: vm.run("ip link set eth0 up"), "")
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
    place = load.place
    bench.server.kill()
    bench.server.filters, bench.server.parameters = ["--filter=delay"], ["rdelay=9", "wdelay=9"]
    bench.server.start()
    place = load.settled(load.wait_log("lost", DETECT, place))
    load.next_write(time.monotonic() - vm.started, timeout=90)
    absent(vm.probes.text[place:], "lost", "the link to a slow server")
    bench.server.kill()
    place = load.wait_log("lost", DETECT, place)
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
    equal(supervisor(vm), pid, "it is the same process")
    after = memory(vm, pid)
    equal((after["VmSize"], after["fds"]), (before["VmSize"], before["fds"]), f"memory and descriptors of the supervisor: {before}, {after}")
    # Twice: the second one gets what the first one has left.
    replaced(bench, vm)
    in_use(vm)
    seen["killed, by another supervisor"] = kill_server(bench, load, 1)
    pid = replaced(bench, vm)
    load.next_write(time.monotonic() - vm.started)
    load.stop()
    status = json.loads(vm.run(f"{STATUS} status --json"))[0]
    equal((status["device"], status["link"], status["pid"]), ("nbd0", "up", int(pid)), f"status: {status}")
    check(status["reconnects"] >= 13, f"reconnects: {status}")
    equal(vm.run("systemctl is-active scaleway-nbd@0.service", ok=None).strip(), "active", "its unit, to the host's systemd")
    check("scaleway-nbd@0.service" not in vm.run("systemctl --failed --plain --no-legend"), "it has not failed")
    print(f"seconds until it was noticed and until it went on: {seen}; memory: {after}")
    ends.Server(bench).take_over().goes_down("poweroff")


IPV6 = {"address": "fd99::3", "netmask": "127", "gateway": "fd99::2"}


@rows("C1", "A25")
def test_ipv6_and_networkd(bench):
    """A root over the address of the metadata, of which the settings of the host know nothing: networkd leaves it, and one that takes it away is
    followed by the supervisor, which puts it back."""
    root = documents.volume(f"nbd://[{IPV6['gateway']}]:{nbd.PORT}")
    # The bridge has the address before the server boots.
    bench.on_network = lambda network: network.add_address(0, f"{IPV6['gateway']}/{IPV6['netmask']}")
    vm = bench.boot(cmdline="net.ifnames=0", metadata={"ipv6": IPV6, "volumes": {"0": root}})
    bench.wait_booted()
    wait_until(lambda: vm.run("systemctl is-active systemd-networkd", ok=None).strip() == "active", 60, "networkd of the host")
    load = Load(vm)
    path = record(vm)["path"]
    equal((path["address"], path["peer"]), (f"{IPV6['address']}/127", IPV6["gateway"]), "the root is over it")
    vm.run("systemctl restart systemd-networkd", timeout=90)
    wait_until(lambda: "configured)" in vm.run("networkctl --no-pager status eth0", ok=None), 60, "the NIC to be configured again")
    contains(vm.run("ip -6 address show dev eth0"), rf"inet6 {IPV6['address']}/", "address after a restart")
    equal(record(vm)["reconnects"], 0, "reconnects so far")
    # Versions before 257 do not know by this that the root is behind the network.
    place = load.place
    vm.run("rm /run/mount/utab")
    # It would answer when it is done, and may need the root for that.
    vm.run("systemctl --no-block restart systemd-networkd")
    load.wait_log("had been taken away, put back", DETECT + 30, place)
    load.wait_log("is up again", AGAIN, place)
    load.next_write(time.monotonic() - vm.started)
    contains(vm.run("ip -6 address show dev eth0"), rf"inet6 {IPV6['address']}/", "address, put back")
    equal(vm.run("systemctl is-active systemd-networkd", ok=None).strip(), "active", "networkd")
    load.stop()
    print(f"the longest time without a write: {load.longest_gap():.1f} s")


MEMORY = 512  # MiB
EACH = 20  # MiB written to each of the volumes
FULL = 0.55  # of all memory waits to be written then; two thirds are that of the volumes
WRITTEN = ("MemTotal", "MemFree", "MemAvailable", "Dirty", "Writeback")


def meminfo(vm):
    """MiB by key, without the root: the shell alone does it."""
    keys = "|".join(f"{key}:" for key in WRITTEN)
    text = vm.run(f'while read -r key value unit; do case "$key" in {keys}) echo "$key $value" ;; esac; done </proc/meminfo')
    return {key: int(value) >> 10 for key, value in re.findall(r"^(\w+): (\d+)$", text, re.M)}


def wait_full(vm, timeout=60):
    """Until enough of the memory waits to be written. Returns meminfo()."""
    deadline = time.monotonic() + timeout
    while True:
        info = meminfo(vm)
        if info["Dirty"] + info["Writeback"] >= info["MemTotal"] * FULL:
            return info
        check(time.monotonic() < deadline, f"the memory is not full of what is to be written within {timeout} s: {info}")
        # Asking is work for the guest as well.
        time.sleep(0.5)


@rows("C1", "B4")
@options(timeout=600)
def test_fifteen_volumes(bench):
    """All links are lost together, and all that waits to be written fills the memory, which can be had only by writing it."""
    folder = os.path.join(bench.folder, "volumes")
    os.mkdir(folder)
    bench.callback(lambda: shutil.rmtree(folder, ignore_errors=True))
    others = {str(i): documents.volume(f"nbd://10.42.0.1:{nbd.PORT + 1}/{i}", name=f"data {i}", id=f"cccccccc-0000-4000-8000-{i:012}")
              for i in range(1, 16)}  # fmt: skip
    for i in others:
        with open(os.path.join(folder, i), "wb") as f:
            f.truncate(64 << 20)
    vm = bench.boot(memory=MEMORY, metadata={"volumes": {"0": documents.volume(f"nbd://10.42.0.1:{nbd.PORT}")} | others})
    server = nbd.NbdkitFolder(bench.network, bench.folder, folder, port=nbd.PORT + 1, number=1)
    bench.callback(server.stop)
    server.start()
    bench.wait_booted()
    pids = vm.run("pgrep -f '@xnbd-client.*/dev/nbd'").split()
    equal(len(pids), 16, "supervisors")
    private = [int(vm.run(f"sed -n 's/^Pss_Anon: *//p' /proc/{pid}/smaps_rollup").split()[0]) for pid in pids[:3]]
    shared = [memory(vm, pid)["VmRSS"] for pid in pids[:3]]
    print(f"KiB of a supervisor of 16: private {private}, resident {shared}")

    load = Load(vm)
    # Nothing is written back by itself, as far as there is room.
    vm.run("sysctl -w vm.dirty_background_ratio=80 vm.dirty_ratio=90 vm.dirty_expire_centisecs=360000 vm.dirty_writeback_centisecs=0")
    # The programs are in memory.
    vm.run("yes | head -c 1 | dd of=/dev/null bs=64k iflag=fullblock conv=notrunc 2>&1")
    load.next_write(time.monotonic() - vm.started)
    server.kill()
    bench.server.kill()
    writers = " ".join(f"( yes {i} | dd of=/dev/nbd{i} bs=64k count={EACH * 16} iflag=fullblock conv=notrunc 2>>/run/load/many ) &" for i in others)
    vm.run(f"{writers} true")
    info = wait_full(vm)
    server.start()
    bench.server.start()
    returned = time.monotonic()
    again = load.seconds_after(returned)
    check(again <= AGAIN, f"seconds from the return of the servers to the root's next write: {again}; {info}")
    wait_until(lambda: vm.read("/run/load/many").count("copied") == len(others), 120, "end of the writers")
    vm.run("sync", timeout=240)
    # All that was written to the volumes is in their files.
    for i in others:
        with open(os.path.join(folder, i), "rb") as f:
            check(f.read(EACH << 20) == (f"{i}\n".encode() * (EACH << 20))[: EACH << 20], f"what volume {i} has")
    load.stop()
    volumes = json.loads(vm.run(f"{STATUS} status --json"))
    equal([volume["device"] for volume in volumes], [f"nbd{i}" for i in range(16)], "the volumes")
    for volume in volumes:
        check(volume["link"] == "up" and volume["reconnects"] >= 1, f"a link that was lost and is up again: {volume}")
    print(f"MiB of {info['MemTotal']} when the servers came back: {info['Dirty']} dirty, {info['Writeback']} being written, {info['MemFree']} free, {info['MemAvailable']} "
          f"available; the root was written {again:.1f} s later")  # fmt: skip
