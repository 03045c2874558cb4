from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.contract import Artifacts, NothingToJudgeError
from analysis.interpret.hard_examples.figures import plot_class_hardness
from analysis.interpret.hard_examples.parameters import HardExamplesParameters
from analysis.interpret.hard_examples.stage import hard_examples, tabulate_class_hardness

PARAMETERS_FILE = Path(__file__).parents[3] / "params.yaml"
CONTENT = yaml.safe_load(PARAMETERS_FILE.read_text(encoding="utf-8"))
DEFAULTS = HardExamplesParameters.model_validate(CONTENT["hard_examples"])
CLASSES = ["cat", "dog", "owl"]


@pytest.fixture
def rank(make_dataset) -> Callable[..., Artifacts]:
    """The stage on images of (split, label, probabilities), all of which are known from training if so said.

    `forgotten` gives forgetting events by image, None for never learnt; `suspected` names the item_ids of
    labels that `label_issues` lists.
    """

    def run(rows, *, forgotten=None, suspected=(), classes=CLASSES, **changes) -> Artifacts:
        manifest, scan = make_dataset(
            [(label, split, None if p is None else 100) for split, label, p in rows], classes=classes
        )
        predicted = [None if p is None else classes[int(np.argmax(p))] for _, _, p in rows]
        predictions = manifest[["item_id", "split", "label"]].assign(
            predicted_label=pd.Categorical(predicted, classes),
            probabilities=[None if p is None else np.array(p, np.float32) for _, _, p in rows],
        )
        forgotten = forgotten or {}
        dynamics = pd.DataFrame(
            {
                "item_id": np.array([*forgotten], dtype="int64"),
                "n_forgetting_events": np.array([n or 0 for n in forgotten.values()], dtype="int64"),
                "first_learnt_epoch": pd.array(
                    [pd.NA if n is None else 1 for n in forgotten.values()], dtype="Int64"
                ),
                "n_epochs": 4,
                "n_learnt_epochs": [0 if n is None else 4 - n for n in forgotten.values()],
                "mean_probability": 0.7,
                "std_probability": 0.2,
                "area_under_margin": [-9.0 if n is None else 1.0 - n for n in forgotten.values()],
            }
        )
        doubts = manifest[["item_id", "label"]].assign(
            is_issue=manifest["item_id"].isin(suspected),
            self_confidence=np.where(manifest["item_id"].isin(suspected), 0.01, 0.99),
        )
        return hard_examples(
            manifest,
            scan,
            predictions,
            dynamics,
            doubts,
            parameters=DEFAULTS.model_copy(update=changes),
        )

    return run


SURE = {"cat": [0.98, 0.01, 0.01], "dog": [0.01, 0.98, 0.01], "owl": [0.01, 0.01, 0.98]}


def rows_of(split: str, n: int) -> list[tuple[str, str, list[float]]]:
    return [(split, label, SURE[label]) for label in CLASSES for _ in range(n)]


def test_planted_wrong_label_leads_every_ranking_and_the_lists(rank):
    rows = [*rows_of("train", 20), ("train", "cat", SURE["dog"]), *rows_of("validation", 4)]
    rows += [*rows_of("test", 4), ("test", "owl", SURE["cat"])]
    planted, in_test = 60, len(rows) - 1
    artifacts = rank(
        rows, forgotten=dict.fromkeys(range(60), 0) | {planted: None}, suspected=[planted, in_test]
    )
    table = artifacts.tables["hard_examples"].set_index("item_id")
    assert table.loc[planted, ["loss_rank", "forgetting_rank", "margin_rank"]].tolist() == [1, 1, 1]
    assert table.loc[in_test, "loss_rank"] == 1
    assert table["hardness"].between(0, 1).all()
    hardest = artifacts.tables["hardest"]
    assert hardest["path"][0].endswith("0060.png")
    assert hardest["label_doubted"][0] == "yes"
    doubt = artifacts.tables["label_doubt"].set_index(["images", "ranking"])
    assert (doubt["n_both"] == 1).all()
    assert (doubt["odds_ratio_low"] > 1).all()
    assert artifacts.metrics["n_never_learnt_suspected"] == 1
    assert "1 images were never learnt and have a label that label_issues lists" in artifacts.notes[-1]


def test_clean_dataset_has_no_doubts_and_says_so(rank):
    artifacts = rank([*rows_of("train", 5), *rows_of("validation", 2), *rows_of("test", 2)])
    assert artifacts.findings is None
    assert np.isnan(artifacts.metrics["doubt_odds_ratio"])
    assert any("lists no label" in note for note in artifacts.notes)


def test_label_that_was_corrected_since_is_not_doubted(rank, monkeypatch):
    from analysis.interpret.hard_examples import stage as module

    table = pd.DataFrame(
        {"item_id": [0, 1], "label": ["cat", "dog"], "is_issue": [True, True], "self_confidence": [0.1, 0.1]}
    )
    images = pd.DataFrame({"item_id": [0, 1], "label": pd.Categorical(["cat", "owl"], CLASSES)})
    found = module._with_doubts(images, table)
    assert found["is_suspected"].tolist() == [True, False]
    assert found["label_doubt"].tolist() == pytest.approx([0.9, np.nan], nan_ok=True)


def test_pairs_are_chosen_on_validation_and_described_on_test(rank):
    rows = [("validation", "cat", [0.6, 0.4, 0.0]), ("validation", "dog", SURE["dog"])]
    rows += [
        ("validation", "owl", SURE["owl"]),
        ("test", "owl", [0.0, 0.9, 0.1]),
        ("test", "cat", SURE["dog"]),
    ]
    pairs = rank(rows, n_pairs=1).tables["confused_pairs"]
    assert pairs.loc[0, ["first_label", "second_label"]].tolist() == ["cat", "dog"]
    assert pairs.loc[0, ["n_items", "n_mistaken"]].tolist() == [1, 1]
    assert "first" not in pairs


def test_images_of_a_pair_are_ranked_from_its_boundary(rank):
    rows = [*rows_of("validation", 1), ("test", "cat", [0.55, 0.45, 0]), ("test", "cat", [0.8, 0.2, 0])]
    rows.append(("test", "dog", [0.95, 0.05, 0]))
    table = rank(rows, n_pairs=3).tables["hard_examples"]
    test = table[table["split"] == "test"]
    assert test["pair_rank"].tolist() == [1, 2, 3]
    assert (test["pair_log_odds"] > 0).tolist() == [True, True, False]


def test_classes_count_outcomes_of_training_by_hand(rank):
    rows = [("train", "cat", SURE["cat"])] * 3 + [("train", "dog", SURE["dog"])] * 2 + rows_of("test", 1)
    artifacts = rank(rows, forgotten={0: 0, 1: 2, 2: None, 3: 0})
    (figure,) = [figure for figure in artifacts.figures if figure.name == "class_hardness"]
    table = figure.table.set_index("label")
    columns = ["n_items", "n_trained_on", "n_always_kept", "n_forgotten", "n_never_learnt"]
    assert table.loc["cat", columns].tolist() == [4, 3, 1, 1, 1]
    assert table.loc["dog", columns].tolist() == [3, 1, 1, 0, 0]
    assert table["n_hard"].sum() == figure.table["n_hard"].sum()
    assert artifacts.metrics["never_learnt_fraction"] == 1 / 4
    assert artifacts.metrics["forgotten_fraction"] == 1 / 4
    assert any(note.startswith("1 training images were not trained on") for note in artifacts.notes)


# ---- second training -------------------------------------------------------------------------------------
def test_what_is_worth_repeating_is_marked(rank):
    rows = [*rows_of("train", 4), *rows_of("test", 1)]
    artifacts = rank(rows, forgotten=dict.fromkeys(range(12), 0) | {3: 2}, suspected=[5], n_pairs=1)
    table = artifacts.tables["hard_examples"].set_index("item_id")
    assert table.loc[3, "is_worth_repeating"]
    assert not table.loc[[5, 12, 13, 14], "is_worth_repeating"].any()


# ---- what is lacking -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "rows",
    [
        rows_of("train", 2),  # no validation, no test
        [("test", "cat", SURE["cat"])],  # one image
        [("test", "cat", SURE["cat"]), ("test", "dog", SURE["cat"])],  # one image a class
        [("validation", "cat", SURE["cat"]), ("test", "owl", SURE["owl"])],  # no pair to choose
        [("test", "cat", SURE["cat"]), ("test", "dog", None), ("train", None, SURE["cat"])],
    ],
)
def test_checkpoint_from_elsewhere_and_little_data_are_ranked_and_said(rank, tmp_path, rows):
    artifacts = rank(rows)
    assert any("Nothing is known of how training went" in note for note in artifacts.notes)
    assert len(artifacts.tables["hard_examples"]) == sum(None not in row for row in rows)
    full = rank([*rows_of("train", 3), *rows_of("test", 2)], forgotten={0: 1, 1: 0, 2: None})
    assert list(artifacts.metrics) == list(full.metrics)
    for figure in artifacts.figures:
        figure.drawing.savefig(tmp_path / f"{figure.name}.png")


def test_nothing_to_rank_is_said(rank):
    with pytest.raises(NothingToJudgeError, match="no image has both a label and a prediction"):
        rank([("test", "cat", None), ("test", None, SURE["cat"])])


# ---- figures ---------------------------------------------------------------------------------------------
def test_figures_are_drawn_with_formulas_and_braces_for_labels(rank, tmp_path):
    classes = [r"$\frac_1$", "{chosen_on}", "owl"]
    relabel = dict(zip(CLASSES, classes, strict=True))
    rows = [
        (split, relabel[label], p)
        for s in ("train", "validation", "test")
        for split, label, p in rows_of(s, 2)
    ]
    artifacts = rank(rows, forgotten={0: 1, 1: 0, 2: None, 3: 0}, suspected=[2], classes=classes)
    names = [figure.name for figure in artifacts.figures]
    assert names == [
        "class_hardness",
        "dataset_map",
        "hardest_by_margin",
        "hardest_by_loss",
        "pair_boundaries",
    ]
    for figure in artifacts.figures:
        figure.drawing.savefig(tmp_path / "figure.png")
        assert max(figure.drawing.get_size_inches()) < 15


@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_class_figure_is_within_bounds(tmp_path, n_classes):
    rng = np.random.default_rng(0)
    labels = [f"a rather long name of a class, {i}" for i in range(n_classes)]
    images = pd.DataFrame(
        {
            "label": pd.Categorical(rng.choice(labels, 500), labels),
            "split": "train",
            "was_trained_on": True,
            "n_forgetting_events": pd.array(rng.integers(0, 3, 500), dtype="Int64"),
            "is_never_learnt": pd.array(rng.random(500) < 0.1, dtype="boolean"),
            "hardness_percentile": (np.arange(500) + 0.5) / 500,
        }
    )
    by_class = tabulate_class_hardness(images, 0.05)
    assert by_class["n_hard"].sum() == 25
    assert (
        by_class[["n_always_kept", "n_forgotten", "n_never_learnt"]].sum(axis=1) == by_class["n_trained_on"]
    ).all()
    figure = plot_class_hardness(by_class, 0.05)
    assert max(figure.drawing.get_size_inches()) < 15
    figure.drawing.savefig(tmp_path / "figure.png")
