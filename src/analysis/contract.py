"""What a stage takes and what it gives back.

A stage is one folder with one public function of the folder's name, in `stage.py`. Its arguments are filled
by `analysis.pipeline.runner` by their names (see there); it returns `Artifacts` and touches no file of its
own.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import matplotlib.figure


Severity = Literal["high", "medium", "low"]
Device = Literal["auto", "cpu", "cuda", "mps"]  # auto: the first there is of CUDA, MPS and CPU
# What a path in params.yaml is where there is none: a file all the same, because DVC's inputs must exist.
NO_FILE = "data/none"
Metrics = Mapping[str, float | str | None]
PATCHES = "patches"  # of embed.backbone: all others bring what they learnt from other images
TYPES = {"int", "float", "str", "bool", "none"}
FINDING_COLUMNS = ["item_id", "other_item_id", "label", "kind", "severity", "score", "detail", "stage"]


def nearest(name: str, valid: list[str]) -> str:
    """The end of a sentence on a wrong name: the valid one most like it, or all of them."""
    matches = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    return f", did you mean '{matches[0]}'?" if matches else f" (there are: {', '.join(sorted(valid))})"


def to_set(key: str, value: Any = "NAME") -> str:
    """How a parameter is given a value: by those who edit params.yaml, and by those who use `deepsight`."""
    return f"set {key} (deepsight audit … {option_for(key, value)})"


def option_for(key: str, value: Any) -> str:
    """The option of `deepsight audit` that sets a parameter, quoted for a shell; a text stands as it is."""
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # JSON is YAML too, but for what cannot be printed
    escaped = "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in written)
    return f"--set {shlex.quote(f'{key}={escaped}')}"


class InputError(Exception):
    """Something a person must mend: what was expected, what was found, where, and how to mend it.

    The runner prints its text as one sentence, without a traceback, and exits with 1.
    """


class NothingToJudgeError(Exception):
    """The dataset is sound, but holds nothing that this stage could judge; why, without a full stop.

    Such as "all training images are of one class". The runner writes outputs that say so. Stages that
    need one of them are left out as well, the others go on, and the report tells of it.
    """


class StageParameters(BaseModel):
    """One section of params.yaml. Defaults stand in params.yaml alone, so every key is required."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Figure:
    """A drawing, the numbers it was drawn from, and how to read it.

    `caption` says in a sentence or two what is shown and how to read it; it goes under the figure in
    the report. `table` holds the drawn numbers, one row per mark, and is offered beside the figure.
    """

    name: str
    title: str
    caption: str
    drawing: matplotlib.figure.Figure
    table: pd.DataFrame | None = None


@dataclass(frozen=True, kw_only=True)
class FindingKind:
    """One kind of fault: its title, why it matters and what a person should do about it.

    `explains` names kinds, of this or another stage, of which this fault may be the cause where both concern
    the same images or classes; the report puts causes first. `option` is what mends it on this dataset, as
    `deepsight audit` takes it and quoted for a shell; "" where no option does.
    """

    name: str
    title: str
    severity: Severity
    why: str
    action: str
    explains: Sequence[str] = ()
    option: str = ""


@dataclass(frozen=True)
class Artifacts:
    """What a stage found out.

    Attributes
    ----------
    summary
        Half a sentence for the log and the report, such as "1,797 images, 0 unreadable".
    metrics
        Flat, with stable keys: numbers, and names and hashes of what they rest on. A value that cannot be
        computed is NaN or None and is written as null.
    tables
        By the stem of the declared output: a DataFrame for `.parquet` and `.csv`, an array for `.npy`.
    captions
        For those tables that a person reads: what one row is and how to read it. The report shows them.
    figures
        In the order in which the report shows them.
    findings
        Rows of `FINDING_COLUMNS`, made with `findings_of`.
    kinds
        Every kind of finding this stage can make.
    notes
        What could not be computed on this dataset, and why.
    unjudged
        Why this dataset holds nothing that the stage could judge, though the tables are there, without a full
        stop; empty if it judged something. See `NothingToJudgeError`.
    failure
        In a sentence, why the stage must fail although its results are good to read, such as a gate that is
        not passed; empty if it need not. The runner writes the outputs first.
    """

    summary: str = ""
    metrics: Metrics = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame | np.ndarray] = field(default_factory=dict)
    captions: Mapping[str, str] = field(default_factory=dict)
    figures: Sequence[Figure] = ()
    findings: pd.DataFrame | None = None
    kinds: Sequence[FindingKind] = ()
    notes: Sequence[str] = ()
    unjudged: str = ""
    failure: str = ""

    @classmethod
    def joined(cls, parts: Sequence[Artifacts]) -> Artifacts:
        """What the parts of a stage found out, one after another; the summary is of the first."""
        findings = [part.findings for part in parts if part.findings is not None]
        return cls(
            summary=parts[0].summary,
            **{
                name: {key: value for part in parts for key, value in getattr(part, name).items()}
                for name in ("metrics", "tables", "captions")
            },
            **{
                name: [item for part in parts for item in getattr(part, name)]
                for name in ("figures", "kinds", "notes")
            },
            findings=pd.concat(findings) if findings else None,
            failure=" ".join(part.failure for part in parts if part.failure),
        )


def findings_of(
    kind: FindingKind,
    *,
    item_id: Sequence[int] | pd.Series | None = None,
    other_item_id: Sequence[int] | pd.Series | None = None,
    label: Sequence[str] | pd.Series | None = None,
    score: Sequence[float] | pd.Series | float = 1.0,
    detail: Sequence[str] | pd.Series | str = "",
) -> pd.DataFrame:
    """Rows for the ledger, one an image (`item_id`) or one a class (`label`), worst first.

    `other_item_id` names the image that each was compared with, such as the one it is a copy of.
    `score` lies in [0, 1], 1 is surely wrong. `detail` says in words what was measured.
    The runner fills in `stage`.
    """
    subjects = item_id if item_id is not None else label
    if subjects is None:
        raise ValueError("a finding names images (item_id) or classes (label)")
    n = len(subjects)
    rows = pd.DataFrame(
        {
            "item_id": _ids(item_id, n),
            "other_item_id": _ids(other_item_id, n),
            "label": pd.array([pd.NA] * n if label is None else list(label), dtype="string"),
            "kind": pd.array([kind.name] * n, dtype="string"),
            "severity": pd.array([kind.severity] * n, dtype="string"),
            "score": np.broadcast_to(np.asarray(score, dtype=float), n),
            "detail": pd.array([detail] * n if isinstance(detail, str) else list(detail), dtype="string"),
            "stage": pd.array([pd.NA] * n, dtype="string"),
        }
    )
    return rows.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def _ids(item_id: Sequence[int] | pd.Series | None, n: int) -> pd.api.extensions.ExtensionArray:
    return pd.array([pd.NA] * n if item_id is None else np.asarray(item_id), dtype="Int64")


def no_findings() -> pd.DataFrame:
    """An empty ledger with the right columns and types."""
    placeholder = FindingKind(name="", title="", severity="low", why="", action="")
    return findings_of(placeholder, item_id=[])


def explain_error(section: str, model: type[StageParameters], item: Any) -> str:
    """In words, what is wrong with a key of a section, given an item of `ValidationError.errors()`."""
    # a value that may be of several types is told of under each of them, such as `constrained-int`
    named = [str(part) for part in item["loc"] if re.fullmatch(r"\w+", str(part)) and part not in TYPES]
    key = ".".join([section, *named])
    if item["type"] == "extra_forbidden":
        return f"unknown key '{key}'{nearest(str(item['loc'][-1]), list(model.model_fields))}"
    if item["type"] == "missing":
        return f"key '{key}' is missing"
    message = item["msg"][0].lower() + item["msg"][1:]
    return f"'{key}' is {item['input']!r}: {message.removeprefix('value error, ')}"
