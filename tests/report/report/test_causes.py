"""Findings that may explain others: which, how many, and in what order and severity they are shown."""

from __future__ import annotations

import importlib
from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path

import pandas as pd
import pytest
from made_up_site import HIGH, HOSTILE_LABEL, LOW, MEDIUM, OF_CLASSES, artifacts, render, write_outputs

from analysis.contract import FindingKind, findings_of, option_for
from analysis.dataset.decisions import COLUMNS
from analysis.pipeline.dag import load_stages
from analysis.report.report.causes import Explanation, causes_first, explanations_in
from analysis.report.report.ledger import group_findings, make_ledger
from analysis.report.report.results import StageResult

REPOSITORY = Path(__file__).parents[3]
# images 0 to 3 are cats, 4 and 5 dogs; no image is an eel
IMAGES = pd.DataFrame(
    {
        "item_id": range(6),
        "path": [f"{i}.png" for i in range(6)],
        "content_hash": [f"{i:032x}" for i in range(6)],
        "label": pd.Categorical(["cat"] * 4 + ["dog"] * 2, ["cat", "dog", "eel"]),
        "split": pd.Categorical(["train"] * 6, ["train"]),
    }
)
NOTHING_DECIDED = pd.DataFrame(columns=[*COLUMNS, "line"])


def ledger_of(*found: pd.DataFrame, kinds: list[FindingKind], decisions: pd.DataFrame = NOTHING_DECIDED):
    stage = next(iter(load_stages(REPOSITORY).values()))
    rows = pd.concat(found).assign(stage=stage.name)
    result = StageResult(stage, Path(), "", {}, {}, [], {}, kinds, [], rows)
    ledger = make_ledger([result], IMAGES, decisions, root="d")
    return ledger, group_findings(ledger, [result], IMAGES)


def explained(ledger: pd.DataFrame) -> dict[str, str]:
    """Path or class of each finding that something explains -> by what."""
    rows = ledger[ledger["explained_by"].ne("")]
    return dict(zip(rows["path"].fillna(rows["label"]), rows["explained_by"], strict=True))


def test_an_image_is_explained_by_another_finding_about_it_or_its_class() -> None:
    of_image, of_class = replace(MEDIUM, explains=["small"]), replace(OF_CLASSES, explains=["small"])
    ledger, _ = ledger_of(
        findings_of(of_image, item_id=[0, 1]),
        findings_of(of_class, label=["dog"]),
        findings_of(LOW, item_id=[0, 2, 4]),
        kinds=[of_image, of_class, LOW],
    )
    assert explained(ledger) == {"0.png": "pale", "4.png": "rare"}
    assert explanations_in(ledger) == [Explanation("pale", "small", 1, 3), Explanation("rare", "small", 1, 3)]


def test_a_class_is_explained_by_another_finding_about_it_or_most_of_its_images() -> None:
    of_image, of_class = replace(MEDIUM, explains=["rare"]), replace(LOW, explains=["rare"])
    one_of_four = ledger_of(
        findings_of(of_image, item_id=[0, 4]),  # a quarter of the cats, half of the dogs
        findings_of(of_class, label=["eel"]),
        findings_of(OF_CLASSES, label=["cat", "dog", "eel"]),
        kinds=[of_image, of_class, OF_CLASSES],
    )[0]
    assert explained(one_of_four) == {"dog": "pale", "eel": "small"}


def test_presence_alone_explains_nothing_and_kinds_not_named_neither() -> None:
    cause = replace(MEDIUM, explains=["small"])
    ledger, groups = ledger_of(
        findings_of(cause, item_id=[0]),
        findings_of(LOW, item_id=[1]),
        findings_of(HIGH, item_id=[0]),
        kinds=[cause, LOW, HIGH],
    )
    assert explained(ledger) == {}
    assert [(group.kind.name, group.kind.severity) for group in groups] == [
        ("torn", "high"),
        ("pale", "medium"),
        ("small", "low"),
    ]


def test_a_cause_of_most_takes_the_severity_of_the_effect_and_stands_before_it() -> None:
    cause = replace(LOW, explains=["torn"])
    found = [findings_of(cause, item_id=[1]), findings_of(MEDIUM, item_id=[3])]
    kinds = [cause, MEDIUM, HIGH]
    ledger, groups = ledger_of(*found, findings_of(HIGH, item_id=[1, 2]), kinds=kinds)
    assert [group.kind.name for group in groups] == ["small", "torn", "pale"]
    assert groups[0].kind.severity == "high"
    assert ledger.loc[ledger["kind"].eq("small"), "severity"].tolist() == ["high"]
    fewer = ledger_of(*found, findings_of(HIGH, item_id=[1, 2, 4]), kinds=kinds)
    assert [group.kind.name for group in fewer[1]] == ["torn", "pale", "small"]
    assert fewer[1][2].kind.severity == "low"
    assert explained(fewer[0]) == {"1.png": "small"}  # said all the same


def test_severity_goes_along_a_chain_of_causes() -> None:
    last, middle = replace(LOW, explains=["pale"]), replace(MEDIUM, explains=["torn"])
    found = [findings_of(kind, item_id=[0]) for kind in (last, middle, HIGH)]
    _, groups = ledger_of(*found, kinds=[last, middle, HIGH])
    assert [(group.kind.name, group.kind.severity) for group in groups] == [
        ("small", "high"),
        ("pale", "high"),
        ("torn", "high"),
    ]


def test_what_is_decided_neither_explains_nor_is_explained() -> None:
    cause = replace(LOW, explains=["torn"])
    found = [findings_of(cause, item_id=[0, 1]), findings_of(HIGH, item_id=[0, 1])]
    decided = pd.DataFrame(
        [["", "0.png", "small", "ignore", "", "", 2], ["", "1.png", "torn", "keep", "", "", 3]],
        columns=[*COLUMNS, "line"],
    )
    ledger, _ = ledger_of(*found, kinds=[cause, HIGH], decisions=decided)
    assert explained(ledger) == {}


def test_a_circle_of_causes_does_not_hang() -> None:
    circle = [Explanation("a", "b", 1, 1), Explanation("b", "a", 1, 1)]
    assert sorted(causes_first(["a", "b"], circle)) == ["a", "b"]


@pytest.fixture(scope="module")
def kinds() -> dict[str, FindingKind]:
    """Every kind of every stage."""
    files = sorted((REPOSITORY / "src").glob("analysis/*/*/findings.py"))
    names = [".".join(file.relative_to(REPOSITORY / "src").with_suffix("").parts) for file in files]
    values = [value for name in names for value in vars(importlib.import_module(name)).values()]
    return {value.name: value for value in values if isinstance(value, FindingKind)}


def test_kinds_explain_kinds_that_there_are_and_in_no_circle(kinds: dict[str, FindingKind]) -> None:
    explains = {name: set(kind.explains) for name, kind in kinds.items()}
    assert {name: others - set(kinds) for name, others in explains.items() if others - set(kinds)} == {}
    list(TopologicalSorter(explains).static_order())  # raises where there is one


def test_page_says_what_explains_what_and_offers_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manifest: pd.DataFrame
) -> None:
    cause = replace(OF_CLASSES, explains=["small"], option=option_for("a.b", HOSTILE_LABEL))
    found = pd.concat([findings_of(cause, label=[HOSTILE_LABEL]), findings_of(LOW, item_id=[0, 4, 5])])
    made = artifacts(found)
    kinds = [cause if kind.name == cause.name else kind for kind in made["odd_checks"].kinds]
    write_outputs(made | {"odd_checks": replace(made["odd_checks"], kinds=kinds)})
    site = render(manifest)
    page = " ".join((site / "index.html").read_text(encoding="utf-8").split())
    assert "May explain 2 other findings</b>, found in the same classes." in page
    assert '<a href="#finding-odd_checks-small">Small images</a>: 2 of 3 images' in page
    assert 'May be explained by <a href="#finding-odd_checks-rare">Rare classes</a> (2 of 3 images).' in page
    assert "Splits: train (3 of 6)" in page
    assert "<code>--set &#39;a.b=&lt;script&gt;" in page
    assert HOSTILE_LABEL not in page
    ledger = pd.read_csv(site / "findings.csv", keep_default_na=False)
    assert ledger.set_index("item_id")["explained_by"].to_dict() == {
        "": "",
        "0": "",
        "4": "rare",
        "5": "rare",
    }
