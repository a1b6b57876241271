# SPDX-License-Identifier: MIT
"""Fuzzes each target for some minutes of processor time, with sanitizers. Called by tests/fuzz-long."""

import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import runner

FUZZ = os.path.join(runner.TESTS, "fuzz")
CORPORA = os.path.join(runner.CACHE, "fuzz")  # what was found before, and is gone on from
LOGS = os.path.join(runner.LOGS, "fuzz-long")
OPTIONS = ["-Dfuzzer-engine=true", "-Db_lundef=false", "-Dman=disabled"]
# Engine → compiler, more options of meson, environment of the build. AFL++ has its own words for the sanitizers.
ENGINES = {
    "libfuzzer": ("clang", ["-Db_sanitize=address,undefined"], {}),
    "afl": ("afl-clang-fast", [], {"AFL_USE_ASAN": "1", "AFL_USE_UBSAN": "1", "AFL_QUIET": "1"}),
}
# A sample that takes longer is a finding; the slowest targets wait for a server of their own for a second or two.
SAMPLE_TIMEOUT = 20
SAMPLE_MEMORY = 1024  # MB, of which the sanitizers take a good part
FINDINGS = ("crash-*", "leak-*", "timeout-*", "oom-*", "default/crashes/id:*", "default/hangs/id:*")
# The machine may have other things to do: a target that gets no processor ends all the same.
WALL_PER_CPU = 20
TICKS = os.sysconf("SC_CLK_TCK")


def targets():
    """Names of the targets, and the folder of each one's corpus: two are built from one source for another implementation."""
    found = {}
    for path in sorted(glob.glob(os.path.join(FUZZ, "fuzz-*.c"))):
        name = os.path.splitext(os.path.basename(path))[0]
        if name != "fuzz-main":
            found[name] = os.path.join(FUZZ, name)
    found["fuzz-http-plain"] = found["fuzz-http"]
    found["fuzz-nbd-newstyle-plain"] = found["fuzz-nbd-handshake"]
    return dict(sorted(found.items()))


def build(engine, names):
    """The folder, or None; the log says why."""
    compiler, options, environment = ENGINES[engine]
    folder = os.path.join(runner.CACHE, f"build-{engine}")
    log = runner.log_path(f"build/{engine}")
    with runner.locked(f"build-{engine}"):
        if not os.path.exists(os.path.join(folder, "build.ninja")):
            shutil.rmtree(folder, ignore_errors=True)
            argv = ["meson", "setup", folder, runner.TOP, *OPTIONS, *options]
            if runner.command(argv, log, env={"CC": compiler, **environment}) != 0:
                return None, log
        # Only the targets: the programs are built elsewhere.
        done = runner.command(["ninja", "-C", folder, *names], log, timeout=3600, append=True, env=environment)
    return (folder if done == 0 else None), log


def cpu_seconds(session):
    """Of all processes of the session, and of their children that have ended."""
    ticks = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[3] == str(session):
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def wait(child, seconds):
    """Until it has ended, or has used that much processor time and was asked to end. Returns the processor time."""
    used, deadline = 0.0, time.monotonic() + seconds * WALL_PER_CPU + 60
    while child.poll() is None:
        used = max(used, cpu_seconds(child.pid))
        if used >= seconds or time.monotonic() > deadline:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(SAMPLE_TIMEOUT + 10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            break
        time.sleep(0.2)
    return used


def number(pattern, text, default=0):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else default


class Outcome:
    def __init__(self, name, seconds, log, findings):
        self.name, self.seconds, self.log, self.findings = name, seconds, log, findings
        self.executions = self.edges = self.known = self.samples = 0

    @property
    def broken(self):
        """Nothing is said of coverage if it did not even get through its corpus."""
        return self.edges == 0

    def line(self):
        share = f"{100 * self.edges / self.known:.0f} %" if self.known else "?"
        found = ", ".join(os.path.basename(path) for path in self.findings) or ("did not run" if self.broken else "nothing")
        return (f"{self.name:26} {self.seconds:8.0f} {self.executions:12} {self.edges:7} of {self.known:<6} {share:>5} "
                f"{self.samples:8}  {found}")  # fmt: skip


def libfuzzer(program, corpus, seeds, logs):
    return [program, f"-timeout={SAMPLE_TIMEOUT}", f"-rss_limit_mb={SAMPLE_MEMORY}", "-print_final_stats=1", "-reload=0",
            f"-artifact_prefix={logs}/", corpus, seeds]  # fmt: skip


def read_libfuzzer(outcome, logs):
    with open(outcome.log, encoding="utf-8", errors="replace") as f:
        text = f.read()
    outcome.executions = number(r"stat::number_of_executed_units: (\d+)", text) or number(r"^#(\d+)\t", text)
    outcome.edges = number(r"\bcov: (\d+)", text)
    outcome.known = number(r"Loaded \d+ modules +\((\d+) inline", text)
    outcome.samples = number(r"\bcorp: (\d+)/", text)


def afl(program, corpus, seeds, logs):
    """Goes on from its corpus of the last time, if there is one. AFL++ takes no empty sample."""
    shutil.copytree(seeds, corpus, dirs_exist_ok=True)
    for entry in os.scandir(corpus):
        if entry.stat().st_size == 0:
            os.unlink(entry.path)
    return ["afl-fuzz", "-m", "none", "-t", str(1000 * SAMPLE_TIMEOUT), "-i", corpus, "-o", logs, "--", program]


def read_afl(outcome, logs):
    try:
        with open(os.path.join(logs, "default", "fuzzer_stats"), encoding="utf-8") as f:
            values = dict(re.findall(r"^(\w+) *: *(\d+)", f.read(), re.MULTILINE))
    except OSError:
        return
    outcome.executions, outcome.edges, outcome.known, outcome.samples = (
        int(values.get(key, 0)) for key in ("execs_done", "edges_found", "total_edges", "corpus_count"))  # fmt: skip


def fuzz(engine, name, seeds, folder, seconds):
    corpus, logs = os.path.join(CORPORA, engine, name), os.path.join(LOGS, engine, name)
    shutil.rmtree(logs, ignore_errors=True)
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(logs)
    log = os.path.join(logs, "output.log")
    prepare, read = {"libfuzzer": (libfuzzer, read_libfuzzer), "afl": (afl, read_afl)}[engine]
    argv = prepare(os.path.join(folder, name), corpus, seeds, logs)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="fuzz-long-", dir=memory) as scratch, open(log, "wb") as f:
        # The one takes it amiss if the machine's core pattern or its clock governor are not as it likes them.
        environment = {**os.environ, "TMPDIR": scratch, "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1", "AFL_NO_UI": "1",
                       "AFL_NO_AFFINITY": "1", "AFL_SKIP_CPUFREQ": "1", "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1"}  # fmt: skip
        if engine == "afl":
            del environment["UBSAN_OPTIONS"]
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT, env=environment, cwd=scratch,
                                 start_new_session=True)  # fmt: skip
        try:
            used = wait(child, seconds)
        except BaseException:
            child.kill()
            child.wait()
            raise
    outcome = Outcome(name, used, log, sorted(path for pattern in FINDINGS for path in glob.glob(os.path.join(logs, pattern))))
    read(outcome, logs)
    return outcome


def main():
    parser = argparse.ArgumentParser(prog="tests/fuzz-long", description="Looks for inputs that crash the parsers.")
    parser.add_argument("minutes", type=float, metavar="MINUTES", help="processor time of each target")
    parser.add_argument("-k", metavar="PATTERN", help="only targets whose name matches this regular expression")
    parser.add_argument("--engine", choices=ENGINES, default="libfuzzer", help="default: %(default)s")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, help="targets at a time (default: %(default)s)")
    arguments = parser.parse_args()
    chosen = {name: seeds for name, seeds in targets().items() if not arguments.k or re.search(arguments.k, name)}
    if not chosen or arguments.minutes <= 0:
        parser.error("there is no such target" if not chosen else "MINUTES: more than 0")

    runner.set_up()
    if not shutil.which(ENGINES[arguments.engine][0]):
        print(f"{ENGINES[arguments.engine][0]} is missing", file=sys.stderr)
        return 1
    folder, log = build(arguments.engine, chosen)
    if not folder:
        print(f"The targets could not be built:\n{runner.last_lines(log, 25)}", file=sys.stderr)
        return 1

    print(f"{'target':26} {'CPU s':>8} {'executions':>12} {'edges':>7}    {'of':6} {'':5} {'samples':>8}  found", flush=True)
    bad = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        futures = [pool.submit(fuzz, arguments.engine, name, seeds, folder, 60 * arguments.minutes) for name, seeds in chosen.items()]
        try:
            for future in concurrent.futures.as_completed(futures):
                outcome = future.result()
                print(outcome.line(), flush=True)
                if outcome.findings or outcome.broken:
                    bad.append(outcome)
        except BaseException:
            for future in futures:
                future.cancel()
            raise
    for outcome in bad:
        print(f"{outcome.name}: log: {os.path.relpath(outcome.log)}")
    print(f"{len(chosen)} targets, {sum(len(outcome.findings) for outcome in bad)} findings")
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
