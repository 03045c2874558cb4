"""How often does `split_comparison` raise a false alarm, and how often does it find a planted shift?

    python benchmarks/split_false_alarms.py --cifar FOLDER

`--cifar` is a folder of images in class folders, such as CIFAR-10's test images; without it only the digits
are measured. Prints tables in Markdown.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image, ImageEnhance, ImageFilter

from analysis.explore.image_features import image_features
from analysis.explore.split_comparison.comparison import CLASSIFIER, compare_splits, rows_of
from analysis.explore.split_comparison.parameters import SplitComparisonParameters
from analysis.obtain.scan.measures import measure
from analysis.progress import progress
from analysis.statistics.proportions import wilson_interval

REPOSITORY = Path(__file__).resolve().parents[1]
SHARES = {"train": 0.65, "validation": 0.15, "test": 0.2}
Change = Callable[[Image.Image], Image.Image]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cifar", type=Path, help="folder of class folders of images")
    parser.add_argument("--n-images", type=int, default=2000, help="images drawn from it")
    parser.add_argument("--n-splits", type=int, default=100, help="random splits of each dataset")
    parser.add_argument("--n-planted", type=int, default=10, help="random splits with each planted shift")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    sources = ["digits"] + ([f"{arguments.cifar}:{arguments.n_images}"] if arguments.cifar else [])
    silent = [Trial(source, "none", seed) for source in sources for seed in range(arguments.n_splits)]
    planted = [
        Trial(source, shift, seed)
        for source in sources
        for shift in SHIFTS
        if shift != "none" and (source == "digits" or shift != "other writers")
        for seed in range(arguments.n_planted)
    ]
    with ProcessPoolExecutor(arguments.processes) as pool:
        trials = silent + planted
        results = pd.DataFrame(
            progress(pool.map(run_trial, trials), description="trials", unit="trials", total=len(trials))
        )
    print_false_alarms(results[results["shift"].eq("none")])
    print_power(results[results["shift"].ne("none")])


@dataclass(frozen=True)
class Trial:
    """One split of one dataset at random, with one shift planted in its test images."""

    source: str
    shift: str
    seed: int


def run_trial(trial: Trial) -> dict:
    pictures, labels = load(trial.source)
    split = deal(trial, labels)
    kept = split != ""
    change = CHANGES.get(trial.shift)
    if change is not None:
        pictures = [change(p) if s == "test" else p for p, s in zip(pictures, split, strict=True)]
    features = features_of(trial.source, None if change is None else pictures)
    groups = pd.DataFrame({"split": split, "stratum": labels})
    content = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    parameters = SplitComparisonParameters.model_validate(content["split_comparison"])
    comparison = compare_splits(features[kept], groups[kept], parameters=parameters, seed=trial.seed)
    verdicts = {pair: comparison.verdict(pair) for pair in comparison.pairs}
    tests = rows_of(comparison.tests, ("train", "test"), within_classes=True).set_index("test")
    shifts = rows_of(comparison.features, ("train", "test"), within_classes=True)
    p_values = pd.concat([comparison.tests, comparison.features.assign(test="feature KS")])
    p_values = p_values[p_values["within_classes"].astype(bool)]
    return {
        "source": "digits" if trial.source == "digits" else "CIFAR-10",
        "n_images": int(kept.sum()),
        "shift": trial.shift,
        "any_verdict": verdict_of(list(verdicts.values())),
        "verdict": verdicts["train", "test"],
        "auc": tests.at[CLASSIFIER, "value"],
        "largest": shifts["wasserstein"].max(),
        "p_values": p_values.groupby("test")["p_value"].apply(list).to_dict(),
    }


def verdict_of(verdicts: list[str]) -> str:
    """The gravest."""
    return next(v for v in ("images differ", "class mix differs", "alike") if v in verdicts)


# ---- datasets and splits ---------------------------------------------------------------------------------


@cache
def load(source: str) -> tuple[list[Image.Image], np.ndarray]:
    """Pictures in RGB and the code of each one's class; the digits in the order of their writers."""
    if source == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        grey = (digits.images * (255 / 16)).round().astype(np.uint8)
        return [Image.fromarray(image).convert("RGB") for image in grey], digits.target
    folder, n_images = source.rsplit(":", 1)
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix in (".jpg", ".png"))
    drawn = np.random.default_rng(0).choice(len(paths), int(n_images), replace=False)
    chosen = [paths[i] for i in np.sort(drawn)]
    labels = pd.Categorical([path.parent.name for path in chosen]).codes.astype(int)
    return [Image.open(path).convert("RGB") for path in chosen], labels


def features_of(source: str, changed: list[Image.Image] | None) -> pd.DataFrame:
    """Features of the dataset's pictures, or of those that were changed."""
    return unchanged_features(source) if changed is None else measure_pictures(changed)


@cache
def unchanged_features(source: str) -> pd.DataFrame:
    return measure_pictures(load(source)[0])


def measure_pictures(pictures: list[Image.Image]) -> pd.DataFrame:
    measures = measure(pictures)
    names = [name for name in measures.dtype.names if measures[name].ndim == 1]
    width, height = pictures[0].size
    scan = pd.DataFrame({name: measures[name] for name in names})
    scan = scan.assign(status="ok", width_px=width, height_px=height)
    manifest = pd.DataFrame({"bytes": np.full(len(pictures), width * height)})  # files are not part of this
    return image_features(manifest, scan, measures["thumbnail"], n_components=20, n_fitted=2500, seed=0)


def deal(trial: Trial, labels: np.ndarray) -> np.ndarray:
    """The split of each image at random, not stratified; blank if it belongs to none."""
    generator = np.random.default_rng([trial.seed, 1])
    n = len(labels)
    ends = (np.cumsum(list(SHARES.values())) * n).round().astype(int)
    order = generator.permutation(n)
    if trial.shift == "other writers":  # a run of images, which stand in the order of their writers
        order = np.roll(np.arange(n), generator.integers(n))
        order[: ends[1]] = generator.permutation(order[: ends[1]])
    split = np.empty(n, dtype=object)
    for name, start, end in zip(SHARES, [0, *ends[:-1]], ends, strict=True):
        split[order[start:end]] = name
    if trial.shift == "other class mix":  # half of the classes lose most of their test images
        is_rare = labels % 2 == 0
        split[(split == "test") & is_rare & (generator.random(n) < 0.9)] = ""
    return split


def requalified(quality: int) -> Change:
    def change(picture: Image.Image) -> Image.Image:
        content = io.BytesIO()
        picture.save(content, "JPEG", quality=quality)
        return Image.open(content).convert("RGB")

    return change


CHANGES: dict[str, Change] = {
    "brightness +5%": lambda picture: ImageEnhance.Brightness(picture).enhance(1.05),
    "brightness +10%": lambda picture: ImageEnhance.Brightness(picture).enhance(1.10),
    "blur, radius 0.3": lambda picture: picture.filter(ImageFilter.GaussianBlur(0.3)),
    "blur, radius 0.5": lambda picture: picture.filter(ImageFilter.GaussianBlur(0.5)),
    "JPEG, quality 75": requalified(75),
    "JPEG, quality 50": requalified(50),
}
SHIFTS = ("none", *CHANGES, "other class mix", "other writers")


# ---- tables ----------------------------------------------------------------------------------------------


def print_false_alarms(results: pd.DataFrame) -> None:
    print("\n| random splits of | images | splits | flagged | 95% interval | class mix alone |")
    print("|---|---:|---:|---:|---:|---:|")
    for source, rows in results.groupby("source", sort=False):
        n, k = len(rows), int(rows["any_verdict"].eq("images differ").sum())
        low, high = wilson_interval(k, n)
        mix = int(rows["any_verdict"].eq("class mix differs").sum())
        print(f"| {source} | {rows['n_images'].iloc[0]:,} | {n} | {k} | {low:.1%} to {high:.1%} | {mix} |")
    print("\n| p-values below 0.05, before correction | digits, within classes | CIFAR-10, within classes |")
    print("|---|---:|---:|")
    tests = results["p_values"].iloc[0]
    for test in tests:
        cells = []
        for _, rows in results.groupby("source", sort=False):
            p_values = np.concatenate([trial[test] for trial in rows["p_values"]])
            cells.append(f"{(p_values < 0.05).mean():.1%} of {len(p_values):,}")
        print(f"| {test} | " + " | ".join(cells) + " |")


def print_power(results: pd.DataFrame) -> None:
    print(
        "\n| shift of test | dataset | splits | images differ | class mix alone | AUC | largest shift, std |"
    )
    print("|---|---|---:|---:|---:|---:|---:|")
    for (shift, source), rows in results.groupby(["shift", "source"], sort=False):
        differ, mix = (int(rows["verdict"].eq(v).sum()) for v in ("images differ", "class mix differs"))
        auc, largest = rows["auc"], rows["largest"]
        print(
            f"| {shift} | {source} | {len(rows)} | {differ} | {mix} | {auc.mean():.2f} ± {auc.std():.2f} "
            f"| {largest.mean():.2f} ± {largest.std():.2f} |"
        )


if __name__ == "__main__":
    main()
