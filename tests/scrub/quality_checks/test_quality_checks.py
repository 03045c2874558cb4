import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image, ImageOps
from scipy.stats import norm

from analysis.contract import FINDING_COLUMNS, Artifacts
from analysis.obtain.scan.measures import NUMBERS, measure_files
from analysis.scrub.quality_checks import facts as quality_facts
from analysis.scrub.quality_checks import scores as quality_scores
from analysis.scrub.quality_checks.parameters import QualityChecksParameters
from analysis.scrub.quality_checks.stage import quality_checks

PARAMETERS_FILE = Path(__file__).parents[3] / "params.yaml"
DEFAULTS = QualityChecksParameters.model_validate(
    yaml.safe_load(PARAMETERS_FILE.read_text(encoding="utf-8"))["quality_checks"]
)
ORDINARY = {
    "path": "images/cat/0.jpg",
    "label": "cat",
    "split": "train",
    "status": "ok",
    "error": pd.NA,
    "format": "JPEG",
    "mode": "RGB",
    "width_px": 640,
    "height_px": 480,
    "exif_orientation": 1,
    "has_alpha": False,
    "is_greyscale": False,
    "n_pages": 1,
    "value_range": pd.NA,
    "grey_end_fraction": 0.0,
    "contrast": 0.2,
    "brightness_p01": 0.05,
    "brightness_p99": 0.95,
    "brightness_p25": 0.3,
    "brightness_p50": 0.5,
    "brightness_p75": 0.7,
    "colourfulness": 40.0,
    "tonal_range": 0.9,
    "darkest": 0.02,
    "brightest": 0.98,
    "least_fine_detail": 1.0,
    "most_fine_detail": 1.2,
}
TYPES = {
    "label": "category",
    "split": "category",
    "status": "string",
    "error": "string",
    "format": "string",
    "mode": "string",
    "width_px": "Int32",
    "height_px": "Int32",
    "exif_orientation": "Int8",
    "has_alpha": "boolean",
    "n_pages": "Int32",
    "value_range": "string",
    "is_greyscale": "boolean",
}
USUAL = {"unusual": quality_scores.Unusual(0.5, 0.05), "min_images": 20}
OF_DATASET = {"unreadable_dataset", "black_dataset", "blank_dataset"}
RARE = {"minority_fraction": 0.02, "min_images": 20}


# ---- tables in memory ------------------------------------------------------------------------------------


def images_table(n: int = 1, **columns: list) -> pd.DataFrame:
    """Ordinary photographs, except for the columns that are given (one value an image)."""
    rows = pd.DataFrame({name: [value] * n for name, value in ORDINARY.items()})
    rows["path"] = [f"images/cat/{i}.jpg" for i in range(n)]
    rows = rows.assign(**columns).astype(TYPES)
    rows.index.name = "item_id"
    return rows


def stage_tables(images: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = images.reset_index()
    return rows[["item_id", "path", "label", "split"]], rows.drop(columns=["path", "label", "split"])


def run(images: pd.DataFrame, **changes: object) -> Artifacts:
    manifest, scan = stage_tables(images)
    return quality_checks(manifest, scan, parameters=DEFAULTS.model_copy(update=changes), seed=0)


def flagged(check) -> list[int]:
    return list(check.is_flagged[check.is_flagged].index)


def undecoded(n: int, status: str, **columns: list) -> pd.DataFrame:
    measured = set(ORDINARY) - {"path", "label", "split", "status", "error"}
    empty = {name: [pd.NA if name in TYPES else np.nan] * n for name in measured}
    return images_table(n, status=[status] * n, **empty, **columns)


# ---- facts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", quality_facts.STATUS_KINDS)
def test_status_checks_flag_each_status_under_its_own_kind(status):
    images = images_table(3, status=["ok", status, "ok"])
    found = {c.kind.name: flagged(c) for c in quality_facts.status_checks(images) if c.is_flagged.any()}
    assert found == {quality_facts.STATUS_KINDS[status][0].name: [1]}


def test_status_checks_quote_the_error_of_the_scan():
    images = images_table(2, status=["truncated"] * 2, error=["12 bytes are missing", pd.NA])
    (check,) = [c for c in quality_facts.status_checks(images) if c.is_flagged.any()]
    assert check.detail.tolist() == ["12 bytes are missing", "the file ends before the image does"]


def test_repeated_listings_tell_contradiction_from_repetition():
    images = images_table(
        7,
        path=["a.jpg", "b.jpg", "./a.jpg", "c.jpg", "b.jpg", "c.jpg", "d.jpg"],
        label=["cat", "cat", "dog", None, "cat", "dog", "dog"],
        split=["train", "train", "train", "train", "test", "train", "train"],
    )
    two_labels, listed_twice = quality_facts.repeated_listings(images)
    assert flagged(two_labels) == [0, 2]
    assert two_labels.detail.tolist() == ["listed 2 times, as 'cat' and 'dog'"] * 2
    assert flagged(listed_twice) == [4, 5]  # a blank label contradicts none; the first listing is right
    assert listed_twice.detail[4] == "listed 2 times (first as image 1), in 'train' and 'test'"


def test_wrong_extension_knows_the_names_of_a_format():
    names = ["a.jpg", "a.JPEG", "a.jpe", "a.tif", "a.png", "a.jpg", "noext", "a.xyz", "a.png"]
    formats = ["JPEG", "JPEG", "JPEG", "TIFF", "PNG", "PNG", "PNG", "PNG", pd.NA]
    check = quality_facts.wrong_extension(images_table(9, path=names, format=formats))
    assert flagged(check) == [5]
    assert check.detail[5] == "named .jpg, but holds PNG"
    assert check.score.isna().tolist() == [False] * 6 + [True] * 3


def test_exif_rotated_flags_all_but_upright():
    orientation = [1, 2, 3, 4, 5, 6, 7, 8, pd.NA]
    check = quality_facts.exif_rotated(images_table(9, exif_orientation=orientation))
    assert flagged(check) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("orientation", quality_facts.ORIENTATIONS)
def test_exif_orientation_is_said_as_pillow_applies_it(orientation):
    stored = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    stored.getexif()[0x0112] = orientation
    words = quality_facts.ORIENTATIONS[orientation]
    picture = stored
    if "left to right" in words:
        picture = ImageOps.mirror(picture)
    if "top to bottom" in words:
        picture = ImageOps.flip(picture)
    for degrees in (90, 180, 270):
        if f"{degrees}°" in words:
            picture = picture.rotate(-degrees, expand=True)
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(ImageOps.exif_transpose(stored)))


# ---- scores ----------------------------------------------------------------------------------------------


def test_too_dark_flags_below_the_threshold_and_scores_the_darkness():
    images = images_table(4, brightest=[0.3, 0.29, 0.0, np.nan])
    check = quality_scores.too_dark(images, below=0.3, **USUAL)
    assert flagged(check) == [1, 2]
    assert check.score.tolist()[:3] == pytest.approx([0.7, 0.71, 1.0])
    near = "brightness of the brightest part is 0.29, threshold 0.3; doubtful, as it is near the threshold"
    assert check.detail.tolist() == [near, "brightness of the brightest part is 0, threshold 0.3"]


def test_too_bright_mirrors_too_dark():
    images = images_table(3, darkest=[0.75, 0.76, 1.0])
    check = quality_scores.too_bright(images, above=0.75, **USUAL)
    assert flagged(check) == [1, 2]
    assert check.score.tolist() == pytest.approx([0.75, 0.76, 1.0])


def test_what_is_usual_in_a_dark_dataset_is_not_flagged_but_what_is_darker_still_is():
    images = images_table(30, brightest=[0.2] * 29 + [0.05])
    assert flagged(quality_scores.too_dark(images, below=0.3, **USUAL)) == [29]


def test_what_is_usual_in_a_bright_dataset_is_not_flagged():
    images = images_table(30, darkest=[0.8] * 29 + [0.95])
    assert flagged(quality_scores.too_bright(images, above=0.75, **USUAL)) == [29]


def test_where_brightness_varies_as_in_x_rays_its_low_end_is_usual_but_next_to_black_is_a_fault():
    varied = np.geomspace(0.2, 0.9, 98).tolist()
    images = images_table(100, brightest=[*varied, 0.1, 0.14])
    assert flagged(quality_scores.too_dark(images, below=0.3, **USUAL)) == [98, 99]


def test_a_quarter_of_dark_images_do_not_hide_one_another():
    images = images_table(100, brightest=[0.95] * 75 + [0.12] * 25)
    assert flagged(quality_scores.too_dark(images, below=0.3, **USUAL)) == list(range(75, 100))


def test_low_information_is_absolute():
    images = images_table(50, tonal_range=[0.0] * 20 + [0.05] * 28 + [0.03, np.nan])
    check = quality_scores.low_information(images, below=0.04)
    assert flagged(check) == [*range(20), 48]
    assert check.score[[0, 20, 48]].tolist() == pytest.approx([1, 0.95, 0.97])
    assert check.detail[48] == "range of brightness is 0.03, threshold 0.04"


def test_blurry_is_unknown_without_any_gradient():
    for n in (1, 30):
        check = quality_scores.blurry(images_table(n, least_fine_detail=[0.0] * n), below=0.15, **USUAL)
        assert check.score.isna().all()
        assert flagged(check) == []


def test_few_images_are_held_against_the_fine_detail_of_photographs():
    images = images_table(3, least_fine_detail=[0.16, 0.14, 0.14], width_px=[64, 64, 60], height_px=[9] * 3)
    check = quality_scores.blurry(images, below=0.15, **USUAL)
    assert flagged(check) == [1]  # the third is too small to tell
    assert check.score.isna().tolist() == [False, False, True]


def fine_details(n: int, median: float, spread: float) -> np.ndarray:
    """Log-normal, without chance: the quantiles of so many images, in an order of their own."""
    values = median * np.exp(spread * norm.ppf((np.arange(n) + 0.5) / n))
    return np.random.default_rng(n).permutation(values)


@pytest.mark.parametrize("median", [0.5, 1.0, 3.0])
def test_blur_is_held_against_what_is_usual_in_the_dataset(median):
    details = [*fine_details(195, median, 0.3), *[0.15 * median] * 5]
    most = [1.1 * value for value in details[:198]] + [4 * value for value in details[198:]]
    images = images_table(200, least_fine_detail=details, most_fine_detail=most)
    check = quality_scores.blurry(images, below=0.15, **USUAL)
    assert flagged(check) == [*range(195, 200)]
    assert check.score[195:].tolist() == pytest.approx([0.85] * 5, abs=0.01)
    assert check.detail[195].endswith("lowest in all directions")
    assert check.detail[199].endswith("lowest along one direction, as when something moved")


def test_a_clean_dataset_has_no_blurry_images_however_many_it_has():
    for n in (20, 200, 5000):
        images = images_table(n, least_fine_detail=fine_details(n, 1.0, 0.35))
        assert flagged(quality_scores.blurry(images, below=0.15, **USUAL)) == []


def test_blur_is_not_looked_for_where_fine_detail_varies_so_much_that_it_cannot_be_told():
    artifacts = run(images_table(200, least_fine_detail=[*fine_details(199, 0.2, 1.0), 0.001]))
    assert artifacts.metrics["n_blurry"] == 0
    assert artifacts.tables["quality_scores"]["blurry_score"].isna().all()
    assert artifacts.notes[0].startswith("Blur was not looked for in 200 of 200 images")


def test_each_kind_of_images_in_a_mixture_has_its_own_usual_fine_detail():
    pages = {"colourfulness": 0.0, "brightness_p50": 1.0, "is_greyscale": True}
    details = [*fine_details(98, 3.0, 0.25), 0.5, 0.5, *fine_details(98, 0.7, 0.25), 0.5, 0.08]
    columns = {name: [value] * 100 + [ORDINARY[name]] * 100 for name, value in pages.items()}
    images = images_table(200, least_fine_detail=details, **columns)
    assert flagged(quality_scores.blurry(images, below=0.15, **USUAL)) == [98, 99, 199]


def test_gross_blur_does_not_hide_lesser_blur():
    details = [*fine_details(184, 1.0, 0.35), *np.geomspace(0.02, 0.25, 16)]
    images = images_table(200, least_fine_detail=details)
    found = flagged(quality_scores.blurry(images, below=0.15, **USUAL))
    assert set(range(184, 200)) <= set(found)
    assert len(found) <= 17  # one in twenty may be usual


def test_a_softer_kind_of_a_tenth_that_looks_like_the_others_is_usual():
    details = [*fine_details(170, 1.0, 0.25), *fine_details(30, 0.15, 0.25)]
    images = images_table(200, least_fine_detail=details)
    assert flagged(quality_scores.blurry(images, below=0.15, **USUAL)) == []


def test_pixels_of_a_truncated_image_are_not_judged():
    images = images_table(1, status=["truncated"], brightest=[0.0], tonal_range=[0.0])
    assert quality_scores.too_dark(images, below=0.3, **USUAL).score.isna().all()
    assert quality_scores.low_information(images, below=0.04).score.isna().all()


def test_odd_size_measures_distance_from_the_middle_90_percent():
    width = [100] * 10 + [200] * 10 + [19, 1001]
    images = images_table(22, width_px=width, height_px=[10] * 22)
    check = quality_scores.odd_size(images, factor=5, min_images=20)
    assert (check.lower, check.upper) == (1000 / 5, 2000 * 5)
    assert flagged(check) == [20, 21]
    assert check.score[[0, 10, 20, 21]].tolist() == pytest.approx([0, 0, 1 - 190 / 1000, 1 - 2000 / 10010])
    assert check.detail[20] == "19×10 px: number of pixels is 190, threshold 200 (usual: 1,000 to 2,000)"


def test_odd_size_flags_nothing_where_all_images_have_one_size():
    check = quality_scores.odd_size(images_table(50), factor=5, min_images=20)
    assert check.score.eq(0).all()
    assert flagged(check) == []


@pytest.mark.parametrize("width", [19, 2001])
def test_odd_size_of_a_single_image_does_not_stretch_the_usual_range(width):
    images = images_table(20, width_px=[width] + [200] * 19, height_px=[10] * 20)
    assert flagged(quality_scores.odd_size(images, factor=5, min_images=20)) == [0]


def test_odd_size_takes_a_second_usual_size_for_usual():
    images = images_table(40, width_px=[1000] * 36 + [32] * 4, height_px=[1000] * 36 + [32] * 4)
    assert flagged(quality_scores.odd_size(images, factor=5, min_images=20)) == []


def test_odd_aspect_ratio_flags_wide_and_tall_alike():
    images = images_table(42, width_px=[100] * 40 + [500, 100], height_px=[100] * 40 + [100, 500])
    check = quality_scores.odd_aspect_ratio(images, factor=2, min_images=20)
    assert flagged(check) == [40, 41]
    assert check.score[[40, 41]].tolist() == pytest.approx([0.8, 0.8])


def test_odd_size_says_nothing_of_too_few_images():
    images = images_table(19, width_px=[100] * 18 + [1])
    check = quality_scores.odd_size(images, factor=5, min_images=20)
    assert check.score.isna().all()
    assert check.rule == "number of pixels not judged: too few images"


def test_greyscale_is_flagged_up_to_the_minority_fraction():
    def flagged_of(n_grey: int) -> int:
        images = images_table(200, is_greyscale=[True] * n_grey + [False] * (200 - n_grey))
        return len(flagged(quality_scores.greyscale_among_colour(images, **RARE)))

    assert [flagged_of(n) for n in (0, 1, 4, 5, 199, 200)] == [0, 1, 4, 0, 0, 0]


def test_a_single_colour_image_is_rare_among_few_greyscale_ones():
    images = images_table(20, is_greyscale=[True] * 19 + [False])
    check = quality_scores.colour_among_greyscale(images, **RARE)
    assert flagged(check) == [19]
    assert check.score.tolist() == pytest.approx([0.0] * 19 + [0.95])
    assert check.detail[19] == "in colour: 1 of 20 images"
    assert flagged(quality_scores.colour_among_greyscale(images.tail(19), **RARE)) == []


@pytest.mark.parametrize(
    ("modes", "alpha", "grey", "expected"),
    [
        (["RGB"] * 59 + ["CMYK"], [False] * 60, [False] * 60, [59]),
        (["RGB"] * 59 + ["P"], [False] * 59 + [True], [False] * 60, [59]),
        (["P"] * 60, [False] * 59 + [True], [False] * 60, [59]),
        (["RGB"] * 59 + ["RGBA"], [False] * 59 + [True], [False] * 60, [59]),
        (["RGB"] * 59 + ["L"], [False] * 60, [False] * 59 + [True], []),  # reported as greyscale instead
        (["RGB"] * 59 + ["L"], [False] * 60, [True] * 60, [59]),
        (["L"] * 59 + ["RGB"], [False] * 60, [True] * 60, [59]),
        (["RGB"] * 30 + ["L"] * 29 + ["RGB"], [False] * 60, [False] * 30 + [True] * 30, []),
        (["RGB"] * 59 + ["I;16"], [False] * 60, [False] * 59 + [True], [59]),
        (["RGB"] * 30 + ["CMYK"] * 30, [False] * 60, [False] * 60, []),
        (["RGB"] * 59 + [pd.NA], [False] * 59 + [pd.NA], [False] * 59 + [pd.NA], []),
    ],
)
def test_unexpected_mode(modes, alpha, grey, expected):
    images = images_table(60, mode=modes, has_alpha=alpha, is_greyscale=grey)
    assert flagged(quality_scores.unexpected_mode(images, **RARE)) == expected


def test_unexpected_mode_says_what_it_compared():
    modes, alpha = ["RGB"] * 58 + ["RGBA", "P"], [False] * 58 + [True] * 2
    check = quality_scores.unexpected_mode(images_table(60, mode=modes, has_alpha=alpha), **RARE)
    assert check.detail[58] == "stored as RGBA: 1 of 60 images"
    assert check.detail[59] == "stored as P with transparency: 1 of 60 images"
    assert check.score[59] == pytest.approx(59 / 60)


# ---- the stage -------------------------------------------------------------------------------------------


def test_every_flag_is_one_finding_and_is_counted():
    images = images_table(
        40,
        status=["ok"] * 38 + ["missing", "unreadable"],
        brightest=[0.1, 0.2] + [0.95] * 36 + [np.nan] * 2,
        label=[None] + ["cat"] * 39,
    )
    artifacts = run(images)
    findings, scores = artifacts.findings, artifacts.tables["quality_scores"]
    expected = {"missing_file": [38], "unreadable": [39], "too_dark": [0, 1], "blank_label": [0]}
    assert findings.groupby("kind")["item_id"].agg(sorted).to_dict() == expected
    assert list(findings.columns) == FINDING_COLUMNS
    for kind in artifacts.kinds:
        assert scores[f"is_{kind.name}"].sum() == artifacts.metrics[f"n_{kind.name}"]
        assert scores[f"{kind.name}_score"].dropna().between(0, 1).all()
    assert artifacts.metrics["n_flagged_images"] == 4
    assert artifacts.metrics["flagged_fraction"] == 0.1
    assert set(findings["kind"]) <= {kind.name for kind in artifacts.kinds}


def test_summary_counts_only_the_images_a_check_could_judge():
    images = pd.concat([images_table(30), undecoded(10, "missing")], ignore_index=True)
    images.index.name = "item_id"
    summary = run(images.astype(TYPES)).tables["summary"].set_index("title")
    assert summary.loc["Too dark", ["n_checked", "n_flagged"]].tolist() == [30, 0]
    assert summary.loc["File is missing", ["n_checked", "n_flagged"]].tolist() == [40, 10]
    assert summary.loc["File is missing", "flagged_fraction"] == 0.25
    assert summary.loc["Too dark", "rule"] == "brightness of the brightest part below 0.3"


def test_scores_do_not_depend_on_thresholds():
    rng = np.random.default_rng(0)
    images = images_table(30, brightest=rng.random(30), least_fine_detail=rng.random(30))
    names = [f"{kind.name}_score" for kind in run(images).kinds]
    other = run(images, too_dark_below=0.1, blurry_below=0.1, odd_size_factor=1.1)
    pd.testing.assert_frame_equal(
        run(images).tables["quality_scores"][names], other.tables["quality_scores"][names]
    )
    assert other.metrics["n_too_dark"] < run(images).metrics["n_too_dark"]


def test_order_of_rows_changes_nothing():
    images = images_table(50, brightest=[0.01 * i for i in range(50)])
    shuffled = images.sample(frac=1, random_state=1)
    scores = run(shuffled).tables["quality_scores"].sort_values("item_id", ignore_index=True)
    pd.testing.assert_frame_equal(scores, run(images).tables["quality_scores"])


def test_too_few_images_are_noted_and_still_checked():
    artifacts = run(images_table(1, brightest=[0.0]))
    assert artifacts.findings["kind"].tolist() == ["too_dark"]
    assert "could be read whole: 1. 20 are needed" in artifacts.notes[0]
    assert run(images_table(20)).notes == []


def test_nothing_readable_is_noted():
    artifacts = run(undecoded(3, "unreadable"))
    assert artifacts.metrics["n_unreadable"] == 3
    assert artifacts.metrics["flagged_fraction"] == 1.0
    assert artifacts.notes[0].startswith("No image could be read whole")
    render(artifacts)


# ---- figures ---------------------------------------------------------------------------------------------


def render(artifacts: Artifacts) -> dict[str, np.ndarray]:
    """Every figure as pixels; a warning while drawing would be an error."""
    pictures = {}
    for figure in artifacts.figures:
        buffer = io.BytesIO()
        figure.drawing.savefig(buffer, dpi=50)
        pictures[figure.name] = np.asarray(Image.open(buffer))
    return pictures


def figure_named(artifacts: Artifacts, name: str):
    return next(figure for figure in artifacts.figures if figure.name == name)


def test_samples_hold_whole_images_of_each_class_and_split(tmp_path):
    n = 24
    paths = [tmp_path / f"{i}.png" for i in range(n)]
    for path in paths:
        Image.new("RGB", (4, 4), "red").save(path)
    images = images_table(
        n,
        path=[path.as_posix() for path in paths],
        label=[r"größe $\frac$"] * 12 + ["Жук " * 20] * 11 + [None],
        split=["train", "test"] * 12,
        status=["missing"] + ["ok"] * (n - 1),
    )
    artifacts = run(images, samples_per_class=4)
    table = figure_named(artifacts, "samples").table
    n_shown = table.groupby(["label", "split"], observed=True).size().to_dict()
    assert sorted(n_shown.values()) == [1, 2, 2, 2, 2]
    assert n_shown["(no label)", "test"] == 1
    assert 0 not in set(table["item_id"])
    assert table["item_id"].is_unique
    picture = render(artifacts)["samples"]
    assert (picture[..., :3] == [255, 0, 0]).all(axis=-1).sum() > 1000


def test_samples_say_how_many_classes_of_many_are_shown():
    labels = [f"class {i:03}" for i in range(150) for _ in range(1 + i % 3)]
    artifacts = run(images_table(len(labels), label=labels), max_classes_shown=5)
    figure = figure_named(artifacts, "samples")
    assert "5 of 150 classes are shown" in figure.caption
    shown = figure.table["label"].unique()
    assert len(shown) == 5
    sizes = pd.Series(labels).value_counts()[shown]
    assert (sizes.min(), sizes.max()) == (1, 3)


def test_flagged_figure_shows_the_worst_of_every_kind_first():
    images = images_table(
        60,
        status=["ok"] * 50 + ["missing"] * 10,
        brightest=[0.01 * i for i in range(20)] + [0.95] * 40,
        darkest=[0.0] * 20 + [0.9] + [0.05] * 39,
        label=[r"no mathematics: $\frac$"] * 60,
    )
    artifacts = run(images, max_flagged_shown=4)
    table = figure_named(artifacts, "flagged").table
    assert table["item_id"].tolist() == [50, 51, 0, 20]
    assert table["title"].tolist()[2:] == ["Too dark", "Too bright"]
    assert "4 of 31 flagged images" in figure_named(artifacts, "flagged").caption
    render(artifacts)


def test_flagged_figure_never_opens_a_path_that_is_not_sound(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(
        "analysis.scrub.quality_checks.figures.small_picture_if_any",
        lambda path, _, value_range: opened.append(path),
    )
    statuses = ["outside_root", "symlink_loop", "not_a_file", "truncated"]
    run(images_table(4, status=statuses))
    assert opened == ["images/cat/3.jpg"]


def test_measures_count_every_judged_image_once():
    rng = np.random.default_rng(0)
    images = images_table(100, brightest=rng.random(100), width_px=rng.integers(1, 4000, 100))
    table = figure_named(run(images), "measures").table
    assert table.groupby("measure")["n_images"].sum().eq(100).all()
    assert table["measure"].nunique() == 7


@pytest.mark.parametrize("n", [1, 2])
def test_figures_survive_few_images(n):
    render(run(images_table(n)))


# ---- planted faults: files on disk, measured by the scan's own code --------------------------------------


def photograph(rng: np.random.Generator, *, height: int = 72, width: int = 96) -> np.ndarray:
    """Colour noise with the 1 / f spectrum of natural scenes, (height, width, 3) uint8."""
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    falloff = 1 / np.maximum(np.hypot(fy, fx), 1 / width)
    shape = (3, height, width // 2 + 1)
    spectrum = falloff * (rng.normal(size=shape) + 1j * rng.normal(size=shape))
    planes = np.fft.irfft2(spectrum, s=(height, width))
    planes = planes[0] + 0.4 * planes  # channels go together, but not entirely
    planes = 0.5 + 0.18 * (planes - planes.mean()) / planes.std()
    return (255 * planes.clip(0, 1)).astype(np.uint8).transpose(1, 2, 0)


def scan_of(paths: list[Path], statuses: list[str]) -> pd.DataFrame:
    found = measure_files([path.as_posix() for path in paths], {})
    rows = pd.DataFrame(found.columns)
    is_measured = rows["status"].isin(["ok", "truncated"])
    for name in (*NUMBERS, "is_greyscale"):
        rows[name] = pd.Series(found.measures[name]).where(is_measured)
    rows["status"] = rows["status"].mask(pd.Series(statuses) != "ok", pd.Series(statuses))
    return rows.astype({name: TYPES[name] for name in TYPES if name in rows})


def audit(rows: list[tuple[Path, str | None, str]]) -> Artifacts:
    paths, labels, statuses = (list(column) for column in zip(*rows, strict=True))
    manifest = pd.DataFrame(
        {
            "item_id": range(len(rows)),
            "path": [path.as_posix() for path in paths],
            "label": pd.Categorical(labels),
            "split": pd.Categorical(["train"] * len(rows)),
        }
    )
    scan = scan_of(paths, statuses).assign(item_id=manifest["item_id"])
    return quality_checks(manifest, scan, parameters=DEFAULTS, seed=0)


@pytest.fixture
def clean_rows(tmp_path) -> list[tuple[Path, str | None, str]]:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(60):
        path = tmp_path / f"clean_{i:02}.jpg"
        Image.fromarray(photograph(rng)).save(path, quality=92)
        rows.append((path, ["cat", "dog"][i % 2], "ok"))
    return rows


def test_a_clean_dataset_raises_nothing(clean_rows):
    artifacts = audit(clean_rows)
    assert artifacts.findings.empty
    assert list(artifacts.findings.columns) == FINDING_COLUMNS
    assert artifacts.metrics["n_flagged_images"] == 0
    assert {figure.name for figure in artifacts.figures} == {"samples", "measures"}
    assert artifacts.notes == []


def png_header_of(width: int, height: int) -> bytes:
    """A PNG file that claims to be huge and holds no pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def planted_images(folder: Path, rng: np.random.Generator) -> dict[Path, str]:
    """One file for each fault in an image, and the kind under which it must be found."""

    def photo(**size: int) -> Image.Image:
        return Image.fromarray(photograph(rng, **size))

    def saved(image: Image.Image, name: str, **options: object) -> Path:
        image.save(folder / name, **options)
        return folder / name

    def written(name: str, content: bytes) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    turned = Image.Exif()
    turned[0x0112] = 6
    transparent = photo().convert("RGBA")
    transparent.putalpha(200)
    whole = saved(photo(), "whole.jpg").read_bytes()
    (folder / "whole.jpg").unlink()
    faint = Image.fromarray((photograph(rng) * 0.2).astype(np.uint8))
    glaring = Image.fromarray((205 + photograph(rng) * 0.19).astype(np.uint8))
    stream = io.BytesIO()
    photo(height=160, width=192).save(stream, "JPEG", quality=92)
    closed = Image.open(io.BytesIO(stream.getvalue()[: len(stream.getvalue()) // 2] + b"\xff\xd9")).convert(
        "RGB"
    )
    soft = Image.fromarray(cv2.GaussianBlur(photograph(rng), (0, 0), 3))
    return {
        written("text.jpg", b"<html>404 not found</html>"): "unreadable",
        written("cut.jpg", whole[: len(whole) // 2]): "truncated",
        written("bomb.png", png_header_of(60_000, 60_000)): "too_large",
        saved(photo(), "renamed.jpg", format="PNG"): "wrong_extension",
        saved(photo(height=96, width=72), "turned.jpg", exif=turned): "exif_rotated",
        saved(photo().convert("CMYK"), "print.jpg"): "unexpected_mode",
        saved(photo().quantize(256), "palette.gif"): "unexpected_mode",
        saved(transparent, "transparent.png"): "unexpected_mode",
        saved(photo().convert("L"), "grey.jpg"): "greyscale_among_colour",
        saved(photo(height=18, width=24), "icon.jpg"): "odd_size",
        saved(photo(height=36, width=192), "strip.jpg"): "odd_aspect_ratio",
        saved(Image.new("RGB", (96, 72), (90, 120, 150)), "blank.png"): "low_information",
        saved(faint, "night.png"): "too_dark",
        saved(glaring, "glare.png"): "too_bright",
        saved(soft, "soft.png"): "blurry",
        saved(closed, "half.png"): "cut_short",
        saved(photo(), "pages.tif", save_all=True, append_images=[photo()]): "several_pages",
    }


def test_each_planted_fault_is_found_under_its_kind_and_nothing_else_is(clean_rows, tmp_path):
    rows = list(clean_rows)
    expected: dict[int, set[str]] = {}

    def plant(path: Path, kind: str, *, label: str | None = "cat", status: str = "ok") -> None:
        expected[len(rows)] = {kind}
        rows.append((path, label, status))

    for path, kind in planted_images(tmp_path, np.random.default_rng(1)).items():
        plant(path, kind)
    for status, kind in {
        "missing": "missing_file",
        "empty": "empty_file",
        "outside_root": "outside_root",
        "link_outside": "link_outside",
        "symlink_loop": "symlink_loop",
        "bad_name": "bad_name",
        "not_a_file": "not_a_file",
    }.items():
        plant(tmp_path / f"{status}_größe_图.jpg", kind, status=status)
    plant(clean_rows[0][0], "listed_twice", label="cat")
    plant(clean_rows[1][0], "two_labels", label="cat")
    expected[1] = {"two_labels"}
    extra = tmp_path / "unlabelled.jpg"
    Image.fromarray(photograph(np.random.default_rng(2))).save(extra)
    plant(extra, "blank_label", label=None)

    artifacts = audit(rows)
    found = artifacts.findings.groupby("item_id")["kind"].agg(set).to_dict()
    assert found == expected
    every_kind = {kind.name for kind in artifacts.kinds}
    assert every_kind - {"colour_among_greyscale", *OF_DATASET} == set().union(*expected.values())
    assert artifacts.findings["score"].between(0.5, 1).all()
    assert artifacts.findings["detail"].str.len().gt(0).all()
    render(artifacts)


def test_dataset_that_is_dark_or_blank_as_a_whole_is_the_first_of_its_faults():
    dark = images_table(30, brightness_p99=[0.06] * 20 + [0.9] * 10, contrast=[0.01] * 20 + [0.2] * 10)
    findings = run(dark).findings
    assert findings["kind"].unique().tolist()[0] == "black_dataset"
    assert (findings["kind"] == "black_dataset").sum() == 20
    assert findings["severity"].iloc[0] == "high"
    assert findings["detail"].iloc[0] == ("99th percentile of brightness is 0.06; so in 20 of 30 images")
    blank = images_table(30, contrast=[0.0] * 30)
    assert set(run(blank).findings["kind"]) == {"blank_dataset"}


def test_stars_on_black_and_a_minority_are_no_fault_of_the_dataset():
    assert (
        run(images_table(30, brightness_p99=[0.05] * 30, contrast=[0.06] * 30)).metrics["n_black_dataset"]
        == 0
    )
    few = images_table(30, brightness_p99=[0.06] * 14 + [0.9] * 16, contrast=[0.01] * 30)
    assert run(few).metrics["n_black_dataset"] == 0


def test_dataset_without_pictures_for_the_greater_part_is_one_fault():
    images = pd.concat([images_table(10), undecoded(10, "unreadable", error=["a Git LFS pointer"] * 10)])
    images = (
        images.reset_index(drop=True)
        .rename_axis("item_id")
        .astype({"label": "category", "split": "category"})
    )
    findings = run(images).findings
    assert findings["kind"].iloc[0] == "unreadable_dataset"
    assert (findings["kind"] == "unreadable_dataset").sum() == 10
    assert findings["detail"].iloc[0] == "a Git LFS pointer"
    assert run(images.iloc[:19]).metrics["n_unreadable_dataset"] == 0


def test_blur_is_found_whatever_the_contrast_and_fog_is_not_blur(clean_rows, tmp_path):
    rng = np.random.default_rng(3)
    fog = (110 + 0.15 * photograph(rng)).astype(np.uint8)
    soft_fog = (110 + 0.4 * cv2.GaussianBlur(photograph(rng), (0, 0), 3)).astype(np.uint8)
    rows = list(clean_rows)
    for name, pixels in {"fog": fog, "soft_fog": soft_fog}.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        rows.append((tmp_path / f"{name}.png", "cat", "ok"))
    findings = audit(rows).findings
    assert findings[["item_id", "kind"]].values.tolist() == [[61, "blurry"]]


def test_a_16_bit_image_among_8_bit_ones_is_found(clean_rows, tmp_path):
    pixels = photograph(np.random.default_rng(4))[..., 0].astype(np.uint16) * 256
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    findings = audit([*clean_rows, (tmp_path / "deep.png", "cat", "ok")]).findings
    assert set(findings["kind"]) == {"unexpected_mode", "greyscale_among_colour"}
    assert set(findings["item_id"]) == {60}
