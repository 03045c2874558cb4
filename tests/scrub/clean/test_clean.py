"""Planted faults, decisions on them, what is proposed for the rest, and what training gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.contract import Artifacts, FindingKind, InputError, findings_of, no_findings
from analysis.dataset.decisions import COLUMNS, locate, read_decisions
from analysis.scrub.clean import proposals
from analysis.scrub.clean.parameters import CleanParameters
from analysis.scrub.clean.stage import clean
from analysis.scrub.duplicates.findings import CONTRADICTING, EXACT, LEAKED, NEAR
from analysis.scrub.label_issues.findings import SUSPECTED_LABEL
from analysis.scrub.quality_checks.findings import (
    BLURRY,
    MISSING_FILE,
    TRUNCATED,
    UNREADABLE,
    WRONG_EXTENSION,
)

SPLITS = ["train", "validation", "test"]
CLASSES = ["cat", "dog"]


@dataclass
class Dataset:
    """Four images of each class and split (0 to 23), and what is planted beside them."""

    folder: Path
    rows: list[tuple[str, str | None, str]] = field(default_factory=list)  # split, label, status
    findings: list[pd.DataFrame] = field(default_factory=list)
    pairs: list[tuple[int, int, str]] = field(default_factory=list)
    suggested: dict[int, str] = field(default_factory=dict)
    decisions: list[str] = field(default_factory=list)
    score: float = 0.995  # of every pair
    n_right_of_100: int = 100  # pairs that scored 0.99 or more in the self-test

    def add(self, split: str, label: str | None = "cat", *, status: str = "ok") -> int:
        self.rows.append((split, label, status))
        return len(self.rows) - 1

    def find(self, kind: FindingKind, *images: int, stage: str = "quality_checks") -> None:
        self.findings.append(findings_of(kind, item_id=images).assign(stage=stage))

    def leak(self, early: int, late: int, kind: str = "near") -> None:
        """A pair in two splits, found as duplicates finds it: on the image of the later split."""
        self.pairs.append((early, late, kind))
        self.find(LEAKED, late, stage="duplicates")

    def decide(self, image: int, kind: str, decision: str, label: str = "") -> None:
        self.decisions.append(f"{image:032x},,{kind},{decision},{label},because")

    @property
    def manifest(self) -> pd.DataFrame:
        splits, labels, status = zip(*self.rows, strict=True)
        n = len(self.rows)
        is_there = [state not in ("missing", "empty") for state in status]
        return pd.DataFrame(
            {
                "item_id": np.arange(n),
                "path": [f"d/{i}.png" for i in range(n)],
                "label": pd.Categorical(labels, CLASSES),
                "split": pd.Categorical(splits, [split for split in SPLITS if split in splits]),
                "bytes": pd.array([100] * n, "Int64"),
                "content_hash": [f"{i:032x}" if there else None for i, there in enumerate(is_there)],
                "status": ["ok" if state in ("unreadable", "truncated") else state for state in status],
            }
        )

    def clean(self, *, apply: bool = False, repair_splits: bool = False) -> Artifacts:
        manifest = self.manifest
        file = self.folder / "decisions.csv"
        file.write_text("\n".join([",".join(COLUMNS), *self.decisions]) + "\n")
        scan = pd.DataFrame({"item_id": manifest["item_id"], "status": [row[2] for row in self.rows]})
        pairs = pd.DataFrame(self.pairs, columns=["item_id_a", "item_id_b", "kind"]).assign(score=self.score)
        for side in "ab":
            pairs[f"split_{side}"] = manifest["split"].take(pairs[f"item_id_{side}"].astype(int)).to_numpy()
        return clean(
            manifest,
            scan,
            pd.concat([no_findings(), *self.findings]),
            no_findings(),
            no_findings(),
            pairs,
            self.label_issues(),
            pd.DataFrame(
                {"score_from": [0.9, 0.99], "n_pairs": [100, 100], "n_right": [90, self.n_right_of_100]}
            ),
            inputs={"decisions": file},
            root="d",
            parameters=CleanParameters(apply=apply, repair_splits=repair_splits),
        )

    def label_issues(self) -> pd.DataFrame:
        """Every image, with those suspected whose label was doubted, as label_issues writes it."""
        manifest = self.manifest
        ids = manifest["item_id"]
        return pd.DataFrame(
            {
                "item_id": ids,
                "label": manifest["label"],
                "suggested_label": ids.map(self.suggested).fillna(manifest["label"].astype("string")),
                "self_confidence": 0.034,
                "is_issue": ids.isin(list(self.suggested)),
            }
        )

    def doubt(self, image: int, suggested_label: str) -> None:
        self.suggested[image] = suggested_label
        self.find(SUSPECTED_LABEL, image, stage="label_issues")

    def proposed(self, **switches: bool) -> list[tuple[int, str, str]]:
        """Number of the image, kind, decision."""
        table = self.clean(**switches).tables["proposed"]
        return [
            (int(Path(path).stem), kind, decision)
            for path, kind, decision in table[["path", "kind", "decision"]].itertuples(index=False)
        ]

    def done(self, **switches: bool) -> dict[int, str]:
        """What was done to which images."""
        cleaned = self.clean(**switches).tables["cleaned_manifest"]
        return cleaned.loc[cleaned["action"] != "none", "action"].to_dict()


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    made = Dataset(tmp_path)
    for split in SPLITS:
        for label in CLASSES:
            for _ in range(4):
                made.add(split, label)
    return made


TRAIN, VALIDATION, TEST = 0, 8, 16  # first cat of each split; the first dog is 4 further


# ---- nothing to do ---------------------------------------------------------------------------------------


def test_sound_dataset_has_no_proposals_figures_or_notes(dataset: Dataset) -> None:
    made = dataset.clean(apply=True, repair_splits=True)
    assert made.tables["proposed"].empty
    assert list(made.tables["proposed"].columns) == COLUMNS
    assert (made.figures, made.notes) == ([], [])
    assert set(made.metrics.values()) == {0}
    assert set(made.tables["class_counts"]["change"]) == {0}


def test_by_default_training_gets_the_manifest_whatever_is_decided_or_found(dataset: Dataset) -> None:
    before = dataset.clean().tables["cleaned_manifest"]
    pd.testing.assert_frame_equal(before.drop(columns="action"), dataset.manifest)
    assert set(before["action"]) == {"none"}
    dataset.leak(TRAIN, TEST)
    dataset.find(BLURRY, 3)
    dataset.decide(3, "", "drop")
    dataset.decide(5, "", "relabel", "cat")
    pd.testing.assert_frame_equal(dataset.clean().tables["cleaned_manifest"], before)


# ---- decisions -------------------------------------------------------------------------------------------


def test_decided_drops_and_labels_are_applied(dataset: Dataset) -> None:
    dataset.decide(1, "", "drop")
    dataset.decide(20, "", "relabel", "cat")
    made = dataset.clean(apply=True)
    cleaned = made.tables["cleaned_manifest"]
    assert cleaned.loc[1, ["status", "action"]].tolist() == ["dropped", "dropped"]
    assert cleaned.loc[20, ["label", "action"]].tolist() == ["cat", "relabelled"]
    assert len(cleaned) == len(dataset.rows)
    assert cleaned["label"].dtype == dataset.manifest["label"].dtype
    assert (made.metrics["n_decided"], made.metrics["n_dropped"], made.metrics["n_relabelled"]) == (2, 1, 1)
    changes = made.tables["changes"].set_index("path")
    assert changes.loc["d/20.png", ["label", "new_label", "source", "reason"]].tolist() == [
        "dog",
        "cat",
        "decision",
        "because",
    ]


def test_test_images_are_dropped_if_a_person_says_so(dataset: Dataset) -> None:
    dataset.decide(TEST, "", "drop")
    assert dataset.done(apply=True) == {TEST: "dropped"}


def test_nothing_is_proposed_for_what_is_decided(dataset: Dataset) -> None:
    dataset.find(BLURRY, 0, 1, 2)
    dataset.find(UNREADABLE, 1)
    dataset.decide(0, "blurry", "ignore")
    dataset.decide(1, "", "keep")
    assert dataset.proposed() == [(2, "blurry", "keep")]


def test_decisions_that_fit_no_image_are_said_with_their_lines(dataset: Dataset) -> None:
    dataset.decide(99, "", "drop")
    made = dataset.clean()
    assert made.metrics["n_unmatched"] == 1
    assert any("1 decisions fit no image" in note and "lines 2 of" in note for note in made.notes)


def test_contradicting_decisions_stop_the_stage(dataset: Dataset) -> None:
    dataset.decide(1, "", "drop")
    dataset.decide(1, "", "keep")
    with pytest.raises(InputError, match="lines 2 and 3 contradict"):
        dataset.clean()


def test_last_image_of_a_class_in_a_split_is_never_dropped(dataset: Dataset) -> None:
    for image in range(TEST, TEST + 4):
        dataset.decide(image, "", "drop")
    made = dataset.clean(apply=True)
    counts = made.tables["class_counts"].set_index(["label", "split"])
    assert counts.loc[("cat", "test"), "n_after"] == 1
    assert any("1 images stay though decisions.csv drops them" in note for note in made.notes)


def test_images_without_a_picture_do_not_count_as_the_last_of_a_class(dataset: Dataset) -> None:
    lost = dataset.add("test", status="unreadable")
    for image in [*range(TEST, TEST + 4), lost]:
        dataset.decide(image, "", "drop")
    assert dataset.done(apply=True) == dict.fromkeys([17, 18, 19, lost], "dropped")


def test_class_emptied_by_new_labels_is_said(dataset: Dataset) -> None:
    for image in range(TEST, TEST + 4):
        dataset.decide(image, "", "relabel", "dog")
    assert any(
        "Class cat has no readable image left in test" in note for note in dataset.clean(apply=True).notes
    )


# ---- proposals -------------------------------------------------------------------------------------------


def test_images_without_a_picture_are_dropped_in_every_split(dataset: Dataset) -> None:
    missing, broken = dataset.add("test", status="missing"), dataset.add("train", status="unreadable")
    dataset.find(MISSING_FILE, missing)
    dataset.find(UNREADABLE, broken)
    assert dataset.done(apply=True) == {missing: "dropped", broken: "dropped"}


def test_spoilt_images_are_dropped_but_not_of_what_is_judged_on(dataset: Dataset) -> None:
    dataset.find(TRUNCATED, TRAIN, TEST)
    assert dataset.proposed() == [(TRAIN, "truncated", "drop"), (TEST, "truncated", "keep")]


def test_mild_findings_are_ignored_and_others_kept_for_a_person(dataset: Dataset) -> None:
    dataset.find(WRONG_EXTENSION, 1)
    dataset.find(BLURRY, 2)
    assert dataset.proposed() == [(1, "wrong_extension", "ignore"), (2, "blurry", "keep")]


def test_findings_on_classes_have_no_proposals(dataset: Dataset) -> None:
    dataset.findings.append(findings_of(BLURRY, label=["cat"]))
    assert dataset.proposed() == []


def test_of_a_leaking_pair_the_training_side_goes(dataset: Dataset) -> None:
    dataset.leak(TRAIN, TEST)
    dataset.leak(1, VALIDATION)
    assert dataset.proposed() == [
        (TRAIN, "leaked_image", "drop"),
        (1, "leaked_image", "drop"),
        (TEST, "leaked_image", "keep"),
        (VALIDATION, "leaked_image", "keep"),
    ]
    assert dataset.done(apply=True) == {TRAIN: "dropped", 1: "dropped"}


def test_of_copies_in_three_splits_only_the_test_one_stays(dataset: Dataset) -> None:
    dataset.pairs = [(0, 1, "exact"), (0, 8, "exact"), (0, 16, "exact")]  # a star, as duplicates writes it
    dataset.find(LEAKED, 8, 16)
    dataset.find(EXACT, 1)
    assert dataset.done(apply=True) == {0: "dropped", 1: "dropped", 8: "dropped"}


def test_training_image_stays_if_its_validation_copy_goes_for_the_test(dataset: Dataset) -> None:
    dataset.leak(0, 8)
    dataset.leak(8, 16)  # 0 and 16 are no pair
    assert dataset.done(apply=True) == {8: "dropped"}


def test_leak_that_a_person_denies_costs_nothing(dataset: Dataset) -> None:
    dataset.leak(TRAIN, TEST)
    dataset.decide(TEST, "leaked_image", "ignore")
    assert dataset.done(apply=True) == {}
    assert dataset.done(repair_splits=True) == {}
    assert dataset.clean().metrics["n_to_move"] == 0


def test_training_image_that_a_person_keeps_is_not_dropped(dataset: Dataset) -> None:
    dataset.leak(TRAIN, TEST)
    dataset.decide(TRAIN, "leaked_image", "keep")
    assert dataset.proposed() == [(TEST, "leaked_image", "keep")]
    reason = dataset.clean().tables["proposed"].loc[0, "reason"]
    assert reason == proposals.UNDECIDED  # not that its copies are gone


def test_of_exact_copies_in_a_split_one_is_kept(dataset: Dataset) -> None:
    dataset.pairs = [(0, 1, "exact"), (0, 2, "exact")]
    dataset.find(EXACT, 1, 2)
    assert dataset.proposed() == [(1, "exact_duplicate", "drop"), (2, "exact_duplicate", "drop")]


def test_of_exact_copies_the_one_is_kept_that_a_person_keeps(dataset: Dataset) -> None:
    dataset.pairs = [(0, 1, "exact"), (0, 2, "exact")]
    dataset.find(EXACT, 1, 2)
    dataset.decide(0, "", "drop")
    assert dataset.proposed() == [(2, "exact_duplicate", "drop"), (1, "exact_duplicate", "keep")]
    dataset.decide(2, "exact_duplicate", "keep")
    assert dataset.proposed() == [(1, "exact_duplicate", "drop")]


def test_exact_copies_within_the_test_stay_so_that_scores_compare(dataset: Dataset) -> None:
    dataset.pairs = [(16, 17, "exact")]
    dataset.find(EXACT, 17)
    assert dataset.proposed() == [(17, "exact_duplicate", "keep")]


def test_copies_with_contradicting_labels_wait_for_a_person(dataset: Dataset) -> None:
    dataset.pairs = [(0, 4, "exact")]
    dataset.find(EXACT, 4)
    dataset.find(CONTRADICTING, 0, 4)
    assert {decision for _, _, decision in dataset.proposed()} == {"keep"}


@pytest.mark.parametrize(("score", "n_right"), [(0.98, 100), (0.995, 98)])
def test_a_leak_goes_only_by_a_score_that_held_in_the_self_test(
    dataset: Dataset, score: float, n_right: int
) -> None:
    dataset.leak(0, 16)
    assert dataset.proposed() == [(0, "leaked_image", "drop"), (16, "leaked_image", "keep")]
    dataset.score, dataset.n_right_of_100 = score, n_right
    assert dataset.proposed() == [(16, "leaked_image", "keep")]


@pytest.mark.parametrize(("score", "n_right"), [(0.5, 100), (0.995, 0)])
def test_a_leak_by_equal_pixels_goes_whatever_the_score_is_worth(
    dataset: Dataset, score: float, n_right: int
) -> None:
    dataset.score, dataset.n_right_of_100 = score, n_right
    dataset.leak(0, 16, kind="exact")
    assert (0, "leaked_image", "drop") in dataset.proposed()


def test_near_copies_within_a_split_are_left_alone(dataset: Dataset) -> None:
    dataset.pairs = [(0, 1, "near")]
    dataset.find(NEAR, 1)
    assert dataset.proposed() == [(1, "near_duplicate", "ignore")]


def test_leaks_do_not_cost_a_class_its_last_training_image(dataset: Dataset) -> None:
    for offset in range(4):
        dataset.leak(TRAIN + offset, TEST + offset)
    done = dataset.done(apply=True)
    assert done == {1: "dropped", 2: "dropped", 3: "dropped"}
    reasons = dataset.clean().tables["proposed"].set_index("path")["reason"]
    assert reasons["d/16.png"] == proposals.UNDECIDED  # its copy, the last cat in training, could not go


def test_single_split_is_cleaned_of_copies(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path, pairs=[(0, 1, "exact")])
    for _ in range(3):
        dataset.add("train")
    dataset.find(EXACT, 1)
    assert dataset.done(apply=True, repair_splits=True) == {1: "dropped"}


def test_all_unreadable_dataset_is_left_as_it_is(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    for split in SPLITS:
        dataset.find(UNREADABLE, dataset.add(split, status="unreadable"))
    made = dataset.clean(apply=True, repair_splits=True)
    assert made.metrics["n_dropped"] == 3
    assert made.tables["class_counts"]["n_before"].sum() == 0


def plant_everything(dataset: Dataset) -> None:
    dataset.pairs = [(0, 1, "exact"), (0, 8, "exact"), (0, 16, "exact"), (2, 17, "near"), (4, 5, "exact")]
    dataset.find(LEAKED, 8, 16, 17)
    dataset.find(EXACT, 1, 5)
    dataset.find(TRUNCATED, 6, 20)
    dataset.find(BLURRY, 6, 7, 17)
    dataset.find(WRONG_EXTENSION, 7, 9)
    dataset.find(MISSING_FILE, dataset.add("train", status="missing"))
    dataset.doubt(10, "dog")


@pytest.mark.parametrize("apply", [False, True])
def test_proposals_can_be_moved_into_decisions_as_they_are(dataset: Dataset, apply: bool) -> None:
    plant_everything(dataset)
    before = dataset.clean(apply=True)
    dataset.decisions = before.tables["proposed"].to_csv(index=False, header=False).splitlines()
    after = dataset.clean(apply=apply)
    assert after.tables["proposed"].empty
    assert after.metrics["n_unmatched"] == 0
    if apply:  # the label that was proposed is now decided
        before.tables["cleaned_manifest"].loc[10, ["label", "action"]] = ["dog", "relabelled"]
        columns = ["label", "split", "status", "action"]
        pd.testing.assert_frame_equal(
            before.tables["cleaned_manifest"][columns], after.tables["cleaned_manifest"][columns]
        )


def test_proposals_are_one_row_an_image_that_goes_and_one_a_finding_of_the_others(dataset: Dataset) -> None:
    plant_everything(dataset)
    proposed = dataset.proposed()
    assert len(proposed) == len({(image, kind) for image, kind, _ in proposed})
    goes = {image for image, _, decision in proposed if decision == "drop"}
    assert goes == {0, 1, 2, 5, 6, 8, 24}
    others = [(image, kind) for image, kind, decision in proposed if decision != "drop"]
    assert sorted(others) == [
        (7, "blurry"),
        (7, "wrong_extension"),
        (9, "wrong_extension"),
        (10, "suspected_label_error"),
        (16, "leaked_image"),
        (17, "blurry"),
        (17, "leaked_image"),
        (20, "truncated"),
    ]


def test_order_of_findings_changes_nothing_in_what_is_dropped(dataset: Dataset) -> None:
    plant_everything(dataset)
    before = dataset.done(apply=True)
    dataset.findings.reverse()
    dataset.pairs.reverse()
    assert dataset.done(apply=True) == before


# ---- labels ----------------------------------------------------------------------------------------------


def test_probably_wrong_label_is_proposed_to_become_the_suggested_one(dataset: Dataset) -> None:
    dataset.doubt(0, "dog")
    dataset.doubt(1, "cat")  # a copy with another label, say: the label itself is not doubted
    proposed = dataset.clean().tables["proposed"]
    assert proposed[["path", "decision", "label"]].to_numpy().tolist() == [
        ["d/0.png", "relabel", "dog"],
        ["d/1.png", "keep", ""],
    ]
    assert "labelled cat with a probability of 0.03" in proposed.loc[0, "reason"]


def test_proposed_label_is_not_applied_without_a_decision(dataset: Dataset) -> None:
    dataset.doubt(0, "dog")
    assert dataset.done(apply=True) == {}
    dataset.decide(0, "suspected_label_error", "relabel", "dog")
    assert dataset.proposed() == []
    assert dataset.done(apply=True) == {0: "relabelled"}


def test_image_that_goes_gets_no_new_label(dataset: Dataset) -> None:
    dataset.doubt(TRAIN, "dog")
    dataset.leak(TRAIN, TEST)
    assert (TRAIN, "suspected_label_error", "relabel") not in dataset.proposed()


# ---- repaired splits -------------------------------------------------------------------------------------


def test_repaired_splits_move_copies_and_need_no_drops(dataset: Dataset) -> None:
    dataset.pairs = [(0, 1, "exact"), (0, 16, "exact")]
    dataset.find(LEAKED, 16)
    made = dataset.clean(apply=True, repair_splits=True)
    cleaned = made.tables["cleaned_manifest"]
    assert cleaned.loc[cleaned["action"] != "none", ["split", "action"]].to_numpy().tolist() == [
        ["train", "moved"]
    ]
    assert cleaned["split"].dtype == dataset.manifest["split"].dtype
    assert made.tables["proposed"].empty  # the setting answers the finding, not a decision
    assert made.metrics["n_moved"] == 1
    assert dataset.clean(apply=True).metrics["n_to_move"] == 1


def test_repair_alone_applies_neither_decisions_nor_proposals(dataset: Dataset) -> None:
    dataset.leak(TRAIN, TEST)
    dataset.find(TRUNCATED, 2)
    dataset.decide(3, "", "drop")
    assert dataset.done(repair_splits=True) == {TRAIN: "moved"}


def test_relabelled_and_moved_image_says_both(dataset: Dataset) -> None:
    dataset.leak(TRAIN, TEST)
    dataset.decide(TRAIN, "contradicting_copies", "relabel", "dog")
    assert dataset.done(apply=True, repair_splits=True) == {TRAIN: "relabelled and moved"}


# ---- what a person reads ---------------------------------------------------------------------------------


def test_answers_count_decisions_and_proposals_by_kind(dataset: Dataset) -> None:
    dataset.find(BLURRY, 0, 1, 2)
    dataset.find(WRONG_EXTENSION, 1)
    dataset.decide(0, "blurry", "ignore")
    assert dataset.clean().tables["answers"].to_numpy().tolist() == [
        ["blurry", "keep", 0, 2],
        ["blurry", "ignore", 1, 0],
        ["wrong_extension", "ignore", 0, 1],
    ]


def test_changes_are_foretold_while_they_are_not_applied(dataset: Dataset) -> None:
    dataset.leak(TRAIN, TEST)
    foretold, applied = dataset.clean(), dataset.clean(apply=True)
    pd.testing.assert_frame_equal(foretold.tables["changes"], applied.tables["changes"])
    assert (foretold.metrics["n_dropped"], applied.metrics["n_dropped"]) == (0, 1)
    assert foretold.summary.endswith("training uses the data as is")
    assert applied.summary.endswith("training uses 23 of 24 images")
    titles = [[figure.title for figure in made.figures] for made in (foretold, applied)]
    assert [title[-1] for title in titles] == ["What cleaning would change", "What cleaning changes"]


def test_proposed_table_disarms_formulas_and_reads_back(dataset: Dataset, tmp_path: Path) -> None:
    dataset.find(BLURRY, 0)
    table = dataset.clean().tables["proposed"]
    file = tmp_path / "proposed.csv"
    table.to_csv(file, index=False)
    found = locate(read_decisions(file), dataset.manifest, root="d")
    assert found.rows[["item_id", "kind", "decision"]].to_numpy().tolist() == [[0, "blurry", "keep"]]
