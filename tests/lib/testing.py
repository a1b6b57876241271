# SPDX-License-Identifier: MIT
"""What a test file needs: the rows marker and checks whose failure says what was seen."""

import re


class Skip(Exception):
    """A tool is missing. The runner counts it and fails, because a skipped test is not a passed one."""


def rows(*ids):
    """Names the rows of the feature list that a test stands for. Read from the source too, so keep the ids literal."""

    def mark(function):
        function.rows = ids
        return function

    return mark


def options(**values):
    """Settings of one test for the runner, literal: timeout (s); load, of a test that mostly waits: which part of a processor it keeps busy."""

    def mark(function):
        function.options = values
        return function

    return mark


def _shorten(text, limit=3000):
    text = text if isinstance(text, str) else repr(text)
    return text if len(text) <= limit else text[:limit] + f"… ({len(text)} characters)"


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}\n  expected: {_shorten(repr(expected))}\n  actual:   {_shorten(repr(actual))}")


def contains(text, pattern, what):
    """Returns the match."""
    match = re.search(pattern, text, re.MULTILINE)
    if not match:
        raise AssertionError(f"{what}\n  pattern: {pattern}\n  not in:  {_shorten(text)}")
    return match


def absent(text, pattern, what):
    match = re.search(pattern, text, re.MULTILINE)
    if match:
        raise AssertionError(f"{what}\n  pattern: {pattern}\n  found:   {match.group(0)!r}")


def in_order(positions, what):
    """positions: name → a number such as the time or place of a line; None means that it was not seen."""
    missing = [name for name, at in positions.items() if at is None]
    if missing:
        raise AssertionError(f"{what}: never seen: {', '.join(missing)}")
    names = list(positions)
    actual = sorted(names, key=positions.get)
    if actual != names:
        raise AssertionError(f"{what}\n  expected: {names}\n  actual:   {actual} {positions}")
