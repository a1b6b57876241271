# SPDX-License-Identifier: MIT
"""Tables and one JSON document from the raw figures of a bench."""

import dataclasses
import datetime
import json
import operator
import os
import platform
import statistics
import subprocess


@dataclasses.dataclass
class Figure:
    """scale: what a raw value is divided by to be printed. base: peer whose median the others are also told against."""

    key: str
    title: str
    unit: str
    scale: float = 1
    digits: int = 2
    base: str | None = None


@dataclasses.dataclass
class Goal:
    """ratio: of spread() or within_rounds(). limit: what its median may be at most, or, with at_least, at least."""

    title: str
    ratio: dict | None
    limit: float
    at_least: bool = False

    @property
    def met(self):
        return self.ratio["median"] >= self.limit if self.at_least else self.ratio["median"] <= self.limit

    @property
    def verdict(self):
        """A median says little if there are rounds on either side of the limit."""
        verdict = "met" if self.met else "MISSED"
        return f"undecided ({verdict})" if self.ratio["min"] <= self.limit <= self.ratio["max"] else verdict

    def document(self):
        return {**dataclasses.asdict(self), "verdict": self.verdict}


def exit_status(whole, verdicts, strict):
    """whole: every round came to its end. A goal that is undecided is not missed, whatever its median: another run may tell."""
    return 0 if whole and not (strict and "MISSED" in verdicts) else 1


def values(rounds, peer, key):
    return [r[key] for r in rounds if r["peer"] == peer and r.get(key) is not None]


def spread(raw):
    """n, min, median, max; None of nothing."""
    return {"n": len(raw), "min": min(raw), "median": statistics.median(raw), "max": max(raw)} if raw else None


def summary(rounds, figures, peers):
    """figure → peer → {n, min, median, max}"""
    result = {}
    for figure in figures:
        result[figure.key] = {}
        for peer in peers:
            row = spread(values(rounds, peer, figure.key))
            if row:
                result[figure.key][peer] = row
    return result


def ratios(summarized, ours):
    """figure → one of ours → other → median / median"""
    result = {}
    for key, rows in summarized.items():
        result[key] = {
            mine: {
                other: rows[mine]["median"] / rows[other]["median"]
                for other in rows
                if other != mine and rows[other]["median"]
            }
            for mine in ours
            if mine in rows
        }
    return result


def within_rounds(rounds, key, mine, other, compare):
    """spread() of compare(mine, other) in each round, where both ran under the same conditions, but with that of the
    medians as the median, as in the tables. None if it cannot be told."""
    by_round = {}
    for r in rounds:
        if r.get(key) is not None:
            by_round.setdefault(r["round"], {})[r["peer"]] = r[key]
    result = spread([compare(row[mine], row[other]) for row in by_round.values() if mine in row and row.get(other)])
    if result:
        result["median"] = compare(*(statistics.median(values(rounds, peer, key)) for peer in (mine, other)))
    return result


def paired(rounds, key, mine, other):
    return within_rounds(rounds, key, mine, other, operator.truediv)


def all_paired(rounds, figures, ours, peers):
    """figure → one of ours → other → paired()"""
    return {
        figure.key: {
            mine: {other: paired(rounds, figure.key, mine, other) for other in peers if other != mine} for mine in ours
        }
        for figure in figures
    }


def columns(lines):
    """The first column to the left, the others to the right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = []
    for line in lines:
        cells = [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        text.append("  " + "  ".join(cells).rstrip())
    return text


def goal_table(goals):
    lines = [["", "n", "min", "median", "max", "goal", ""]]
    for goal in goals:
        row = goal.ratio
        numbers = [f"{row[key]:.2f}" for key in ("min", "median", "max")]
        sign = "≥" if goal.at_least else "≤"
        lines.append([goal.title, str(row["n"]), *numbers, f"{sign} {goal.limit}", goal.verdict])
    return ["Goals (min and max: of the rounds; median: of the medians)", *columns(lines)]


def table(figure, rows, ratio, ours):
    """Lines: a row for each peer, and in the last columns what each of ours is of it."""
    ours = [name for name in ours if name in rows]
    base = rows.get(figure.base, {}).get("median")
    head = ["", "n", "min", "median", "max"]
    if base is not None:
        head.append(f"over {figure.base}")
    head += [f"{name} ÷ it" for name in ours]
    lines = [head]

    def number(value):
        return f"{value / figure.scale:.{figure.digits}f}"

    for name, row in rows.items():
        line = [name, str(row["n"]), number(row["min"]), number(row["median"]), number(row["max"])]
        if base is not None:
            line.append(number(row["median"] - base))
        line += [f"{ratio[mine][name]:.2f}" if name in ratio.get(mine, {}) else "" for mine in ours]
        lines.append(line)
    return [f"{figure.title} ({figure.unit})", *columns(lines)]


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def machine(qemu):
    version = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "qemu": version.splitlines()[0] if version else None,
        "load": os.getloadavg(),
    }


def write(folder, name, document):
    """Returns the path."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{name}-{datetime.datetime.now():%Y%m%d-%H%M%S}.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(document, f, indent=1, ensure_ascii=False)
        f.write("\n")
    return path
