# SPDX-License-Identifier: MIT
"""`tests/bench stream`: a root of 600 MB from a web server on loopback into a tmpfs, beside curl and a tar in a pipe.

    plain, gz, xz, zst   the same tree: Debian's of the test image, a part of it once more, packed by GNU tar
    wall                 seconds until the last program has ended
    cpu                  seconds of processor time, user and system, of all its processes, not of the server

All begin with an empty directory, one after the other, in another order each round. In a first round, which does not count, each result
is compared with the tree, entry by entry: type, mode, owner, time, size, contents, link target, hard links. The programs of a pipe are as
Debian has them; xz may use all processors (XZ_DEFAULTS=-T0), which is its default from 5.6 on, and the xz archive was made so. busybox
has no zstd and gets it from zstd(1).

With --vm all this happens in a guest with two processors, see bench_stream_vm.py.

The goal for each format: not slower, and not more processor time, than the best of the peers."""

import contextlib
import ctypes
import dataclasses
import os
import shutil
import socket
import stat
import statistics
import subprocess
import tempfile
import time

import bench_nbd
import bench_options
import bench_peers
import bench_report
import image
import process
from bench import CACHE
from bench_nbd import LOGS
from bench_report import Figure, Goal

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MEMORY = "/dev/shm"  # a tmpfs; a disk of the host would be measured, too
SIZE = 600  # MB
TIMEOUT = 300
FORMATS = ("plain", "gz", "xz", "zst")
PACK = {
    "gz": ["gzip", "-6", "-c"],
    "xz": ["xz", "-3", "-T0", "-c"],
    "zst": ["zstd", "-q", "-3", "-c"],
}
LIMIT = 1.0
PR_SET_CHILD_SUBREAPER = 36
SERVER = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
daemon off;
events {{}}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    default_type application/octet-stream;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    server {{ listen {host}:{port}; root {folder}/www; }}
}}
"""


@dataclasses.dataclass
class Peer:
    """command: format → shell command; $URL and $TARGET are set."""

    name: str
    title: str
    command: dict
    ours: bool = False


def pipes(text, **filters):
    """text with the format's part in the place of FILTER."""
    return {f: "set -o pipefail; curl -sSf \"$URL\" | " + text.replace("FILTER", filters.get(f, "")) for f in FORMATS}


PEERS = [
    Peer("scaleway-stream", "scaleway-stream", dict.fromkeys(FORMATS, 'exec "$PROGRAM" --progress=0 "$URL" "$TARGET"'), ours=True),
    Peer("gnu-tar", "curl | tar", pipes('tar -xFILTERf - --numeric-owner -C "$TARGET"', gz="z", xz="J", zst="I zstd -")),
    Peer("bsdtar", "curl | bsdtar", pipes('bsdtar -xpf - --numeric-owner -C "$TARGET"')),
    Peer("busybox", "curl | busybox tar", pipes('FILTERbusybox tar -xf - -C "$TARGET"', gz="busybox zcat | ", xz="busybox xzcat | ",
                                                 zst="zstd -dc | ")),
]  # fmt: skip


def figures(formats):
    return [
        Figure(f"{f}-{kind}", f"{f}: {title}", "s")
        for f in formats
        for kind, title in (("wall", "time"), ("cpu", "processor time"))
    ]


def bytes_below(path):
    return int(subprocess.run(["du", "-sb", path], capture_output=True, text=True, check=True).stdout.split()[0])


def make_tree(source, tree, size):
    """A copy of source, and of parts of it once more until it has size bytes; or of parts only, if it is larger."""
    total = bytes_below(source)
    if total <= size:
        subprocess.run(["cp", "-a", source, tree], check=True)
    else:
        total = 0
    more = os.path.join(tree, "srv/more")
    os.makedirs(more)
    for turn in range(4):
        for folder in ("usr/share", "usr/bin", "usr/lib/x86_64-linux-gnu", "usr/lib/modules"):
            path = os.path.join(source, folder)
            if not os.path.isdir(path) or total + bytes_below(path) > size * 1.02:
                continue
            subprocess.run(["cp", "-a", path, os.path.join(more, f"{turn}-{folder.replace('/', '-')}")], check=True)
            total += bytes_below(path)
    os.utime(more, (10**9, 10**9))


def pack(arguments, folder, formats):
    """The archives in folder/www, from the cache, as packing takes longer than the bench; the tree is unpacked from "plain" for the
    comparison."""
    megabytes = arguments.size
    key = (arguments.tree or "image", str(megabytes))

    def plain(path):
        source = arguments.tree or os.environ.get("SCALEWAY_TREE") or str(image.build().tree)
        with tempfile.TemporaryDirectory(dir=folder) as new:
            tree = os.path.join(new, "tree")
            make_tree(source, tree, megabytes * 10**6)
            subprocess.run(["tar", "--create", "--sort=name", "--format=gnu", "--numeric-owner", f"--file={path}",
                            f"--directory={tree}", "."], check=True)  # fmt: skip

    def packed(path):
        with open(path, "wb") as f:
            subprocess.run([*PACK[name], source], stdout=f, check=True)

    source = bench_peers.cached("stream.plain", bench_peers.digest(*key), plain)
    os.mkdir(os.path.join(folder, "www"))
    for name in ("plain", *formats):
        path = source if name == "plain" else bench_peers.cached(f"stream.{name}", bench_peers.digest(*key, name), packed)
        if name == "plain" or name in formats:
            shutil.copyfile(path, os.path.join(folder, "www", name))


def build():
    """Compiled here as in the image; returns the program."""
    folder = os.path.join(CACHE, "bench-stream-build")
    log = os.path.join(LOGS, "bench-stream-build.log")
    with open(log, "w", encoding="utf-8") as f:
        setup = [] if os.path.exists(os.path.join(folder, "build.ninja")) else [
            ["meson", "setup", folder, SOURCE, "-Dtests=false", "-Dman=disabled", "-Db_lto=true"]
        ]  # fmt: skip
        for command in (*setup, ["ninja", "-C", folder, "scaleway-stream"]):
            if subprocess.run(command, stdout=f, stderr=f, check=False).returncode != 0:
                raise RuntimeError(f"{command[0]} failed, see {log}")
    return os.path.join(folder, "scaleway-stream")


def look(root):
    """{path: what it is}; hard links by the first of their names. Directories that tar makes by itself have no time to compare."""
    result, first = {}, {}
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted([*folders, *files]):
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root)
            st = os.lstat(path)
            row = [st.st_mode, st.st_uid, st.st_gid, int(st.st_mtime)]
            if stat.S_ISREG(st.st_mode):
                row += [st.st_size, st.st_nlink, first.setdefault(st.st_ino, relative)]
            elif stat.S_ISLNK(st.st_mode):
                row += [os.readlink(path)]
            elif not stat.S_ISDIR(st.st_mode):
                row += [st.st_rdev]
            result[relative] = row
    return result


def same_contents(a, b):
    with open(a, "rb") as f, open(b, "rb") as g:
        while True:
            x, y = f.read(1 << 20), g.read(1 << 20)
            if x != y:
                return False
            if not x:
                return True


def compare(found, expected, rows):
    """Raises if the tree found differs from the one expected, of which rows is the look()."""
    other = look(found)
    for path in sorted({*rows, *other}):
        if rows.get(path) != other.get(path):
            raise RuntimeError(f"{path}: {other.get(path)}, but it is {rows.get(path)}")
        if stat.S_ISREG(rows[path][0]) and not same_contents(os.path.join(found, path), os.path.join(expected, path)):
            raise RuntimeError(f"{path}: other contents")


def empty(target):
    shutil.rmtree(target, ignore_errors=True)
    os.mkdir(target)


def orphans(group):
    """Processor time of children of the process group that nobody has waited for: busybox does not wait for its decompressor."""
    total = 0
    with contextlib.suppress(ChildProcessError):
        while True:
            usage = os.wait4(-group, 0)[2]
            total += usage.ru_utime + usage.ru_stime
    return total


def unpack(peer, name, port, target, program):
    """Returns {"wall", "cpu"} in seconds."""
    empty(target)
    environment = {**os.environ, "URL": f"http://127.0.0.1:{port}/{name}", "TARGET": target, "PROGRAM": program, "XZ_DEFAULTS": "-T0"}
    with tempfile.TemporaryFile() as log:
        begin = time.monotonic()
        child = subprocess.Popen(["bash", "-c", peer.command[name]], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True)  # fmt: skip
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu = usage.ru_utime + usage.ru_stime + orphans(child.pid)
        if child.returncode != 0:
            log.seek(0)
            raise RuntimeError(f"{peer.name}, {name}: exit status {child.returncode}: {log.read()[-500:].decode(errors='replace')}")
    return {"wall": wall, "cpu": cpu}


def run_round(number, peers, formats, unpack_one, check=None):
    """The entries of one round. unpack_one: of a peer and a format. check: called after each."""
    results = [{"peer": p.name, "round": number} for p in peers]
    for turn, name in enumerate(formats):
        for i in range(len(peers)):
            index = (i + number + turn) % len(peers)
            try:
                for kind, value in unpack_one(peers[index], name).items():
                    results[index][f"{name}-{kind}"] = value
                if check:
                    check()
            except RuntimeError as e:
                results[index]["error"] = f"{name}: {e}"
    return results


def run_rounds(count, formats, rounds, unpack_one, check):
    """All that is to be said goes to the terminal, all that counts to rounds. In the round before the first one it is looked at what
    they unpack."""
    first = run_round(0, PEERS, formats, unpack_one, check)
    for result in first:
        if "error" in result:
            print(f"bench: {result['peer']} is not right: {result['error']}")
            if result["peer"] == PEERS[0].name:
                raise RuntimeError("the result of scaleway-stream is wrong")
    for number in range(1, count + 1):
        results = run_round(number, PEERS, formats, unpack_one)
        rounds.extend(results)
        for result in results:
            bench_nbd.tell(result, figures(formats))


def goals(peers, formats):
    ours = next(p.name for p in peers if p.ours)

    def of(rounds):
        result = []
        for figure in figures(formats):
            medians = {
                p.name: statistics.median(v)
                for p in peers
                if not p.ours and (v := bench_report.values(rounds, p.name, figure.key))
            }
            if medians:
                best = min(medians, key=medians.get)
                ratio = bench_report.paired(rounds, figure.key, ours, best)
                result.append(Goal(f"{figure.key}: {ours} ÷ {best}, the best", ratio, LIMIT))
        return result

    return of


@contextlib.contextmanager
def server(folder, host="127.0.0.1", port=0, prefix=()):
    """nginx over folder/www, its port; 0: a free one of loopback. prefix: see process.Child."""
    if port == 0:
        with socket.create_server((host, 0)) as s:
            port = s.getsockname()[1]
    config = os.path.join(folder, "nginx.conf")
    with open(config, "w", encoding="utf-8") as f:
        f.write(SERVER.format(folder=folder, host=host, port=port))
    child = process.Child([process.find("nginx"), "-c", config], os.path.join(LOGS, "bench-stream-nginx.log"), prefix)
    try:
        process.wait_until(lambda: os.path.exists(os.path.join(folder, "nginx.pid")), 10, "nginx", child)
        yield port
    finally:
        child.stop()


@contextlib.contextmanager
def archives(arguments, formats):
    """(folder of the server, that of the tree which is in the archives), in memory."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        os.chmod(folder, 0o755)
        pack(arguments, folder, formats)
        expected = os.path.join(folder, "expected")
        os.mkdir(expected)
        plain = os.path.join(folder, "www/plain")
        subprocess.run(["tar", "-xf", plain, "--numeric-owner", "-C", expected], check=True)
        print(f"bench: {sum(len(d) + len(f) for _, d, f in os.walk(expected))} entries, {os.path.getsize(plain) / 1e6:.0f} MB")
        yield folder, expected


def run_here(arguments, formats, rounds):
    program = os.path.abspath(arguments.program) if arguments.program else build()
    with archives(arguments, formats) as (folder, expected), server(folder) as port:
        target = os.path.join(folder, "target")
        rows = look(expected)
        run_rounds(arguments.rounds, formats, rounds, lambda peer, name: unpack(peer, name, port, target, program),
                   lambda: compare(target, expected, rows))  # fmt: skip


def run(arguments):
    process.need("nginx", "curl", "tar", "bsdtar", "busybox", "gzip", "xz", "zstd", "bash")
    os.makedirs(LOGS, exist_ok=True)
    formats = tuple(arguments.format or FORMATS)
    rounds = []

    def go():
        if arguments.vm:
            import bench_stream_vm

            bench_stream_vm.run(arguments, formats, rounds)
        else:
            run_here(arguments, formats, rounds)

    # Orphans become children of this process, see orphans().
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    complete = bench_nbd.guarded(go, f"{arguments.rounds} rounds of {len(formats)} formats for {len(PEERS)}")
    name = "bench-stream-vm" if arguments.vm else "bench-stream"
    return bench_nbd.finish(name, rounds, figures(formats), PEERS, goals(PEERS, formats), complete, arguments.strict)


def add_parser(commands):
    brief = "a root of 600 MB from a web server into a tmpfs, beside curl | tar: time and processor time"
    parser = bench_options.add_parser(commands, "stream", brief, __doc__, run, rounds=7)
    parser.add_argument("--vm", action="store_true", help="in a guest, with scaleway-stream of the test image")
    parser.add_argument("--format", action="append", default=[], choices=FORMATS, metavar="NAME",
                        help=f"only this one, may be repeated: {', '.join(FORMATS)}")  # fmt: skip
    parser.add_argument("--size", type=int, default=SIZE, metavar="MB", help="of the tree (default: %(default)s)")
    parser.add_argument("--tree", metavar="DIRECTORY", help="the tree to pack (default: of the test image)")
    parser.add_argument("--program", metavar="FILE", help="scaleway-stream of the host (default: compiled now)")
