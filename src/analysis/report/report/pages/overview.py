"""The dataset in a few numbers, as they stand at the head of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.contract import PATCHES
from analysis.report.report.results import StageResult
from analysis.report.report.wording import count_of, write_duration


@dataclass(frozen=True)
class Split:
    """A split's size; `start` is the share of the images that lie in the splits before it."""

    name: str
    n: int
    share: float
    start: float


@dataclass(frozen=True)
class Probe:
    """What a linear head on the embeddings reaches on test, in words."""

    features: str
    accuracy: str  # with its 95% interval
    duration: str  # "" where it did not run in this workspace
    href: str


@dataclass(frozen=True)
class Overview:
    name: str
    n_images: int
    n_classes: int
    size: str  # the usual width and height, and the usual format
    class_sizes: str
    splits: list[Split]
    n_flagged: int  # images with at least one finding
    test_accuracy: float | None
    accuracy_stage: str
    accuracy_href: str
    probe: Probe | None

    @property
    def flagged_share(self) -> float:
        return self.n_flagged / max(self.n_images, 1)


def overview_of(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    ledger: pd.DataFrame,
    results: Sequence[StageResult],
    run_records: Mapping[str, Mapping[str, Any]],
) -> Overview:
    measured = [result for result in results if result.metrics.get("test_accuracy") is not None]
    evaluation = measured[-1] if measured else None
    return Overview(
        name=_dataset_name(results),
        n_images=len(manifest),
        n_classes=len(manifest["label"].cat.categories),
        size=_usual_size(scan),
        class_sizes=_class_sizes(manifest),
        splits=_splits(manifest),
        n_flagged=int(ledger["item_id"].nunique()),
        test_accuracy=evaluation.metrics["test_accuracy"] if evaluation else None,
        accuracy_stage=evaluation.title if evaluation else "",
        accuracy_href=evaluation.href if evaluation else "",
        probe=_probe_of(results, run_records),
    )


def _probe_of(results: Sequence[StageResult], run_records: Mapping[str, Mapping[str, Any]]) -> Probe | None:
    """None where no stage has probed test images."""
    probes = [result for result in results if result.metrics.get("probe_test_accuracy") is not None]
    if not probes:
        return None
    probe = probes[-1]
    names = [f"probe_test_accuracy{end}" for end in ("", "_low", "_high")]
    accuracy, low, high = (100 * probe.metrics[name] for name in names)
    is_pretrained = probe.parameters["embed.backbone"] != PATCHES
    seconds = run_records.get(probe.name, {}).get("seconds")
    return Probe(
        features="pretrained features" if is_pretrained else "features learnt without labels",
        accuracy=f"{accuracy:.1f}% [{low:.1f}, {high:.1f}]",
        duration="" if seconds is None else write_duration(seconds),
        href=probe.href,
    )


def _dataset_name(results: Sequence[StageResult]) -> str:
    """What a person calls the dataset: the built-in's or torchvision's name, else its folder or file."""
    for result in results:
        match result.parameters.get("dataset"):
            case {"source": "digits"}:
                return "digits"
            case {"source": "torchvision", "name": name}:
                return str(name)
            case {"path": path}:
                return Path(path).name or str(path)
    return "dataset"


def _splits(manifest: pd.DataFrame) -> list[Split]:
    counts = {str(name): int(n) for name, n in manifest["split"].value_counts(sort=False).items()}
    unassigned = int(manifest["split"].isna().sum())
    if unassigned:
        counts["no split"] = unassigned
    splits: list[Split] = []
    for name, n in counts.items():
        start = splits[-1].start + splits[-1].share if splits else 0.0
        splits.append(Split(name, n, n / len(manifest), start))
    return splits


def _usual_size(scan: pd.DataFrame) -> str:
    """The median width and height and the most frequent format of the images that could be read."""
    readable = scan.dropna(subset=["width_px", "height_px", "format"])
    if readable.empty:
        return "none readable"
    width, height = readable["width_px"].median(), readable["height_px"].median()
    is_one_size = readable["width_px"].nunique() == 1 == readable["height_px"].nunique()
    most_frequent = readable["format"].mode()[0]
    return f"{'' if is_one_size else 'about '}{width:.0f} × {height:.0f} px, {most_frequent}"


def _class_sizes(manifest: pd.DataFrame) -> str:
    sizes = manifest["label"].value_counts()
    if sizes.empty:
        return "no labels"
    if sizes.min() == sizes.max():
        return f"{count_of(int(sizes.max()), 'image')} each"
    return f"{sizes.min():,} to {sizes.max():,} images each"
