"""``checkpoints``: what can be loaded, how big it is, how good it is."""

from __future__ import annotations

import argparse

from pix2seq.cli.command import Command, write_json


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help="the list as JSON (- prints it)")


def _run(args: argparse.Namespace) -> None:
    from pix2seq.checkpoints import CHECKPOINTS, available_checkpoints, find, read_info

    rows = []
    for name in available_checkpoints():
        folder = find(name)
        info = CHECKPOINTS[name] if folder is None else read_info(folder)
        rows.append({**info.to_dict(), "name": name, "here": folder is not None})
    if args.json:
        write_json(args.json, rows)
    if args.json == "-":
        return
    width = max(len(row["name"]) for row in rows)
    print(f"{'name':<{width}}  {'MB':>6}  {'AP':>5}  here  licence")
    for row in rows:
        size = "-" if row["size_mb"] is None else f"{row['size_mb']:.0f}"
        ap = "-" if row["ap"] is None else f"{100 * row['ap']:.1f}"
        here = "yes" if row["here"] else "no"
        print(f"{row['name']:<{width}}  {size:>6}  {ap:>5}  {here:<4}  {row['licence'] or '-'}")


LIST = Command("checkpoints", "List what can be loaded.", _add_arguments, _run)
