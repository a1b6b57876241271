# SPDX-License-Identifier: MIT
"""What a boot costs, against tests/budgets.json: whatever is added shows its price here."""

import budget
from testing import options


@options(timeout=900)
def test_plain(bench):
    budget.hold("plain", budget.figures(bench, bench.parts.initrd))


@options(timeout=900)
def test_lean(bench):
    budget.hold("lean", budget.figures(bench, bench.parts.initrd_lean))
