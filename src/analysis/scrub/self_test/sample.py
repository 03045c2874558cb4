"""A sample of the dataset's images as a small dataset of its own, to which planted ones are added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.dataset.content_hash import content_hash
from analysis.dataset.splits import SPLITS
from analysis.obtain.scan import stage as scanning


@dataclass(frozen=True)
class PlantedSample:
    """The tables that `prepare` and `scan` would make of these images, numbered from 0.

    `rows` says which of the dataset's images they are; planted ones are none of them and have none.
    """

    rows: NDArray[np.int64]
    manifest: pd.DataFrame
    scan: pd.DataFrame
    thumbnails: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.manifest)

    @property
    def images(self) -> pd.DataFrame:
        """Manifest and scan side by side, by `item_id`, as the quality checks take them."""
        named = self.manifest[["item_id", "path", "label", "split"]]
        return named.merge(self.scan, on="item_id", validate="1:1").set_index("item_id")


def draw_sample(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: NDArray[np.uint8],
    *,
    n_images: int,
    rng: np.random.Generator,
) -> PlantedSample:
    """At most `n_images` of the images that were read whole, in their order."""
    whole = np.flatnonzero(scan["status"] == "ok")
    rows = np.sort(rng.permutation(whole)[:n_images])
    numbers = np.arange(len(rows))
    return PlantedSample(
        rows,
        manifest.iloc[rows].reset_index(drop=True).assign(item_id=numbers),
        scan.iloc[rows].reset_index(drop=True).assign(item_id=numbers),
        np.asarray(thumbnails[rows]),
    )


def with_planted(
    sample: PlantedSample, planted: pd.DataFrame, *, to_other_split: bool = False
) -> PlantedSample:
    """The sample with the `planted` files (`original_id`, `path`) after its images, scanned as any other.

    Each has its original's label and split, or with `to_other_split` lies in the test if its original does
    not, else in training.
    """
    rows = sample.manifest.iloc[planted["original_id"]].reset_index(drop=True)
    paths = planted["path"].to_list()
    splits = rows["split"].astype(str)
    if to_other_split:
        splits = splits.map(lambda split: "train" if split == "test" else "test")
    splits = pd.Categorical(splits, categories=SPLITS)
    rows = rows.assign(
        item_id=len(sample) + np.arange(len(rows)),
        path=paths,
        split=splits,
        content_hash=[content_hash(path) for path in paths],
        status="ok",
    )
    scanned = list(scanning.scan(rows))
    whole = sample.manifest.assign(
        split=sample.manifest["split"].cat.set_categories(rows["split"].cat.categories)
    )
    return PlantedSample(
        sample.rows,
        pd.concat([whole, rows], ignore_index=True),
        pd.concat([sample.scan, *(part["scan"] for part in scanned)], ignore_index=True),
        np.concatenate([sample.thumbnails, *(part["thumbnails"] for part in scanned)]),
    )
