"""`deepsight compare`: what a change did, as text, Markdown or HTML, and as an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from analysis.comparison.page import Block, as_html, as_markdown, blocks_of
from analysis.comparison.sides import Side, commit_side, folder_side
from analysis.comparison.verdict import NAMED, compare_sides, harms, verdict_on
from analysis.contract import InputError
from analysis.pipeline.stale import stale_stages

FAILED, NOT_COMPARED = 1, 2
THUMBNAILS = "data/thumbnails.npy"


def main() -> None:
    arguments = compare_parser().parse_args()
    try:
        sys.exit(_run(arguments))
    except InputError as error:
        print(f"deepsight: {error}", file=sys.stderr)
        sys.exit(NOT_COMPARED)


def compare_parser() -> argparse.ArgumentParser:
    described = argparse.ArgumentParser(
        prog="deepsight compare",
        description="What a change did to an audit, and whether it is more than luck. Nothing is run: what "
        "the stages wrote is read from git, DVC's cache or a folder. Exit code: 0 if none of --fail-on "
        f"happened, {FAILED} if some did, {NOT_COMPARED} if they could not be compared.",
    )
    described.add_argument(
        "before", nargs="?", default="HEAD", help="a commit (default: HEAD), or an audit's folder"
    )
    described.add_argument("after", nargs="?", help="the folder of another audit")
    described.add_argument("--with", dest="other", metavar="REV", help="with this commit, not the workspace")
    described.add_argument("--html", type=Path, metavar="FILE", help="write a page of HTML")
    described.add_argument("--markdown", type=Path, metavar="FILE", help="write it as Markdown")
    described.add_argument(
        "--fail-on",
        nargs="+",
        action="extend",
        default=[],
        metavar="WHAT",
        help=f"end with code {FAILED} if that happened: {', '.join(NAMED)}, or STAGE.METRIC>VALUE (or <)",
    )
    described.add_argument("--all", action="store_true", help="every row of every table")
    return described


def _run(arguments: argparse.Namespace) -> int:
    before, after = _sides(arguments)
    compared = compare_sides(before, after)
    broken = harms(compared, arguments.fail_on)
    sentence = verdict_on(compared, broken)
    blocks = blocks_of(compared, all_rows=arguments.all)
    names = (before.name, after.name)
    if arguments.markdown:
        arguments.markdown.write_text(as_markdown(sentence, blocks, names), encoding="utf-8")
    if arguments.html:
        arguments.html.write_text(as_html(sentence, blocks, names, after.array(THUMBNAILS)), encoding="utf-8")
    try:
        _print(sentence, blocks)
    except BrokenPipeError:  # the reader has seen enough, as `head` has; the exit code stays
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED if broken else 0


def _sides(arguments: argparse.Namespace) -> tuple[Side, Side]:
    if arguments.after:
        if arguments.other:
            raise InputError("give two folders, or two commits with --with, not both.")
        return folder_side(Path(arguments.before)), folder_side(Path(arguments.after))
    before = commit_side(arguments.before)
    if arguments.other:
        return before, commit_side(arguments.other)
    if stale := stale_stages(needs_cache=False):
        names = ", ".join(stale)
        print(f"Not up to date in the workspace, so compared as last run: {names}.", file=sys.stderr)
    return before, folder_side(Path())


def _print(sentence: str, blocks: list[Block]) -> None:
    print(sentence)
    for block in blocks:
        print(f"\n{block.title}\n{block.text}".rstrip())
        if block.table is not None:
            print(block.table.to_string(index=False, na_rep="", max_colwidth=60), flush=True)
