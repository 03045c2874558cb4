"""Which of our own files decide a stage's result; `make deps` writes them into dvc.yaml.

A stage's inputs are its own folder and each module of ours beyond it that it imports, directly or through
others. A folder of which every module is used stands there as a folder. What every stage stands on (the
contract, the pipeline) is left out: a change there is one of the house, not of one stage's result.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SOURCE = Path("src")
HOUSE = ("analysis.contract", "analysis.cores", "analysis.pipeline", "analysis.progress")


def code_inputs(module_name: str, workspace: Path = Path()) -> list[str]:
    """The stage's folder, then files and folders alphabetically, as dvc.yaml names them."""
    source = workspace / SOURCE
    own = source.joinpath(*module_name.split("."))
    files = _closure(own.rglob("*.py"), source)
    others = {file for file in files if own not in file.parents and not _is_house(file, source)}
    for folder in {file.parent for file in others} - {source / "models"}:
        modules = {file for file in folder.glob("*.py") if file.name != "__init__.py"}
        if modules <= others and len(modules) > 1:
            others = others - modules | {folder}
    return [path.relative_to(workspace).as_posix() for path in (own, *sorted(others))]


def _is_house(file: Path, source: Path) -> bool:
    name = ".".join(file.relative_to(source).with_suffix("").parts)
    return any(name == house or name.startswith(f"{house}.") for house in HOUSE)


def _closure(files: Iterable[Path], source: Path) -> set[Path]:
    seen: set[Path] = set()
    waiting = set(files)
    while waiting:
        file = waiting.pop()
        seen.add(file)
        if not _is_house(file, source):
            waiting |= imported_files(file, source) - seen
    return seen


@cache
def imported_files(file: Path, source: Path) -> frozenset[Path]:
    """Our modules that a file imports anywhere, also inside functions; packages' own words are no code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    found = (source.joinpath(*name.split(".")).with_suffix(".py") for name in names)
    return frozenset(file for file in found if file.is_file())


def with_code_inputs(text: str, workspace: Path = Path()) -> str:
    """The text of a dvc.yaml in which every stage's code inputs are those that it has."""
    lines: list[str] = []
    for block in re.split(r"(?m)^(?=  \w+:\n)", text):
        module = re.search(r"^    cmd: python -m (\S+)", block, flags=re.M)
        lines.append(_with_inputs(block, code_inputs(module[1], workspace)) if module else block)
    return "".join(lines)


def _with_inputs(block: str, inputs: list[str]) -> str:
    start, key, rest = re.split(r"(?m)^(    deps:\n)", block, maxsplit=1)
    deps = re.match(r"(?:    [-#].*\n)*", rest)[0]
    data = re.sub(r"(?m)^    - src/.*\n", "", deps)
    return start + key + data + "".join(f"    - {path}\n" for path in inputs) + rest[len(deps) :]


if __name__ == "__main__":
    file = Path("dvc.yaml")
    file.write_text(with_code_inputs(file.read_text(encoding="utf-8")), encoding="utf-8")
