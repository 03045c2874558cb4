"""Every check over one dataset with a fault of each kind, and over the same dataset without any."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from scipy.ndimage import gaussian_filter

from analysis.contract import Artifacts
from analysis.explore.class_imbalance.stage import class_imbalance
from analysis.explore.feature_exploration.stage import feature_exploration
from analysis.explore.image_stats.stage import image_stats
from analysis.explore.label_analysis.stage import label_analysis
from analysis.explore.latent_layout.stage import latent_layout
from analysis.explore.latent_structure.stage import latent_structure
from analysis.explore.split_comparison.stage import split_comparison as characterize_splits
from analysis.explore.visual_features.stage import visual_features
from analysis.obtain.embed.stage import embed
from analysis.obtain.prepare.parameters import DatasetParameters
from analysis.obtain.prepare.stage import prepare
from analysis.obtain.scan.stage import scan
from analysis.pipeline.dag import load_stages
from analysis.pipeline.parameters import models_of
from analysis.scrub.duplicate_search.stage import duplicate_search
from analysis.scrub.duplicates.stage import duplicates
from analysis.scrub.label_issues.stage import label_issues
from analysis.scrub.label_probabilities.stage import label_probabilities
from analysis.scrub.quality_checks.stage import quality_checks

STAGES = load_stages(Path(__file__).parents[1])
PARAMETERS = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8"))
CLASSES = {"across": 0, "falling": 60, "rising": 120}  # degrees in which the stripes of their pictures run
N_TRAIN, N_TEST, SIDE_PX = 80, 40, 40


def picture(rng: np.random.Generator, degrees: float) -> np.ndarray:
    """Stripes over clouds, both of random colours: of two pictures no two are alike, in class or detail."""
    noise = rng.normal(size=(SIDE_PX, SIDE_PX, 3))
    clouds = sum(gaussian_filter(noise, (s, s, 0)) * s * weight for s, weight in ((0.6, 1.2), (2, 1), (5, 1)))
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    angle = np.radians(degrees + rng.normal(0, 6))
    wave = np.sin(
        2 * np.pi * (x * np.sin(angle) + y * np.cos(angle)) / rng.uniform(7, 14) + rng.uniform(0, 7)
    )
    colour = rng.normal(size=3)
    stripes = wave[..., None] * (0.8 + 0.25 * colour)
    return np.clip(128 + 38 * (clouds + stripes), 0, 255).astype(np.uint8)


def write_clean(root: Path) -> None:
    rng = np.random.default_rng(0)
    for split, n in (("train", N_TRAIN), ("test", N_TEST)):
        for label, degrees in CLASSES.items():
            folder = root / split / label
            folder.mkdir(parents=True)
            for i in range(n):
                Image.fromarray(picture(rng, degrees)).save(folder / f"{i:03d}.png")


class Audit:
    """All stages that look for faults, one after another, each fed by those before it."""

    def __init__(self, root: Path, workspace: Path) -> None:
        images = workspace / "data" / "images"
        images.mkdir(parents=True)
        settings = PARAMETERS["dataset"] | {"source": "folder", "path": str(root), "validation_fraction": 0}
        dataset = DatasetParameters(**settings)
        outputs = {"images": images}
        prepared = prepare(
            dataset=dataset, seed=0, images=images, outputs=outputs, memory=workspace / ".deepsight"
        )
        self.tables = dict(prepared.tables)
        (part,) = scan(self.tables["manifest"])
        self.tables |= part
        self.findings = pd.DataFrame()
        for stage in (
            embed,
            quality_checks,
            duplicate_search,
            duplicates,
            label_probabilities,
            label_issues,
            label_analysis,
            image_stats,
            visual_features,
            feature_exploration,
            latent_layout,
            latent_structure,
            characterize_splits,
            class_imbalance,
        ):
            self._run(stage)

    def _run(self, function: Callable[..., Artifacts]) -> None:
        name = function.__name__
        model = models_of(STAGES[name])[name]
        given = {
            **self.tables,
            "parameters": model.model_validate(PARAMETERS[name]),
            "n_folds": PARAMETERS["label_probabilities"]["n_folds"],
            "rename_labels": PARAMETERS["dataset"]["rename_labels"],
            "seed": 0,
        }
        names = function.__code__.co_varnames[
            : function.__code__.co_argcount + function.__code__.co_kwonlyargcount
        ]
        artifacts = function(**{key: given[key] for key in names})
        self.tables |= artifacts.tables
        if artifacts.findings is not None:
            self.findings = pd.concat([self.findings, artifacts.findings])

    def found(self, kind: str) -> set[str]:
        """The images found to be of the kind, as split/class/name, or the classes."""
        rows = self.findings[self.findings["kind"] == kind]
        paths = self.tables["manifest"].set_index("item_id")["path"]
        images = {"/".join(paths[i].split("/")[-3:]) for i in rows["item_id"].dropna()}
        return images | set(rows.loc[rows["item_id"].isna(), "label"])


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    folder = tmp_path_factory.mktemp("clean")
    write_clean(folder / "images")
    return run_in(folder)


def run_in(folder: Path) -> Audit:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return Audit(folder / "images", folder)


def test_a_clean_dataset_raises_nothing(clean: Audit) -> None:
    shown = clean.findings[["kind", "item_id", "label", "score", "detail"]]
    assert len(clean.findings) == 0, shown.to_string()


# ---- faults ----------------------------------------------------------------------------------------------


Faults = dict[str, set[str]]  # by kind the files (or the classes) that are at fault


def opened(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


def spoil(root: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> str:
    pixels = change(np.asarray(opened(root / name)).astype(float))
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(root / name)
    return name


def plant_copies(root: Path) -> Faults:
    """Across splits, within training, and with another label."""
    train = root / "train"
    test = root / "test"
    faults: Faults = {}
    (test / "across" / "leak.png").write_bytes((train / "across" / "000.png").read_bytes())
    opened(root / "train/rising/000.png").save(test / "rising" / "near leak.jpg", quality=60)
    faults["leaked_image"] = {"test/across/leak.png", "test/rising/near leak.jpg"}
    (train / "falling" / "copy.png").write_bytes((train / "falling" / "001.png").read_bytes())
    faults["exact_duplicate"] = {"train/falling/copy.png"}
    moved = np.roll(np.asarray(opened(root / "train/falling/002.png")), (2, 3), axis=(0, 1))
    Image.fromarray(np.clip(moved * 1.1, 0, 255).astype(np.uint8)).save(
        train / "falling" / "moved.jpg", quality=90
    )
    faults["near_duplicate"] = {"train/falling/moved.jpg"}
    opened(root / "train/falling/003.png").save(train / "across" / "other label.png", compress_level=1)
    faults["contradicting_copies"] = {"train/falling/003.png", "train/across/other label.png"}
    return faults


def plant_wrong_labels(root: Path) -> Faults:
    """Pictures of one class in the folder of another, and one of no class at all."""
    rng = np.random.default_rng(1)
    train = root / "train"
    faults: Faults = {}
    for i in range(3):
        Image.fromarray(picture(rng, CLASSES["rising"])).save(train / "across" / f"1{i}0.png")
    faults["suspected_label_error"] = {f"train/across/1{i}0.png" for i in range(3)}
    board = np.kron(np.indices((10, 10)).sum(axis=0) % 2, np.ones((4, 4)))[..., None] * [255, 0, 255]
    Image.fromarray(board.astype(np.uint8)).save(train / "falling" / "board.png")
    faults["unlike_all_others"] = {"train/falling/board.png"}
    return faults


def plant_spoilt_pictures(root: Path) -> Faults:
    """Blurred, dark, bright, blank, and grey."""
    faults: Faults = {}
    faults["blurry"] = {spoil(root, "train/rising/010.png", lambda p: gaussian_filter(p, (2.5, 2.5, 0)))}
    faults["too_dark"] = {spoil(root, "train/rising/011.png", lambda p: p * 0.1)}
    faults["too_bright"] = {spoil(root, "train/rising/012.png", lambda p: 255 - (255 - p) * 0.1)}
    faults["low_information"] = {spoil(root, "train/rising/013.png", lambda p: p * 0 + [140, 120, 100])}
    faults["greyscale_among_colour"] = {
        spoil(root, "test/rising/003.png", lambda p: p.mean(axis=2, keepdims=True).repeat(3, axis=2))
    }
    return faults


def plant_odd_formats(root: Path) -> Faults:
    """Odd in size, shape, mode, name and orientation."""
    train = root / "train"
    faults: Faults = {}
    opened(root / "train/rising/014.png").resize((400, 400), Image.Resampling.BICUBIC).save(
        train / "rising" / "014.png"
    )
    faults["odd_size"] = {"train/rising/014.png"}
    opened(root / "train/rising/015.png").crop((0, 0, 40, 12)).save(train / "rising" / "015.png")
    faults["odd_aspect_ratio"] = {"train/rising/015.png"}
    opened(root / "train/rising/016.png").convert("CMYK").save(train / "rising" / "cmyk.jpg", quality=95)
    (train / "rising" / "016.png").unlink()
    faults["unexpected_mode"] = {"train/rising/cmyk.jpg"}
    (train / "rising" / "017.png").rename(train / "rising" / "017.jpg")
    faults["wrong_extension"] = {"train/rising/017.jpg"}
    exif = Image.Exif()
    exif[0x0112] = 6
    opened(root / "train/rising/018.png").save(train / "rising" / "turned.jpg", exif=exif, quality=95)
    (train / "rising" / "018.png").unlink()
    faults["exif_rotated"] = {"train/rising/turned.jpg"}
    return faults


def plant_broken_files(root: Path) -> Faults:
    """Cut short, no image, empty, and links that lead nowhere good."""
    train = root / "train"
    faults: Faults = {}
    whole = (train / "rising" / "019.png").read_bytes()
    (train / "rising" / "019.png").write_bytes(whole[: len(whole) // 2])
    (train / "rising" / "020.png").write_text("<html>404</html>")
    faults["truncated"], faults["unreadable"] = {"train/rising/019.png"}, {"train/rising/020.png"}
    (train / "rising" / "021.png").write_bytes(b"")
    faults["empty_file"] = {"train/rising/021.png"}
    (root.parent / "secret.png").write_text("a key")
    for name, target in (
        ("outside.png", "../../../secret.png"),
        ("loop.png", "loop.png"),
        ("gone.png", "no.png"),
    ):
        (train / "rising" / name).symlink_to(target)
    faults["link_outside"], faults["symlink_loop"] = {"train/rising/outside.png"}, {"train/rising/loop.png"}
    faults["missing_file"] = {"train/rising/gone.png"}
    return faults


def plant_odd_classes(root: Path) -> Faults:
    """Small ones that are in training alone, one named almost like another."""
    rng = np.random.default_rng(1)
    train = root / "train"
    faults: Faults = {}
    for name in ("Rising", "steep"):
        (train / name).mkdir()
        for i in range(3):
            Image.fromarray(picture(rng, 90)).save(train / name / f"{i}.png")
    faults["similar_class_names"] = {"Rising"}
    faults["few_training_images"] = faults["minority_class"] = {"Rising", "steep"}
    faults["class_absent_from_evaluation"] = {"Rising", "steep"}
    return faults


def plant(root: Path) -> Faults:
    """Put one fault of each kind in, and say where."""
    faults: Faults = {}
    for put_in in (
        plant_copies,
        plant_wrong_labels,
        plant_spoilt_pictures,
        plant_odd_formats,
        plant_broken_files,
        plant_odd_classes,
    ):
        faults |= put_in(root)
    return faults


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Audit, Faults]:
    folder = tmp_path_factory.mktemp("faulty")
    write_clean(folder / "images")
    faults = plant(folder / "images")
    return run_in(folder), faults


def test_each_planted_fault_is_found(planted: tuple[Audit, Faults]) -> None:
    audit, faults = planted
    missed = {kind: names - audit.found(kind) for kind, names in faults.items() if names - audit.found(kind)}
    assert missed == {}


def test_hardly_anything_else_is_found(planted: tuple[Audit, Faults]) -> None:
    """Faults come in company: a picture of one colour is also unlike all others."""
    audit, faults = planted
    at_fault = set().union(*faults.values()) | {"train/falling/001.png", "train/falling/002.png"}
    kinds = set(audit.findings["kind"])
    others = {kind: audit.found(kind) - at_fault - {"rising", "across", "falling"} for kind in kinds}
    assert {kind: names for kind, names in others.items() if names} == {}
