from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from made_up_site import HIGH, LOW, MEDIUM, ODD_CHECKS

from analysis.contract import FindingKind, InputError, findings_of
from analysis.dataset.decisions import COLUMNS
from analysis.report.report.ledger import LEDGER_COLUMNS, clean_kinds, group_findings, make_ledger
from analysis.report.report.results import StageResult

IMAGES = pd.DataFrame(
    {
        "item_id": [0, 1, 2, 3],
        "path": ["a.png", "b.png", "c.png", "d.png"],
        "content_hash": [f"{i:032x}" for i in range(4)],
        "label": pd.Categorical(["cat", "dog", "dog", None], ["cat", "dog", "eel"]),
        "split": pd.Categorical(["test", "train", "train", "train"], ["train", "test"]),
    }
)


def decisions_of(*rows: str) -> pd.DataFrame:
    """Each row: content_hash, path, kind, decision, label, reason, with commas between."""
    cells = [row.split(",") for row in rows]
    return pd.DataFrame(cells, columns=COLUMNS).assign(line=range(2, 2 + len(rows)))


NONE = decisions_of()


def result_of(*findings: pd.DataFrame, kinds: list[FindingKind]) -> StageResult:
    rows = pd.concat(findings).assign(stage="odd_checks") if findings else findings_of(LOW, item_id=[])
    return StageResult(ODD_CHECKS, Path(), "", {}, {}, [], {}, kinds, [], rows)


def test_ledger_names_images_from_the_root_of_the_dataset() -> None:
    images = IMAGES.assign(path="/photos/" + IMAGES["path"])
    found = findings_of(LOW, item_id=[1], other_item_id=[0], detail="copy of /photos/a.png")
    decisions = decisions_of(",b.png,,keep,,")
    ledger = make_ledger([result_of(found, kinds=[LOW])], images, decisions, root="/photos")
    assert ledger[["path", "other_path", "detail", "decision"]].to_numpy().tolist() == [
        ["b.png", "a.png", "copy of a.png", "keep"]
    ]


def test_ledger_orders_by_severity_then_score() -> None:
    result = result_of(
        findings_of(LOW, item_id=[0], score=1.0),
        findings_of(HIGH, item_id=[1, 2], score=[0.2, 0.4]),
        findings_of(MEDIUM, item_id=[3], score=0.9),
        kinds=[LOW, HIGH, MEDIUM],
    )
    ledger = make_ledger([result], IMAGES, NONE, root="d")
    assert ledger["item_id"].tolist() == [2, 1, 3, 0]
    assert list(ledger.columns) == LEDGER_COLUMNS


def test_ledger_takes_path_label_and_split_from_the_image() -> None:
    ledger = make_ledger([result_of(findings_of(LOW, item_id=[1]), kinds=[LOW])], IMAGES, NONE, root="d")
    assert ledger.loc[0, ["path", "label", "split"]].tolist() == ["b.png", "dog", "train"]


def test_ledger_keeps_the_label_that_a_finding_names() -> None:
    ledger = make_ledger([result_of(findings_of(LOW, label=["eel"]), kinds=[LOW])], IMAGES, NONE, root="d")
    assert ledger.loc[0, "label"] == "eel"
    assert ledger.loc[0, ["item_id", "path", "split"]].isna().all()


def test_ledger_prefers_the_label_that_a_finding_names_to_the_one_of_its_image() -> None:
    findings = findings_of(LOW, item_id=[0], label=["dog"])
    ledger = make_ledger([result_of(findings, kinds=[LOW])], IMAGES, NONE, root="d")
    assert ledger.loc[0, ["path", "label"]].tolist() == ["a.png", "dog"]


def test_ledger_tells_of_the_other_image_that_a_finding_names() -> None:
    pair = findings_of(LOW, item_id=[0], other_item_id=[1])
    alone = findings_of(HIGH, item_id=[2]).drop(columns="other_item_id")  # as stages wrote them once
    result = result_of(pair, alone, kinds=[LOW, HIGH])
    ledger = make_ledger([result], IMAGES, NONE, root="d")
    others = ["other_item_id", "other_path", "other_label", "other_split"]
    assert ledger.loc[1, ["item_id", *others]].tolist() == [0, 1, "b.png", "dog", "train"]
    assert ledger.loc[0, others].isna().all()
    assert [group.is_of_pairs for group in group_findings(ledger, [result], IMAGES)] == [False, True]


def test_ledger_of_no_stage_is_empty_with_all_columns() -> None:
    ledger = make_ledger([], IMAGES, NONE, root="d")
    assert list(ledger.columns) == LEDGER_COLUMNS
    assert ledger.empty


def test_groups_count_images_once_and_say_where_they_are() -> None:
    findings = findings_of(LOW, item_id=[0, 1, 1, 2, 3], score=[0.5, 0.9, 0.1, 0.3, 0.2])
    result = result_of(findings, kinds=[LOW])
    (group,) = group_findings(make_ledger([result], IMAGES, NONE, root="d"), [result], IMAGES)
    assert (group.n, group.share, group.noun) == (4, 1.0, "image")
    assert group.counts("split") == [("train", 3), ("test", 1)]
    assert group.counts("label") == [("dog", 2), ("cat", 1)]


def test_groups_of_classes_are_shares_of_the_classes() -> None:
    result = result_of(findings_of(LOW, label=["eel", "eel", "cat"]), kinds=[LOW])
    (group,) = group_findings(make_ledger([result], IMAGES, NONE, root="d"), [result], IMAGES)
    assert (group.n, group.noun) == (2, "class")
    assert group.share == pytest.approx(2 / 3)


def test_groups_of_one_severity_stand_in_the_order_of_how_many_they_concern() -> None:
    few, many = (
        FindingKind(name="few", title="Few", severity="low", why="", action=""),
        FindingKind(name="many", title="Many", severity="low", why="", action=""),
    )
    result = result_of(
        findings_of(few, item_id=[0], score=1.0),
        findings_of(many, item_id=[0, 1], score=0.1),
        kinds=[few, many],
    )
    groups = group_findings(make_ledger([result], IMAGES, NONE, root="d"), [result], IMAGES)
    assert [group.kind.name for group in groups] == ["many", "few"]


def test_groups_refuse_a_kind_that_its_stage_does_not_describe() -> None:
    result = result_of(findings_of(LOW, item_id=[0]), kinds=[HIGH])
    with pytest.raises(ValueError, match="'odd_checks' has findings of kind 'small'"):
        group_findings(make_ledger([result], IMAGES, NONE, root="d"), [result], IMAGES)


def test_clean_kinds_are_those_without_findings() -> None:
    result = result_of(findings_of(LOW, item_id=[0]), kinds=[HIGH, LOW])
    groups = group_findings(make_ledger([result], IMAGES, NONE, root="d"), [result], IMAGES)
    assert clean_kinds(groups, [result]) == [HIGH]


def test_decided_findings_are_counted_apart_and_kept_in_the_ledger() -> None:
    result = result_of(findings_of(LOW, item_id=[0, 1, 2]), findings_of(HIGH, item_id=[1]), kinds=[LOW, HIGH])
    decisions = decisions_of(f"{1:032x},,small,ignore,,thumbnails", f"{2:032x},,,drop,,")
    ledger = make_ledger([result], IMAGES, decisions, root="d")
    high, low = group_findings(ledger, [result], IMAGES)
    assert (high.n, low.n, low.rows["item_id"].tolist()) == (1, 1, [0])
    assert low.decided[["item_id", "decision", "reason"]].to_numpy().tolist() == [
        [1, "ignore", "thumbnails"],
        [2, "drop", ""],
    ]
    assert len(ledger) == 4


def test_a_kind_of_which_all_is_decided_is_neither_open_nor_clean() -> None:
    result = result_of(findings_of(LOW, item_id=[0]), kinds=[LOW])
    ledger = make_ledger([result], IMAGES, decisions_of(",a.png,,keep,,"), root="d")
    (group,) = groups = group_findings(ledger, [result], IMAGES)
    assert (group.n, group.noun) == (0, "image")
    assert clean_kinds(groups, [result]) == []


def test_findings_on_classes_are_decided_by_class_and_kind() -> None:
    result = result_of(
        findings_of(LOW, label=["eel", "cat"]), findings_of(HIGH, label=["eel"]), kinds=[LOW, HIGH]
    )
    ledger = make_ledger([result], IMAGES, decisions_of(",,small,ignore,eel,rare in the sea"), root="d")
    assert ledger[["label", "kind", "decision"]].to_numpy().tolist() == [
        ["eel", "torn", ""],
        ["eel", "small", "ignore"],
        ["cat", "small", ""],
    ]


def test_unknown_kind_of_finding_is_refused_with_its_line() -> None:
    result = result_of(kinds=[LOW])
    with pytest.raises(InputError, match="line 2 decides on the kind 'smal', did you mean 'small'"):
        make_ledger([result], IMAGES, decisions_of(",a.png,smal,keep,,"), root="d")


def test_kind_of_finding_may_be_of_a_stage_that_had_nothing_to_judge() -> None:
    results = [result_of(kinds=[LOW]), replace(result_of(kinds=[]), unjudged="no image has a label")]
    assert make_ledger(results, IMAGES, decisions_of(",a.png,noisy_label,keep,,"), root="d").empty
