"""Paths in a table that are not those on disk: of another machine, without extension, in another folder.

One rule for all: of each path some leading folders are dropped, a folder is put before it and an extension
behind it. A rule is applied only if by it nearly all paths are files that are there, and it is said.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.contract import InputError
from analysis.obtain.prepare.folders.folder_walk import walk_folder
from analysis.obtain.prepare.wording import counted

NEARLY_ALL = 0.95
N_TRIED = 500  # paths by which rules are found, spread over all


@dataclass(frozen=True)
class Rule:
    """How a path of the table becomes one on disk."""

    n_dropped: int = 0
    folder: str = ""
    extension: str = ""
    ignores_case: bool = False

    def apply(self, name: str) -> str:
        kept = "/".join(_parts_of(name)[self.n_dropped :])
        return f"{self.folder}/{kept}{self.extension}" if self.folder else f"{kept}{self.extension}"

    @property
    def in_words(self) -> str:
        steps = []
        if self.n_dropped:
            steps.append(f"without {counted(self.n_dropped, 'leading folder')}")
        if self.folder:
            steps.append(f"in the folder '{self.folder}'")
        if self.extension:
            steps.append(f"with the extension {self.extension}")
        if self.ignores_case:
            steps.append("whatever the case of their letters")
        return ", ".join(steps) or "with slashes for back-slashes"


def repaired(names: Sequence[str], root: Path) -> tuple[list[str], list[str]]:
    """The paths as they are below `root`, and what was done to them in a sentence.

    Raises
    ------
    InputError
        If they are web addresses.
    """
    given = [name for name in names if name]
    if given and sum(name.startswith(("http://", "https://")) for name in given) > len(given) / 2:
        raise InputError(
            f"the paths are web addresses, such as {given[0]}; DeepSight opens files. Download them, and "
            "name their files."
        )
    tried = given[:: max(1, len(given) // N_TRIED)]
    if not tried or _share_there(tried, root) >= NEARLY_ALL or _share_there(tried, root) > 0.5:
        return list(names), []
    there = ["/".join(entry.names) for entry in walk_folder(root) if entry.status == "ok"]
    rule = _rule_for(tried, there)
    if rule is None:
        return list(names), []
    on_disk = {path.casefold(): path for path in there} if rule.ignores_case else {}
    found = [name and on_disk.get(rule.apply(name).casefold(), rule.apply(name)) for name in names]
    return found, [f"Paths are not as the table writes them; they were found {rule.in_words}."]


def start_of(names: Sequence[str], folders: Sequence[Path]) -> Path:
    """The folder that most of the paths start from; the first of those from which as many do."""
    tried = names[:: max(1, len(names) // N_TRIED)]
    return max(folders, key=lambda folder: _share_there(tried, folder))


def _parts_of(name: str) -> list[str]:
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]


def _share_there(names: Sequence[str], root: Path) -> float:
    return sum(bool(name) and os.path.lexists(root / name) for name in names) / max(1, len(names))


def _rule_for(names: Sequence[str], there: Iterable[str]) -> Rule | None:
    """The plainest rule by which nearly all names are there."""
    files = set(there)
    for ignores_case in (False, True):
        known = {path.casefold() for path in files} if ignores_case else files
        for rule in _rules_by(names, known, ignores_case=ignores_case):
            found = sum(_as_known(rule, name) in known for name in names)
            if found >= NEARLY_ALL * len(names):
                return rule
    return None


def _as_known(rule: Rule, name: str) -> str:
    path = rule.apply(name)
    return path.casefold() if rule.ignores_case else path


def _rules_by(names: Sequence[str], known: set[str], *, ignores_case: bool) -> list[Rule]:
    """Rules that bring a name to a file of the same last part, those of most names first."""
    by_last: dict[str, list[str]] = {}
    for path in known:
        last = path.rpartition("/")[2]
        for key in {last, last.rpartition(".")[0]}:
            by_last.setdefault(key, []).append(path)
    rules: Counter[Rule] = Counter()
    for name in names:
        parts = _parts_of(name.casefold() if ignores_case else name)
        for path in by_last.get(parts[-1], []) if parts else []:
            rules[_rule_between(parts, path, ignores_case=ignores_case)] += 1
    return [rule for rule, _ in rules.most_common(20)]


def _rule_between(parts: list[str], path: str, *, ignores_case: bool) -> Rule:
    """What turns a name into a path: the longest common end is kept."""
    extension = path.rpartition("/")[2][len(parts[-1]) :]
    folders = path.removesuffix(extension).split("/")
    n_common = 1
    while n_common < min(len(parts), len(folders)) and parts[-n_common - 1] == folders[-n_common - 1]:
        n_common += 1
    folder = "/".join(folders[: len(folders) - n_common])
    return Rule(len(parts) - n_common, folder, extension, ignores_case)
