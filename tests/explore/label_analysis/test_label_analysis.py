"""Counts, balance, findings and drawings of labels, on small manifests with known contents."""

import io
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError
from scipy import stats

from analysis.contract import Artifacts
from analysis.drawing.class_axis import MAX_CLASSES, class_positions, short_label
from analysis.explore.label_analysis.balance import measure_balance
from analysis.explore.label_analysis.parameters import LabelAnalysisParameters
from analysis.explore.label_analysis.spellings import merging_option, tabulate_spellings
from analysis.explore.label_analysis.stage import label_analysis
from analysis.pipeline.arguments import read_input

SETTINGS = {
    "head_above": 100,
    "tail_below": 20,
    "min_training_images": 5,
    "min_evaluation_images": 2,
    "max_imbalance_ratio": 10.0,
    "significance_level": 0.01,
    "min_label_shift": 0.05,
    "n_permutations": 199,
}


def manifest_of(counts: dict[str | None, dict[str, int]], status: str = "ok") -> pd.DataFrame:
    """Label -> split -> number of images; None is a blank label."""
    rows = [
        (label, split) for label, splits in counts.items() for split, n in splits.items() for _ in range(n)
    ]
    classes = [label for label in counts if label is not None]
    splits = [s for s in ("train", "validation", "test") if any(split == s for _, split in rows)]
    return pd.DataFrame(
        {
            "item_id": np.arange(len(rows)),
            "path": [f"{i}.png" for i in range(len(rows))],
            "label": pd.Categorical([label for label, _ in rows], categories=classes),
            "split": pd.Categorical([split for _, split in rows], categories=splits),
            "status": status,
        }
    )


def analyse(
    manifest: pd.DataFrame, renamed: Mapping[str, str] = MappingProxyType({}), **changes: object
) -> Artifacts:
    parameters = LabelAnalysisParameters.model_validate(SETTINGS | changes)
    artifacts = label_analysis(manifest, parameters=parameters, rename_labels=renamed, seed=0)
    for figure in artifacts.figures:  # drawn to the end, as the runner does
        figure.drawing.savefig(io.BytesIO(), format="png", dpi=40)
    return artifacts


def kinds_found(artifacts: Artifacts) -> dict[str, list[str]]:
    return {kind: rows["label"].tolist() for kind, rows in artifacts.findings.groupby("kind")}


CLEAN = {label: {"train": 40, "validation": 10, "test": 20} for label in ("ant", "bee", "cat")}


def test_clean_dataset_has_no_findings() -> None:
    artifacts = analyse(manifest_of(CLEAN))
    assert len(artifacts.findings) == 0
    assert artifacts.notes == []
    assert [figure.name for figure in artifacts.figures] == ["class_counts", "label_shift", "long_tail"]


def test_class_counts_have_a_row_for_each_class_and_split() -> None:
    manifest = manifest_of({"ant": {"train": 3, "test": 1}, "bee": {"train": 1, "test": 0}})
    table = analyse(manifest).tables["class_counts"].set_index(["label", "split"])
    assert table["n_items"].to_dict() == {
        ("ant", "train"): 3,
        ("bee", "train"): 1,
        ("ant", "test"): 1,
        ("bee", "test"): 0,
    }
    assert table.loc[("ant", "train"), "proportion"] == pytest.approx(0.75)
    expected = stats.binomtest(3, 4).proportion_ci(method="wilson")
    assert table.loc[("ant", "train"), "proportion_low"] == pytest.approx(expected.low)
    assert table.loc[("ant", "train"), "proportion_high"] == pytest.approx(expected.high)


def test_every_row_of_the_manifest_is_counted_once() -> None:
    manifest = manifest_of(CLEAN | {None: {"train": 4, "test": 1}})
    manifest.loc[[0, 1, 50], "status"] = ["missing", "empty", "missing"]
    artifacts = analyse(manifest)
    metrics = artifacts.metrics
    assert metrics["n_unlabelled"] == 5
    assert metrics["n_unavailable"] == 3
    assert metrics["n_items"] + metrics["n_unavailable"] + metrics["n_unlabelled"] == len(manifest)
    table = artifacts.tables["class_counts"]
    assert table["n_items"].sum() == metrics["n_items"]
    assert table.loc[(table["label"] == "ant") & (table["split"] == "train"), "n_unavailable"].item() == 2


def test_order_of_rows_does_not_matter() -> None:
    manifest = manifest_of({"ant": {"train": 30, "test": 3}, "bee": {"train": 9, "test": 14}})
    shuffled = manifest.sample(frac=1, random_state=1)
    a, b = analyse(manifest), analyse(shuffled)
    assert a.metrics == pytest.approx(b.metrics, nan_ok=True)
    pd.testing.assert_frame_equal(a.tables["label_shift"], b.tables["label_shift"])


def test_classes_stand_in_the_order_of_the_dataset() -> None:
    manifest = manifest_of({label: {"train": 9} for label in ("2", "10", "1")})
    assert analyse(manifest).tables["class_counts"]["label"].tolist() == ["2", "10", "1"]


def test_balance_of_hand_computed_counts() -> None:
    # shares 1/2, 1/4, 1/8, 1/8: 1.75 bits; sorted 1, 1, 2, 4: Gini = (-3 - 1 + 2 + 12) / (4 * 8)
    balance = measure_balance(np.array([8, 4, 2, 2]))
    assert balance["imbalance_ratio"] == 4
    assert balance["entropy_bits"] == pytest.approx(1.75)
    assert balance["entropy_normalised"] == pytest.approx(1.75 / 2)
    assert balance["effective_classes"] == pytest.approx(2**1.75)
    assert balance["gini"] == pytest.approx(10 / 32)


def test_balance_matches_scipy_and_the_mean_difference_on_random_counts() -> None:
    counts = np.random.default_rng(3).integers(0, 50, 30)
    balance = measure_balance(counts)
    assert balance["effective_classes"] == pytest.approx(np.exp(stats.entropy(counts)))
    mean_difference = np.abs(counts[:, None] - counts[None, :]).mean()
    assert balance["gini"] == pytest.approx(mean_difference / (2 * counts.mean()))


def test_equal_classes_are_balanced() -> None:
    balance = measure_balance(np.full(7, 13))
    assert balance["imbalance_ratio"] == 1
    assert balance["entropy_normalised"] == pytest.approx(1)
    assert balance["effective_classes"] == pytest.approx(7)
    assert balance["gini"] == pytest.approx(0)


def test_an_absent_class_counts_as_absent_not_as_infinite_imbalance() -> None:
    balance = measure_balance(np.array([6, 3, 0]))
    assert balance["imbalance_ratio"] == 2
    assert balance["entropy_normalised"] < measure_balance(np.array([6, 3]))["entropy_normalised"]


def test_balance_of_nothing_and_of_one_class() -> None:
    assert all(np.isnan(value) for value in measure_balance(np.array([0, 0])).values())
    single = measure_balance(np.array([5]))
    assert (single["entropy_bits"], single["effective_classes"], single["gini"]) == (0, 1, 0)
    assert np.isnan(single["entropy_normalised"])


def test_frequency_groups_end_where_liu_et_al_end_them() -> None:
    n_train = {"a": 101, "b": 100, "c": 20, "d": 19}
    artifacts = analyse(manifest_of({label: {"train": n} for label, n in n_train.items()}))
    groups = artifacts.tables["class_counts"].set_index("label")["frequency_group"]
    assert groups.to_dict() == {"a": "head", "b": "medium", "c": "medium", "d": "tail"}
    counted = [artifacts.metrics[f"n_{group}_classes"] for group in ("head", "medium", "tail")]
    assert counted == [1, 2, 1]


def test_absent_and_scarce_classes_are_found() -> None:
    manifest = manifest_of(
        {
            "plenty": {"train": 30, "test": 10},
            "just enough": {"train": 5, "test": 2},
            "no training": {"train": 0, "test": 10},
            "no test": {"train": 30, "test": 0},
            "scarce": {"train": 4, "test": 1},
        }
    )
    artifacts = analyse(manifest, min_label_shift=1.0)
    assert (artifacts.metrics["n_absent_train"], artifacts.metrics["n_absent_test"]) == (1, 1)
    assert kinds_found(artifacts) == {
        "class_absent_from_train": ["no training"],
        "class_absent_from_evaluation": ["no test"],
        "few_training_images": ["scarce"],
        "few_evaluation_images": ["scarce"],
    }


def test_a_class_whose_files_are_all_missing_is_absent() -> None:
    manifest = manifest_of(CLEAN)
    manifest.loc[(manifest["label"] == "bee") & (manifest["split"] == "train"), "status"] = "missing"
    assert kinds_found(analyse(manifest))["class_absent_from_train"] == ["bee"]


def test_classes_much_rarer_than_the_largest_are_found_just_beyond_the_ratio() -> None:
    counts = {"large": {"train": 300}, "at the ratio": {"train": 30}, "beyond": {"train": 29}}
    artifacts = analyse(manifest_of(counts))
    assert kinds_found(artifacts) == {"minority_class": ["beyond"]}
    assert artifacts.findings["score"].between(0, 1).all()


def test_blank_labels_are_noted() -> None:
    artifacts = analyse(manifest_of(CLEAN | {None: {"train": 2}}))
    assert artifacts.notes == ["2 images have a blank label and count in no class."]


def test_label_shift_names_the_classes_it_comes_from() -> None:
    manifest = manifest_of(
        {
            "ant": {"train": 100, "test": 100},
            "bee": {"train": 100, "test": 100},
            "cat": {"train": 200, "test": 20},
            "dog": {"train": 20, "test": 200},
        }
    )
    artifacts = analyse(manifest)
    assert sorted(kinds_found(artifacts)["label_shift"]) == ["cat", "dog"]
    cat = artifacts.findings.query("label == 'cat' and kind == 'label_shift'").iloc[0]
    assert cat["detail"] == "47.6% of train, 4.8% of test"
    assert cat["score"] == pytest.approx(1 - 20 / 200)
    assert artifacts.tables["label_shift"]["is_shifted"].tolist() == [True]


def test_names_that_differ_in_spelling_only_are_found() -> None:
    others = ("C++", "C", "1", "-1", "1-2", "12", "1 2", "stage-1", "stage 1", "tshirt", "t-shirt")
    names = {name: {"train": 10} for name in ("Hot  dog", "hot_dog", "Äpfel", "äpfel ", *others)}
    names["hot_dog"] = {"train": 30}
    names["HOT-DOG"] = {"train": 10}
    findings = analyse(manifest_of(names)).findings
    assert sorted(findings["label"]) == sorted(["Hot  dog", "hot_dog", "HOT-DOG", "Äpfel", "äpfel "])
    found = findings.set_index("label")
    assert found["score"].to_dict() == pytest.approx(
        {"Hot  dog": 0.8, "HOT-DOG": 0.8, "hot_dog": 0.4, "Äpfel": 0.5, "äpfel ": 0.5}
    )
    assert found.loc["hot_dog", "detail"] == "also 'Hot  dog' (10 images), 'HOT-DOG' (10 images)"


def option_of(artifacts: Artifacts) -> str:
    return next(kind.option for kind in artifacts.kinds if kind.name == "similar_class_names")


def renamed_by(option: str) -> dict[str, str]:
    """What a shell, and then `deepsight audit`, make of the option."""
    flag, pair = shlex.split(option)
    key, _, value = pair.partition("=")
    assert (flag, key) == ("--set", "dataset.rename_labels")
    return yaml.safe_load(value)


def test_spellings_are_offered_the_commonest_name_and_of_equals_the_first() -> None:
    names = {"Joy": 3, "JOY": 9, "joy": 2, "Fear": 4, "fear": 4, "calm": 5}
    artifacts = analyse(manifest_of({name: {"train": n} for name, n in names.items()}))
    assert artifacts.tables["spellings"].to_numpy().tolist() == [
        ["Fear", 4, "Fear"],
        ["fear", 4, "Fear"],
        ["JOY", 9, "JOY"],
        ["Joy", 3, "JOY"],
        ["joy", 2, "JOY"],
    ]
    assert renamed_by(option_of(artifacts)) == {"fear": "Fear", "Joy": "JOY", "joy": "JOY"}


def test_the_option_keeps_what_is_renamed_already() -> None:
    manifest = manifest_of({"Joy": {"train": 3}, "joy": {"train": 9}})
    offered = renamed_by(option_of(analyse(manifest, {"glee": "Joy", "rage": "anger"})))
    assert offered == {"glee": "joy", "rage": "anger", "Joy": "joy"}


@pytest.mark.parametrize(
    "name",
    [
        "it's",
        'say "a"',
        "$(touch x) `id` ${HOME}",
        "a: b, {c} #d",
        "\\back\n",
        "two\nlines",
        "\x1b[2J \x85",
        "😀\u202e",
        "no",
    ],
)
def test_the_option_says_any_name_to_shell_and_yaml(name: str) -> None:
    spelt = name + "É"
    option = merging_option(tabulate_spellings(pd.Series({spelt: 3, spelt.lower(): 9})), {})
    assert renamed_by(option) == {spelt: spelt.lower()}
    assert option.isprintable()


def test_both_cases_of_an_alphabet_are_classes_and_those_of_two_letters_are_spellings() -> None:
    alphabet = pd.Series(10, index=[*"abcdefghijABCDEFGHIJ", "Blank", "blank"])
    assert tabulate_spellings(alphabet)["label"].tolist() == ["Blank", "blank"]
    answers = pd.Series(10, index=["y", "n", "Y", "N"])
    assert tabulate_spellings(answers)["label"].tolist() == ["n", "N", "y", "Y"]


def test_names_that_all_differ_offer_nothing() -> None:
    assert option_of(analyse(manifest_of(CLEAN))) == ""


def test_a_split_without_labels_is_noted_not_blamed_on_every_class() -> None:
    artifacts = analyse(manifest_of({"ant": {"train": 9}, "bee": {"train": 9}, None: {"test": 5}}))
    assert kinds_found(artifacts) == {}
    assert any("test" in note for note in artifacts.notes)


def test_a_column_of_blanks_read_back_from_parquet_is_counted(tmp_path: Path) -> None:
    manifest_of({None: {"train": 3}}).to_parquet(tmp_path / "manifest.parquet")
    assert analyse(read_input(tmp_path / "manifest.parquet")).metrics["n_unlabelled"] == 3


@pytest.mark.parametrize(
    "counts",
    [
        {None: {"train": 3, "test": 2}},
        {"only": {"train": 1}},
        {"a": {"test": 3}, "b": {"test": 4}},
        {"a": {"train": 5, "test": 0}, "b": {"train": 0, "test": 5}},
        {},
    ],
    ids=["only blank labels", "one image", "no training split", "no class in common", "no image at all"],
)
def test_awkward_datasets_keep_their_metrics_and_tables(counts: dict) -> None:
    artifacts = analyse(manifest_of(counts))
    usual = analyse(manifest_of(CLEAN))
    assert artifacts.metrics.keys() == usual.metrics.keys()
    for name, table in usual.tables.items():
        assert list(artifacts.tables[name].columns) == list(table.columns)
    assert artifacts.summary


def test_labels_are_drawn_as_they_are_written() -> None:
    names = ["price_$5^2$", "Größe Ωж", "x" * 60 + " \\frac{", "two\nlines", "{curly} %s"]
    artifacts = analyse(manifest_of({name: {"train": 9, "test": 3} for name in names}))
    (ax, *_) = artifacts.figures[0].drawing.axes
    texts = [text.get_text() for text in ax.get_yticklabels()]
    assert texts[:2] == ["price_$5^2$", "Größe Ωж"]
    assert max(map(len, texts)) <= 26


def test_a_thousand_classes_are_drawn_in_part_and_the_caption_says_so() -> None:
    manifest = manifest_of({f"class {i}": {"train": 1 + i % 7, "test": 1} for i in range(1000)})
    artifacts = analyse(manifest)
    counts = artifacts.figures[0]
    assert len(counts.table) == MAX_CLASSES
    assert counts.table["train"].tolist() == [7] * (MAX_CLASSES // 2) + [1] * (MAX_CLASSES // 2)
    assert "1,000 classes" in counts.caption
    assert "1,000 classes" in artifacts.figures[1].caption
    assert len(artifacts.tables["class_counts"]) == 2000


def test_class_positions_show_all_that_fit() -> None:
    assert class_positions(MAX_CLASSES).tolist() == list(range(MAX_CLASSES))
    assert len(class_positions(MAX_CLASSES + 1)) == MAX_CLASSES


def test_short_label_keeps_both_ends() -> None:
    assert short_label("abcdefghij", 10) == "abcdefghij"
    assert short_label("abcdefghijk", 10) == "abcdef…ijk"


def test_two_runs_give_the_same_tables() -> None:
    manifest = manifest_of({"ant": {"train": 7, "test": 2}, "bee": {"train": 3, "test": 4}})
    a, b = analyse(manifest), analyse(manifest)
    pd.testing.assert_frame_equal(a.tables["label_shift"], b.tables["label_shift"])


def test_frequency_groups_may_not_overlap() -> None:
    with pytest.raises(ValidationError, match="overlaps"):
        LabelAnalysisParameters.model_validate(SETTINGS | {"tail_below": 102})
