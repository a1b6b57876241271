# SPDX-License-Identifier: MIT
"""Tables and one JSON document from the raw figures of a bench."""

import dataclasses
import datetime
import json
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


def values(rounds, peer, key):
    return [r[key] for r in rounds if r["peer"] == peer and r.get(key) is not None]


def summary(rounds, figures, peers):
    """figure → peer → {n, min, median, max}"""
    result = {}
    for figure in figures:
        result[figure.key] = {}
        for peer in peers:
            raw = values(rounds, peer, figure.key)
            if raw:
                middle = statistics.median(raw)
                result[figure.key][peer] = {"n": len(raw), "min": min(raw), "median": middle, "max": max(raw)}
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
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = [f"{figure.title} ({figure.unit})"]
    for line in lines:
        cells = [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        text.append("  " + "  ".join(cells).rstrip())
    return text


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
