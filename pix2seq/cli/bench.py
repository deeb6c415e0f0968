"""``bench``: how fast this machine looks, writes and trains, against goals."""

from __future__ import annotations

import argparse
import json
import sys

from pix2seq.cli.checks import check_input, check_output
from pix2seq.cli.command import Command, read_text, write_json
from pix2seq.config import ConfigError


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", default="mini", help="name or folder (default: mini)")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, about a minute")
    parser.add_argument("--photos", metavar="DIR", help="500 of them for the row of many pictures")
    parser.add_argument("--json", metavar="FILE", help="figures and machine (- prints them)")
    parser.add_argument("--against", metavar="FILE", help="an earlier --json, to compare with")


def _run(args: argparse.Namespace) -> None:
    check_output(args.json, "--json")
    if args.photos is not None:
        check_input(args.photos, "--photos", folder=True)
    before = _earlier(args.against)
    from pix2seq.bench import all_rows, compared, describe_machine, table

    machine = describe_machine()
    rows = []
    for row in all_rows(args.checkpoint, args.quick, args.photos):
        rows.append(row)
        print(table([row]), file=sys.stderr if args.json == "-" else sys.stdout, flush=True)
    if args.json:
        write_json(args.json, {"machine": machine, "rows": [row.to_dict() for row in rows]})
    if args.json != "-":
        print("\n" + ", ".join(f"{name} {value}" for name, value in machine.items()))
        if before:
            print(f"\nagainst {args.against}\n{compared(rows, before)}")


def _earlier(path: str | None) -> dict | None:
    if path is None:
        return None
    try:
        found = json.loads(read_text(path))
        if "rows" not in found:
            raise ValueError
    except (ValueError, TypeError):
        raise ConfigError(f"{path} is not what bench --json wrote; give such a file") from None
    return found


BENCH = Command("bench", "Measure this machine against the goals.", _add_arguments, _run)
