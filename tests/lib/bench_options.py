# SPDX-License-Identifier: MIT
"""What the command lines of the benches have in common."""

import argparse


def add_parser(commands, name, brief, module_doc, run, rounds):
    """A sub-command of tests/bench with --rounds and --strict; run takes what was parsed. Returns it, for options of its own."""
    parser = commands.add_parser(
        name, help=brief, description=module_doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=rounds, metavar="N", help="of each peer (default: %(default)s)")
    parser.add_argument("--strict", action="store_true", help="exit status 1 if a goal is missed; an undecided one is not")
    parser.set_defaults(run=run)
    return parser
