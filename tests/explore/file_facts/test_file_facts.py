"""Facts of files that give classes and splits away: planted, and absent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.contract import Artifacts
from analysis.explore.file_facts.facts import file_facts_of
from analysis.explore.file_facts.parameters import FileFactsParameters
from analysis.explore.file_facts.stage import file_facts
from analysis.explore.file_facts.telling import how_facts_tell

PARAMETERS = FileFactsParameters(min_balanced_accuracy=0.9, significance_level=0.01)


def dataset(n: int = 300, seed: int = 0, **changes: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Images of three classes and three splits whose files are alike, but for the columns given."""
    rng = np.random.default_rng(seed)
    labels = np.array(["a", "b", "c"])[np.arange(n) % 3]
    columns = {
        "path": [f"{label}/IMG_{i:04}.jpg" for i, label in enumerate(labels)],
        "bytes": rng.integers(10_000, 20_000, n),
        "format": "JPEG",
        "mode": "RGB",
        "width_px": rng.choice([640, 800, 1024], n),
        "height_px": 640,
        "has_alpha": False,
        "exif_orientation": 1,
        "n_pages": 1,
        "camera": None,
        "exif_date": None,
        "software": None,
        "jpeg_quality": "75",
        "has_icc_profile": False,
        "split": rng.choice(["train", "validation", "test"], n, p=[0.6, 0.2, 0.2]),
    } | changes
    table = pd.DataFrame(columns).assign(label=pd.Categorical(labels), item_id=range(n), status="ok")
    manifest = table[["item_id", "path", "label", "split", "bytes", "status"]]
    return manifest, table.drop(columns=["path", "label", "split", "bytes"])


def run(*tables: pd.DataFrame) -> Artifacts:
    return file_facts(*tables, parameters=PARAMETERS, seed=0)


def found(artifacts: Artifacts) -> dict[str, list[str]]:
    return artifacts.findings.groupby("kind")["label"].apply(list).to_dict()


def is_c(n: int = 300) -> np.ndarray:
    return np.arange(n) % 3 == 2


@pytest.mark.parametrize("seed", range(10))
def test_files_that_are_alike_tell_nothing(seed: int) -> None:
    assert found(run(*dataset(seed=seed))) == {}


@pytest.mark.parametrize(
    ("fact", "values", "said"),
    [
        ("format", np.where(is_c(), "PNG", "JPEG"), "format PNG: 100% of its images, 0% of the others"),
        ("mode", np.where(is_c(), "L", "RGB"), "colour mode L: 100%"),
        ("has_alpha", is_c(), "transparency True"),
        ("camera", np.where(is_c(), "Canon EOS 5D", "NIKON D90"), "camera Canon EOS 5D: 100%"),
        ("exif_date", np.where(is_c(), "2024-05-31", None), "day of exif 2024-05-31: 100%"),
        ("jpeg_quality", np.where(is_c(), "tables 1f3a9c", "75"), "jpeg quality tables 1f3a9c: 100%"),
        ("has_icc_profile", is_c(), "colour profile True: 100%"),
        ("n_pages", np.where(is_c(), 3, 1), "pages 3: 100%"),
        ("width_px", np.where(is_c(), 512, 640), "exact size 512×640: 100%"),
        ("bytes", np.where(is_c(), 90_000, 15_000) + np.arange(300), "bytes per pixel"),
    ],
)
def test_class_that_a_fact_gives_away_is_named(fact: str, values: np.ndarray, said: str) -> None:
    artifacts = run(*dataset(**{fact: values}))
    assert found(artifacts) == {"file_tells_class": ["c"]}
    (row,) = artifacts.findings.itertuples()
    assert said in row.detail
    assert row.severity == "high"


def test_value_in_the_middle_is_found_though_no_threshold_tells_it() -> None:
    height = np.where(is_c(), 700, np.random.default_rng(0).choice([600, 800], 300))
    assert found(run(*dataset(height_px=height))) == {"file_tells_class": ["c"]}


def test_sources_of_two_classes_and_of_the_third_as_in_a_public_x_ray_set() -> None:
    """Two classes of 1024×1024 grey PNG, one of JPEG in colour and of any size."""
    rng = np.random.default_rng(1)
    any_size = rng.integers(400, 2000, 300)
    artifacts = run(
        *dataset(
            format=np.where(is_c(), "JPEG", "PNG"),
            mode=np.where(is_c(), "RGB", "L"),
            width_px=np.where(is_c(), any_size, 1024),
            height_px=np.where(is_c(), rng.integers(400, 2000, 300), 1024),
        )
    )
    assert found(artifacts) == {"file_tells_class": ["c"]}
    assert artifacts.metrics["n_classes_told"] == 1
    detail = artifacts.findings["detail"].iloc[0]
    assert "format JPEG: 100%" in detail
    assert "colour mode RGB" in detail


def test_split_saved_by_another_program_is_named() -> None:
    manifest, scan = dataset()
    scan["software"] = np.where(manifest["split"] == "test", "GIMP 2.10", None)
    artifacts = run(manifest, scan)
    assert found(artifacts) == {"file_tells_split": ["test"]}
    assert "software GIMP 2.10: 100% of its images, 0% of the others" in artifacts.findings["detail"].iloc[0]


def test_names_of_a_source_are_told_apart_from_what_is_in_the_files() -> None:
    path = [f"x/{'scan' if c else 'IMG'}_{i}.jpg" for i, c in enumerate(is_c())]
    assert found(run(*dataset(path=path))) == {"names_tell_class": ["c"]}


def test_name_of_the_class_in_the_file_tells_nothing() -> None:
    path = [f"x/{'abc'[i % 3] * 2}.{i}.jpg" for i in range(300)]
    tables = dataset(path=path)
    tables[0]["label"] = pd.Categorical([name * 2 for name in tables[0]["label"]])
    assert found(run(*tables)) == {}


def test_balanced_accuracy_by_hand() -> None:
    values = pd.DataFrame({"x": ["u"] * 40 + ["v"] * 10 + ["u"] * 20 + ["v"] * 30})
    groups = pd.Series(["a"] * 50 + ["b"] * 50)
    table = how_facts_tell(values, groups, seed=0).set_index("group")
    # u is taken for a in every fold: 40 of 50 of a are right, and 30 of 50 of the others
    assert table.loc["a", "balanced_accuracy"] == pytest.approx((40 / 50 + 30 / 50) / 2)
    assert table.loc["b", "balanced_accuracy"] == pytest.approx((30 / 50 + 40 / 50) / 2)
    assert table.loc["a", ["telling_value", "share_in_group", "share_in_others"]].tolist() == ["u", 0.8, 0.4]
    assert table.loc["a", "balanced_accuracy_low"] < 0.7 < table.loc["a", "balanced_accuracy_high"]


def test_facts_are_categories_and_unique_values_tell_nothing() -> None:
    manifest, scan = dataset(width_px=np.arange(300) + 500)
    images = manifest.join(scan.drop(columns=["item_id", "status"]))
    facts = file_facts_of(images)
    assert facts["exact_size"].nunique() == 300
    assert facts["longer_side"].nunique() <= 24
    assert facts["name_pattern"].unique().tolist() == ["IMG_#"]
    assert found(run(manifest, scan)) == {}


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_hardly_any_image(n: int) -> None:
    manifest, scan = dataset()
    artifacts = run(manifest.head(n), scan.head(n))
    assert found(artifacts) == {}
    assert len(artifacts.tables["class_facts"]) == 0 or n > 1
