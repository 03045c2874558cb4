from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from scipy.ndimage import gaussian_filter

from analysis.contract import Artifacts
from analysis.dataset.content_hash import content_hash
from analysis.obtain.scan.stage import scan
from analysis.scrub.duplicate_search.parameters import DuplicateSearchParameters
from analysis.scrub.duplicates.parameters import DuplicatesParameters
from analysis.scrub.label_issues.parameters import LabelIssuesParameters
from analysis.scrub.label_probabilities.parameters import LabelProbabilitiesParameters
from analysis.scrub.quality_checks.parameters import QualityChecksParameters
from analysis.scrub.self_test.copy_trials import judge_pairs, tabulate_scores
from analysis.scrub.self_test.parameters import SelfTestParameters
from analysis.scrub.self_test.sample import PlantedSample, draw_sample, with_planted
from analysis.scrub.self_test.stage import self_test

PARAMETERS = yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text(encoding="utf-8"))
OWN = SelfTestParameters(n_images=200, n_planted=8, target_false_positive_rate=0.05, n_examples_shown=3)
SEARCH = DuplicateSearchParameters.model_validate(PARAMETERS["duplicate_search"])
COPIES = DuplicatesParameters.model_validate(PARAMETERS["duplicates"])
QUALITY = QualityChecksParameters.model_validate(PARAMETERS["quality_checks"])
TRAINING = LabelProbabilitiesParameters.model_validate(
    PARAMETERS["label_probabilities"] | {"model": "logistic_regression"}
)
LABELS = LabelIssuesParameters.model_validate(PARAMETERS["label_issues"] | {"anchor_fraction": 0.3})
N = 120
NO_PAIRS = pd.DataFrame({"item_id_a": pd.array([], dtype="int64"), "item_id_b": pd.array([], dtype="int64")})


def dataset(folder: Path, *, n: int = N, side_px: int = 40) -> PlantedSample:
    """Unlike pictures with fine detail, of two classes, every third in the test."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(n, side_px, side_px, 3))
    smooth = sum(gaussian_filter(noise, (0, s, s, 0)) * s for s in (0.7, 2, 4))
    rows = []
    for i, picture in enumerate(np.clip(128 + 45 * smooth, 0, 255).astype(np.uint8)):
        path = folder / f"{i} é.png"
        Image.fromarray(picture).save(path)
        rows.append((path.as_posix(), "cat" if i % 2 else "dog", "test" if i % 3 == 0 else "train"))
    manifest = pd.DataFrame(rows, columns=["path", "label", "split"])
    manifest = manifest.assign(
        item_id=np.arange(n),
        label=manifest["label"].astype("category"),
        split=pd.Categorical(manifest["split"], categories=["train", "test"]),
        bytes=100,
        content_hash=[content_hash(path) for path in manifest["path"]],
        status="ok",
    )
    (part,) = scan(manifest)
    return PlantedSample(np.arange(n), manifest, part["scan"], part["thumbnails"])


def embeddings_of(images: PlantedSample) -> np.ndarray:
    """In which the two classes lie apart."""
    codes = images.manifest["label"].cat.codes.to_numpy()
    return np.random.default_rng(0).normal(size=(len(images), 4)) * 0.05 + np.eye(4)[codes]


def audited(images: PlantedSample, *, copies=COPIES, quality=QUALITY, labels=LABELS, own=OWN) -> Artifacts:
    return self_test(
        images.manifest,
        images.scan,
        images.thumbnails,
        embeddings_of(images),
        NO_PAIRS,
        parameters=own,
        duplicate_search=SEARCH,
        duplicates=copies,
        quality_checks=quality,
        label_probabilities=TRAINING,
        label_issues=labels,
        seed=0,
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> PlantedSample:
    return dataset(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def artifacts(images: PlantedSample) -> Artifacts:
    return audited(images)


def test_self_test_finds_gross_faults(artifacts: Artifacts) -> None:
    results = artifacts.tables["self_test"].set_index("fault")
    for fault in ("copied", "darkened", "overexposed", "truncated", "blurred", "moved", "blanked"):
        assert results.loc[fault, ["n_found", "n_reported", "n_right"]].tolist() == [8, 8, 8], fault
    for fault in ("flipped label", "label of a class alike", "label of an unsure picture"):
        assert results.loc[fault, "n_planted"] == 2  # a third of 5% of 120, less than the 8 wanted
        assert results.loc[fault, "n_right"] == results.loc[fault, "n_reported"] > 0
    scores = artifacts.tables["label_scores"]
    assert scores["n_labels"].sum() == N
    assert scores["n_planted"].sum() == 6
    assert scores["planted_share"].iloc[-1] == 1
    assert results.loc["copy in another split", "n_planted"] == 11 * 8
    assert results.loc["recompressed", "recall"] > 0.8


def test_self_test_sees_that_a_check_is_blind(images: PlantedSample) -> None:
    quality = QUALITY.model_copy(update={"low_information_below": 0.0, "too_dark_below": 0.0})
    artifacts = audited(images, quality=quality)
    results = artifacts.tables["self_test"].set_index("fault")
    assert results.loc[["blanked", "darkened"], "recall"].tolist() == [0, 0]
    assert results.loc["blanked", ["precision"]].isna().all()
    said = "Darkened: of 8 planted 0 were found as 'Too dark', and of 120 untouched images 0 were flagged so."
    assert said in artifacts.notes


def test_self_test_counts_what_untouched_images_are_flagged_for(images: PlantedSample) -> None:
    quality = QUALITY.model_copy(update={"low_information_below": 1.0})
    artifacts = audited(images, quality=quality)
    row = artifacts.tables["self_test"].set_index("fault").loc["blanked"]
    n_flagged = int((images.scan["tonal_range"] < 1).sum())
    assert n_flagged > 0
    assert row[["n_found", "n_reported"]].tolist() == [8, 8 + n_flagged]
    assert row["precision"] == pytest.approx(8 / row["n_reported"], abs=1e-4)
    said = f"8 were found as 'Nearly blank', and of 120 untouched images {n_flagged} were flagged so."
    assert any(note.endswith(said) for note in artifacts.notes)


def test_self_test_plants_few_at_a_time_lest_they_be_what_is_usual(images: PlantedSample) -> None:
    many = OWN.model_copy(update={"n_planted": 60})  # half as many as there are untouched
    results = audited(images, own=many).tables["self_test"].set_index("fault")
    assert results.loc[["blurred", "darkened"], "n_found"].tolist() == [60, 60]


def test_self_test_does_not_blur_where_blur_is_not_looked_for(tmp_path: Path) -> None:
    images = dataset(tmp_path, n=60)
    spread = np.geomspace(0.001, 2, 60)
    varied = images.scan.assign(least_fine_detail=spread, most_fine_detail=spread)
    artifacts = audited(PlantedSample(images.rows, images.manifest, varied, images.thumbnails))
    assert not {"blurred", "moved"} & set(artifacts.tables["self_test"]["fault"])
    assert any(note.startswith("Nothing was blurred") for note in artifacts.notes)


def test_self_test_suggests_a_threshold_with_the_wanted_false_positive_rate(
    images: PlantedSample, artifacts: Artifacts
) -> None:
    row = artifacts.tables["thresholds"].set_index("parameter").loc["quality_checks.too_dark_below"]
    share = (images.scan["brightest"] < row["value_for_0.05"] - 1e-4).mean()
    assert share <= 0.05
    assert (images.scan["brightest"] <= row["value_for_0.05"] + 1e-4).mean() > 0.05 - 2 / N


def test_self_test_gives_the_same_twice_and_leaves_the_files(
    images: PlantedSample, artifacts: Artifacts
) -> None:
    again = audited(images)
    pd.testing.assert_frame_equal(again.tables["self_test"], artifacts.tables["self_test"])
    pd.testing.assert_frame_equal(again.tables["thresholds"], artifacts.tables["thresholds"])
    folder = Path(images.manifest["path"][0]).parent
    assert len(list(folder.iterdir())) == N
    assert [content_hash(path) for path in images.manifest["path"]] == images.manifest[
        "content_hash"
    ].tolist()


def test_self_test_of_small_images_plants_exact_copies_alone(tmp_path: Path) -> None:
    artifacts = audited(dataset(tmp_path, n=60, side_px=8))
    faults = artifacts.tables["self_test"]["fault"].tolist()
    assert "copied" in faults
    assert "recompressed" not in faults
    assert any("Near copies were not planted" in note for note in artifacts.notes)


def test_self_test_of_few_images_says_so(tmp_path: Path) -> None:
    artifacts = audited(dataset(tmp_path, n=20))
    assert np.isnan(artifacts.metrics["mean_recall"])
    assert artifacts.unjudged == "faults are planted among 50 images or more, and 20 were read whole"
    table = artifacts.tables["self_test"]
    assert len(table) == 0
    assert {"kind", "n_planted", "n_found", "n_reported", "n_right"} <= set(
        table.columns
    )  # the report adds them


def judged() -> pd.DataFrame:
    # images 0 to 5 are natural, 0 and 1 of equal pixels, 0 and 5 alike; 10 was made of 0, 11 of 3
    planted = pd.DataFrame({"item_id": [10, 11], "original_id": [0, 3], "fault": ["cropped", "rotated"]})
    pairs = pd.DataFrame(
        [
            (0, 1, "exact", 1.0),
            (0, 5, "near", 0.95),
            (0, 10, "near", 0.995),
            (1, 10, "near", 0.7),
            (4, 10, "near", 0.6),
            (5, 10, "near", 0.92),
            (3, 11, "near", 0.55),
            (10, 11, "near", 0.52),
            (2, 4, "near", 0.3),
        ],
        columns=["item_id_a", "item_id_b", "kind", "score"],
    )
    return judge_pairs(pairs, planted)


def test_judge_pairs_counts_what_is_known_to_be_right_or_wrong() -> None:
    cropped = judged()[lambda pairs: pairs["fault"] == "cropped"]
    assert cropped["is_right"].tolist() == [True, True, False, False, False]
    assert cropped["is_direct"].tolist() == [True, False, False, False, False]
    assert cropped["is_own"].tolist() == [False, False, False, True, False]
    rotated = judged()[lambda pairs: pairs["fault"] == "rotated"]
    assert rotated["is_right"].tolist() == [True, False]


def test_judge_pairs_takes_an_exact_copy_for_its_original() -> None:
    # 10 is an exact copy of 0 and stands for it: that it is like 5 is the dataset's own affair
    planted = pd.DataFrame({"item_id": [10, 11], "original_id": [0, 5], "fault": ["copied", "rotated"]})
    pairs = pd.DataFrame(
        [(10, 0, "exact", 1.0), (5, 10, "near", 0.9), (10, 11, "near", 0.8), (5, 11, "near", 0.99)],
        columns=["item_id_a", "item_id_b", "kind", "score"],
    )
    found = judge_pairs(pairs, planted).set_index(["planted_id", "score"])
    assert found["is_right"].to_dict() == {(10, 1.0): True, (11, 0.8): False, (11, 0.99): True}
    assert found.loc[(11, 0.8), "is_own"]


def test_tabulate_scores_leaves_out_pairs_that_nobody_has_judged() -> None:
    table = tabulate_scores(judged()).set_index("score_from")
    assert table["n_pairs"].to_dict() == {
        0.1: 0,
        0.5: 5,
        0.9: 0,
        0.99: 1,
    }  # that of 10 and 11 counts for both
    assert table["n_right"].to_dict() == {0.1: 0, 0.5: 2, 0.9: 0, 0.99: 1}
    assert table.loc[0.5, "right_share"] == pytest.approx(2 / 5)


def test_draw_sample_takes_only_images_read_whole(images: PlantedSample) -> None:
    statuses = images.scan.assign(status=["truncated", *["ok"] * (N - 1)])
    sample = draw_sample(
        images.manifest, statuses, images.thumbnails, n_images=30, rng=np.random.default_rng(0)
    )
    assert len(sample) == 30
    assert 0 not in sample.rows
    np.testing.assert_array_equal(sample.thumbnails, images.thumbnails[sample.rows])
    assert sample.manifest["item_id"].tolist() == list(range(30))


def test_with_planted_puts_copies_into_the_other_split(images: PlantedSample) -> None:
    planted = pd.DataFrame({"original_id": [0, 1], "path": images.manifest["path"][[0, 1]]})
    together = with_planted(images, planted, to_other_split=True)
    assert together.manifest["split"].tolist()[N:] == ["train", "test"]  # 0 is in the test, 1 in training
    np.testing.assert_array_equal(together.thumbnails[N:], images.thumbnails[:2])
