"""Planted changes are found in what they changed, and in nothing else."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.comparison.inputs import input_changes, pair_images
from analysis.comparison.metrics import compare_metrics
from analysis.comparison.page import as_html, as_markdown, blocks_of
from analysis.comparison.sides import Side
from analysis.comparison.verdict import compare_sides, harms, verdict_on
from analysis.contract import InputError

N, CLASSES = 400, ["cat", "dog", "eel", "fox"]
FIRST_40 = np.arange(40)
STAGES = ("predict", "duplicates", "evaluate")


def parquet(table: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    table.to_parquet(file)
    return file.getvalue()


def manifest(n: int = N) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item_id": np.arange(n),
            "path": [f"{i:03}.png" for i in range(n)],
            "label": pd.Categorical.from_codes(np.arange(n) % 4, CLASSES),
            "split": pd.Categorical(["test"] * n),
            "content_hash": [f"hash {i}" for i in range(n)],
        }
    )


def predictions(rows: pd.DataFrame, wrong: np.ndarray) -> pd.DataFrame:
    """Right but for the rows `wrong`, which are taken for the next class."""
    codes = rows["label"].cat.codes.to_numpy()
    predicted = np.where(np.isin(np.arange(len(rows)), wrong), (codes + 1) % 4, codes)
    sure = np.full((len(rows), 4), 0.1)
    sure[np.arange(len(rows)), predicted] = 0.7
    return pd.DataFrame(
        {
            "item_id": rows["item_id"],
            "split": rows["split"],
            "label": rows["label"],
            "predicted_label": pd.Categorical.from_codes(predicted, CLASSES),
            "probabilities": list(sure),
            "is_correct": pd.array(predicted == codes, dtype="boolean"),
        }
    )


def findings(pairs: list[tuple[int, int]], kind: str = "leaked_image") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item_id": pd.array([a for a, _ in pairs], dtype="Int64"),
            "other_item_id": pd.array([b for _, b in pairs], dtype="Int64"),
            "label": pd.array([None] * len(pairs), dtype="string"),
            "kind": kind,
            "severity": "high",
            "score": 1.0,
            "detail": "a copy",
            "stage": "duplicates",
        }
    )


def side(
    name: str = "one",
    rows: pd.DataFrame | None = None,
    wrong: np.ndarray = FIRST_40,
    found: pd.DataFrame | None = None,
    metrics: Mapping[str, float] = {},
    parameters: Mapping[str, object] = {},
) -> Side:
    rows = manifest() if rows is None else rows
    outputs = {
        "predict": {"data/predictions.parquet": parquet(predictions(rows, wrong))},
        "duplicates": {
            "analysis_outputs/duplicates/findings.parquet": parquet(findings([]) if found is None else found)
        },
        "evaluate": {"analysis_outputs/evaluate/metrics.json": json.dumps(metrics).encode()},
    }
    lock = {stage: {"outs": [{"path": path} for path in files]} for stage, files in outputs.items()}
    files = {path: content for stage in outputs.values() for path, content in stage.items()}
    files |= {
        "data/manifest.parquet": parquet(rows),
        "params.yaml": yaml.safe_dump(dict(parameters)).encode(),
        "dvc.yaml": yaml.safe_dump({"stages": dict.fromkeys(STAGES)}).encode(),
        "dvc.lock": yaml.safe_dump({"stages": lock | {"left over": {"outs": [{"path": "x"}]}}}).encode(),
    }
    return Side(name, files.get)


def fifty_leaks() -> pd.DataFrame:
    return findings([(i, 200 + i) for i in range(50)])


# ---- the model -------------------------------------------------------------------------------------------


def test_same_predictions_are_no_change() -> None:
    found = compare_sides(side(), side())
    assert (found.model.scores["change"] == 0).all()
    assert found.model.flips.empty
    assert verdict_on(found, []).startswith("No sure harm: accuracy shows no sure change")
    assert harms(found, ["accuracy", "class-recall", "new-findings", "leaks"]) == []


def test_models_that_differ_by_chance_are_told_apart_in_few_of_100() -> None:
    told = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        wrong = [rng.permutation(N)[:40] for _ in range(2)]
        found = compare_sides(side(wrong=wrong[0]), side(wrong=wrong[1]))
        told += len(harms(found, ["accuracy", "class-recall"])) > 0
    assert told <= 5


def test_twenty_predictions_turned_wrong_are_found() -> None:
    found = compare_sides(side(), side(wrong=np.arange(60)))
    assert harms(found, ["accuracy"]) == ["accuracy fell by 5.0 points"]
    assert (found.model.flips["flip"] == "right to wrong").all()
    assert sorted(found.model.flips["path_after"]) == [f"{i:03}.png" for i in range(40, 60)]
    assert "Sure harm: accuracy is worse: 90.0% → 85.0% (-5.0 points" in verdict_on(found, [])


def test_a_class_that_is_lost_is_found_and_no_other() -> None:
    eels = np.flatnonzero(np.arange(N) % 4 == 2)
    found = compare_sides(side(), side(wrong=np.union1d(np.arange(40), eels)))
    assert harms(found, ["class-recall"]) == ["recall of eel fell by 90.0 points"]


def test_a_recall_is_corrected_for_the_number_of_classes() -> None:
    """Six lost of six that changed: p is 0.03 of one class alone, and 0.13 as the best of four."""
    foxes = np.flatnonzero(np.arange(N) % 4 == 3)[-6:]
    found = compare_sides(side(), side(wrong=np.r_[FIRST_40, foxes]))
    assert found.model.recalls.set_index("label").loc["fox", "p_value"] == pytest.approx(4 * 2 * 0.5**6)
    assert harms(found, ["class-recall"]) == []


def test_images_are_paired_by_content_wherever_they_lie() -> None:
    order = np.random.default_rng(0).permutation(N)
    moved = manifest().iloc[order].assign(item_id=np.arange(N), path=[f"new/{i}.png" for i in range(N)])
    wrong = np.flatnonzero(np.isin(order, np.arange(40)))
    found = compare_sides(side(), side(rows=moved.reset_index(drop=True), wrong=wrong))
    assert found.model.n_items == N
    assert found.model.flips.empty
    assert set(found.inputs.counts.values()) == {0}


def test_images_that_one_side_judged_are_left_out_and_counted() -> None:
    found = compare_sides(side(), side(rows=manifest(300)))
    assert (found.model.n_items, found.model.n_left_out) == (300, 100)
    assert found.inputs.counts["gone"] == 100


# ---- data, findings, figures -----------------------------------------------------------------------------


def test_copies_of_one_content_are_paired_one_to_one() -> None:
    rows = manifest(4).assign(content_hash=["a", "a", "b", None])
    pairs = pair_images(rows, rows.iloc[[0, 2, 3]].assign(split="train"))
    assert len(pairs) == 4
    assert pairs["kept"].sum() == 3
    kept = pairs[pairs["kept"]]
    assert (kept["split_after"] == "train").all()


def test_fifty_new_leaks_are_counted() -> None:
    found = compare_sides(side(), side(found=fifty_leaks()))
    assert harms(found, ["leaks"]) == ["50 new leaks"]
    turned = fifty_leaks().rename(columns={"item_id": "other_item_id", "other_item_id": "item_id"})
    assert harms(compare_sides(side(found=fifty_leaks()), side(found=turned)), ["new-findings"]) == []


@pytest.mark.parametrize(
    ("after", "noise"),
    [
        ({"accuracy": 0.7, "accuracy_low": 0.65, "accuracy_high": 0.75}, "beyond its interval"),
        ({"accuracy": 0.85, "accuracy_low": 0.8, "accuracy_high": 0.95}, "within its interval"),
        ({"accuracy": 0.7}, "no interval"),
        ({"accuracy": 3}, "a count"),
    ],
)
def test_a_figure_is_held_against_its_interval(after: dict, noise: str) -> None:
    before = {"accuracy": 0.9, "accuracy_low": 0.85, "accuracy_high": 0.95}
    assert compare_metrics(side(metrics=before), side(metrics=after))["noise"].tolist() == [noise]


def test_a_bound_on_a_figure_is_held() -> None:
    found = compare_sides(side(), side(metrics={"ece": 0.2}))
    assert harms(found, ["evaluate.ece>0.1"]) == ["evaluate.ece is 0.2"]
    assert harms(found, ["evaluate.ece<0.1"]) == []
    for wrong in ("evaluate.none>1", "nonsense"):
        with pytest.raises(InputError, match=r"--fail-on"):
            harms(found, [wrong])


def test_parameters_that_differ_are_named_by_their_whole_key() -> None:
    before, after = (
        side(parameters={"a": {"b": 1, "c": 2}}),
        side(parameters={"a": {"b": 1, "c": 3}, "d": []}),
    )
    table = input_changes(before, after).parameters
    assert table.to_numpy().tolist() == [["a.c", "2", "3"], ["d", "–", "[]"]]


# ---- the page --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "write", [as_markdown, lambda *parts: as_html(*parts, np.zeros((N, 32, 32, 3), "uint8"))]
)
def test_labels_and_paths_are_no_markup(write: Callable[..., str]) -> None:
    rows = manifest()
    rows["label"] = rows["label"].cat.rename_categories({"eel": "<script>|x|"})
    rows["path"] = "<img src=x>" + rows["path"]
    judged = predictions(rows, np.arange(5))
    assert "<script>|x|" in judged["label"].cat.categories
    found = compare_sides(side(rows=rows), side(rows=rows, wrong=np.arange(80), found=fifty_leaks()))
    page = write("a verdict", blocks_of(found, all_rows=False), ("<b>", "after"))
    assert "<script>" not in page
    assert "<img src=x>" not in page
    assert "30 more: --all lists them" in page or "30 more: \\-\\-all" in page


@pytest.mark.parametrize("predicted", [None, parquet(pd.DataFrame({"unjudged": ["one class"]}))])
def test_a_state_without_predictions_is_compared_by_what_it_has(predicted: bytes | None) -> None:
    bare = replace(side(), read=lambda path: predicted if "predictions" in path else side().read(path))
    found = compare_sides(bare, side(found=fifty_leaks()))
    assert found.model is None
    assert verdict_on(found, []).startswith("The classifiers cannot be compared")
    assert harms(found, ["leaks"]) == ["50 new leaks"]
    for asked in ("accuracy", "class-recall"):  # no answer is not a good one
        with pytest.raises(InputError, match="judged by both"):
            harms(found, [asked])
