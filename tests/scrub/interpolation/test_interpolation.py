"""Which method is recommended, and what is said of it, on small datasets and awkward ones."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.contract import Artifacts, InputError
from analysis.scrub.interpolation.notes import CAPTIONS
from analysis.scrub.interpolation.parameters import InterpolationParameters
from analysis.scrub.interpolation.stage import interpolation
from analysis.scrub.resampling_losses.parameters import ResamplingLossesParameters
from analysis.scrub.resampling_losses.stage import resampling_losses

NETWORK = {"architecture": "resnet18", "weights": "scratch", "checkpoint": "data/none"}


def dataset_of(
    tmp_path: Path, sides: list[tuple[int, int]], labels: list | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    paths = []
    for i, (width, height) in enumerate(sides):
        noise = Image.fromarray(rng.integers(0, 255, (-(-height // 3), -(-width // 3), 3), dtype=np.uint8))
        paths.append(tmp_path / f"Bild {i} ü.png")
        noise.resize((width, height), Image.Resampling.NEAREST).save(paths[-1])
    labels = labels or ["a"] * len(sides)
    manifest = pd.DataFrame({"path": [str(path) for path in paths], "label": pd.Categorical(labels)})
    widths, heights = (pd.array([side[k] for side in sides], dtype="Int32") for k in (0, 1))
    return manifest, pd.DataFrame(
        {"status": "ok", "width_px": widths, "height_px": heights, "value_range": None},
        index=range(len(sides)),
    )


def measured(
    dataset: tuple[pd.DataFrame, pd.DataFrame], *, sample_images: int = 50, input_px: object = "auto"
) -> dict[str, object]:
    parameters = ResamplingLossesParameters(sample_images=sample_images)
    return dict(
        resampling_losses(*dataset, parameters=parameters, **NETWORK, input_px=input_px, seed=0).tables
    )


def judged(
    scan: pd.DataFrame, tables: dict[str, object], *, min_ssim_gain: float = 0.005, input_px: object
) -> Artifacts:
    parameters = InterpolationParameters(min_ssim_gain=min_ssim_gain)
    return interpolation(scan, **tables, parameters=parameters, **NETWORK, input_px=input_px)


def run(
    dataset: tuple[pd.DataFrame, pd.DataFrame], *, sample_images: int = 50, input_px: object = "auto"
) -> Artifacts:
    tables = measured(dataset, sample_images=sample_images, input_px=input_px)
    artifacts = judged(dataset[1], tables, input_px=input_px)
    for figure in artifacts.figures:  # drawn to the end, as the runner does
        figure.drawing.savefig(io.BytesIO(), format="png", dpi=40)
    assert set(CAPTIONS) == set(artifacts.tables)
    return artifacts


def test_one_antialiased_method_is_recommended(tmp_path: Path) -> None:
    artifacts = run(dataset_of(tmp_path, [(90, 60)] * 12), input_px=24)
    methods = artifacts.tables["interpolation_methods"]
    recommended = methods[methods["is_recommended"]]
    assert len(recommended) == 1
    assert recommended["is_antialiased"].all()
    assert recommended["ssim"].item() == methods.loc[methods["is_antialiased"], "ssim"].max()
    assert recommended["method"].item() in artifacts.summary
    assert artifacts.metrics["target_px"] == 24


def test_bilinear_stays_where_no_gain_is_sure(tmp_path: Path) -> None:
    methods = run(dataset_of(tmp_path, [(40, 40)]), input_px=16).tables["interpolation_methods"]
    assert methods.loc[methods["is_recommended"], "method"].tolist() == ["bilinear"]


def test_auto_is_the_size_that_training_would_choose(tmp_path: Path) -> None:
    assert run(dataset_of(tmp_path, [(20, 20)] * 3)).metrics["target_px"] == 32
    assert run(dataset_of(tmp_path, [(200, 100)] * 3)).metrics["target_px"] == 64


def test_images_of_the_training_size_are_left_as_they_are_and_it_is_said(tmp_path: Path) -> None:
    artifacts = run(dataset_of(tmp_path, [(32, 32)] * 4))
    assert artifacts.metrics["recommended_ssim"] == pytest.approx(1)
    assert any("training size already" in note for note in artifacts.notes)
    assert artifacts.figures == []


def test_small_images_are_enlarged_and_it_is_said(tmp_path: Path) -> None:
    artifacts = run(dataset_of(tmp_path, [(8, 8), (1, 1), (3, 9)]))
    assert any("enlarged" in note for note in artifacts.notes)


def test_sample_is_balanced_and_its_size_stated(tmp_path: Path) -> None:
    artifacts = run(dataset_of(tmp_path, [(20, 20)] * 10, ["a"] * 7 + ["b"] * 2 + [None]), sample_images=4)
    assert artifacts.metrics["n_images"] == 4
    assert "4 of 10" in artifacts.notes[0]


def test_without_images_bilinear_stays_and_the_metrics_too(tmp_path: Path) -> None:
    manifest, scan = dataset_of(tmp_path, [(20, 20)] * 2)
    scan["status"] = "unreadable"
    scan[["width_px", "height_px"]] = pd.NA
    artifacts, usual = run((manifest, scan)), run(dataset_of(tmp_path, [(20, 20)] * 2))
    assert artifacts.metrics.keys() == usual.metrics.keys()
    assert artifacts.tables["interpolation_methods"].loc[0, "is_recommended"]
    assert artifacts.notes


def test_a_file_gone_since_the_scan_is_named(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [(20, 20)] * 2)
    Path(dataset[0].loc[1, "path"]).unlink()
    with pytest.raises(InputError, match=r"Bild 1 ü\.png could be read when it was scanned"):
        run(dataset)


def test_two_runs_give_the_same_tables(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [(40, 30)] * 6)
    a, b = (run(dataset, sample_images=3, input_px=16).tables["interpolation_methods"] for _ in range(2))
    pd.testing.assert_frame_equal(a, b)


def test_a_threshold_judges_what_was_measured_without_opening_an_image(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [(90, 60)] * 12)
    tables = measured(dataset, input_px=24)
    for path in dataset[0]["path"]:
        Path(path).unlink()
    methods = [
        judged(dataset[1], tables, min_ssim_gain=gain, input_px=24).tables["interpolation_methods"]
        for gain in (0.0, 1.0)
    ]
    recommended = [table.loc[table["is_recommended"], "method"].item() for table in methods]
    assert recommended[0] != "bilinear"
    assert recommended[1] == "bilinear"
    same = ["ssim", "ssim_gain", "stray_fraction"]
    pd.testing.assert_frame_equal(methods[0][same], methods[1][same])
