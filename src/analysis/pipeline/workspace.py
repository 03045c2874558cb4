"""A workspace: a folder laid out as the repository is, in which the same stages audit another dataset.

Stage definitions, code and Snakefile are links to the repository's, so that there is one of each. Its own are
params.yaml, decisions.csv, the results and DVC's record of them.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping, MutableMapping
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

from analysis.contract import NO_FILE, InputError, nearest
from analysis.dataset.decisions import COLUMNS, DECISIONS_FILE
from analysis.obtain.prepare.sources import folder_of_images
from analysis.pipeline.dag import load_stages
from analysis.pipeline.dvc_repo import init_repo
from analysis.pipeline.parameters import PARAMETERS_FILE, read_parameters, validate

SHARED = [
    "dvc.yaml",
    "src",
    "workflow",
    ".dvcignore",
    "data/raw/README.md",
    "data/recipes/README.md",
    NO_FILE,
]


def is_workspace(folder: Path) -> bool:
    return (folder / PARAMETERS_FILE).exists() and os.path.lexists(folder / "dvc.yaml")


def prepare_workspace(workspace: Path, home: Path) -> None:
    """Make a folder a workspace, or lead its links here. Its params.yaml and decisions.csv stay as they are.

    Raises
    ------
    InputError
        If the folder holds something else.
    """
    is_begun = (workspace / "dvc.yaml").is_symlink()
    holds_other = (
        workspace.exists() and any(workspace.iterdir()) and not is_begun and not is_workspace(workspace)
    )
    if workspace == home or holds_other:
        raise InputError(f"{workspace} holds something else than an audit; give --out a new folder.")
    workspace.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        if (home / name).exists():
            _link(workspace / name, home / name)
    if not (workspace / ".dvc").exists():
        init_repo(workspace)
    if not (workspace / PARAMETERS_FILE).exists():
        defaults = (home / PARAMETERS_FILE).read_text(encoding="utf-8")
        (workspace / PARAMETERS_FILE).write_text(defaults, encoding="utf-8")
    if not (workspace / DECISIONS_FILE).exists():  # the repository's are about other images
        (workspace / DECISIONS_FILE).write_text(",".join(COLUMNS) + "\n", encoding="utf-8")


def _link(link: Path, target: Path) -> None:
    """Point to the repository, wherever it is by now. A copy that a person has put there is theirs."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    if not link.exists():
        link.symlink_to(target)


def settings_for(dataset: Path, section: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that name a folder of images, or a table of them, and what a person has set beside.

    Parameters
    ----------
    dataset
        The folder, or the table's file.
    section
        Of the workspace's parameters, the section `dataset`.
    settings
        What a person sets now, by dotted keys.

    Raises
    ------
    InputError
        If the table cannot be read.
    """
    if dataset.is_dir():  # `image_root` is not read
        return {"dataset.source": "folder", "dataset.path": str(dataset)} | dict(settings)
    columns = {
        name: settings.get(f"dataset.{name}", section.get(name, default))
        for name, default in (("path_column", "path"), ("label_column", "label"))
    }
    known = section["image_root"] if section["path"] == str(dataset) else dataset.parent
    is_elsewhere = not Path(known).is_relative_to(dataset.parent)  # where a person has said so
    root = known if is_elsewhere else folder_of_images(dataset, **columns)
    named = {"source": "csv", "path": str(dataset), "image_root": str(root)}
    return {f"dataset.{name}": value for name, value in named.items()} | dict(settings)


def check_settings(workspace: Path, settings: Mapping[str, Any], *, home: Path) -> bool:
    """Hold the workspace's parameters with these dotted keys set against the models of the stages of `home`.

    Returns whether they are others than those that stand there.

    Raises
    ------
    InputError
        Naming each key that there is not, or whose value is out of range.
    """
    before = read_parameters(workspace)
    content = copy.deepcopy(before)
    _add_new(content, home)
    _set_keys(content, settings)
    validate(content, load_stages(home).values())
    return content != before


def write_parameters(workspace: Path, settings: Mapping[str, Any], *, home: Path) -> list[str]:
    """Set dotted keys in the workspace's params.yaml; its comments and all else stay.

    What `home` has by now and the workspace, which is older, has not, is added with its default. Returns the
    names of these.

    Raises
    ------
    InputError
        If there is no such key, or params.yaml is not valid YAML.
    """
    from dvc.utils.serialize import ParseError, modify_yaml

    try:
        with modify_yaml(str(workspace / PARAMETERS_FILE)) as content:
            added = _add_new(content, home)
            _set_keys(content, settings)
    except ParseError as error:
        raise InputError(f"{error}: {' '.join(str(error.__cause__).split())}") from error
    return added


def _add_new(content: MutableMapping[str, Any], home: Path) -> list[str]:
    """Add the sections, and the keys of sections, that only `home` has; their names."""
    added = []
    for section, defaults in read_parameters(home).items():
        if section not in content:
            content[section] = defaults
            added.append(section)
        elif isinstance(defaults, Mapping) and isinstance(content[section], MutableMapping):
            new = {key: value for key, value in defaults.items() if key not in content[section]}
            content[section].update(new)
            added += [f"{section}.{key}" for key in new]
    return added


def _set_keys(content: MutableMapping[str, Any], settings: Mapping[str, Any]) -> None:
    known = list(_keys_of(content))
    for key, value in settings.items():
        if key not in known:
            raise InputError(f"there is no parameter '{key}'{nearest(key, known)}.")
        *sections, last = key.split(".")
        reduce(getitem, sections, content)[last] = value


def _keys_of(content: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Every dotted key, those of sections too."""
    for key, value in content.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _keys_of(value, f"{prefix}{key}.")
