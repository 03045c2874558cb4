"""The two spaces in which images are points, pixels and embeddings, each with its map and its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, parallel_config

from analysis.dataset.readable import is_readable
from analysis.explore.latent_structure.components import Pixels
from analysis.explore.latent_structure.layout import Layout, lay_out, map_quality
from analysis.explore.latent_structure.neighbours import label_purity, mixed_with, purity_of_classes
from analysis.pipeline.cores import available_cores

SPACES = ("embeddings", "thumbnails")
MIN_IMAGES = 20  # below, neither neighbours nor maps say anything
TRUST_COLUMNS = [
    "space",
    "n_items",
    "n_fitted",
    "n_sampled",
    "trustworthiness",
    "neighbours_kept_fraction",
    "distance_correlation",
    "label_purity",
    "map_label_purity",
]
CLASS_COLUMNS = [
    "label",
    "n_items",
    "purity_by_chance",
    "purity_embeddings",
    "purity_embeddings_low",
    "purity_embeddings_high",
    "map_purity_embeddings",
    "purity_thumbnails",
    "map_purity_thumbnails",
    "mixed_with",
]


@dataclass(frozen=True)
class Space:
    """One way to see images as points: `features` is (n, d), of the images in `rows` of the manifest."""

    name: str
    rows: np.ndarray
    features: np.ndarray


@dataclass(frozen=True)
class View:
    """A space with its map, and how pure neighbourhoods are in both.

    `codes` is (n,) the class of each image, -1 for none; `purity` and `map_purity` are (n,), see
    `label_purity`.
    """

    space: Space
    layout: Layout
    codes: np.ndarray
    purity: np.ndarray
    map_purity: np.ndarray


def make_spaces(
    scan: pd.DataFrame, thumbnails: np.ndarray, embeddings: np.ndarray, pixels: Pixels | None
) -> list[Space]:
    """The spaces in which there is something to see: enough images, and not all of them alike."""
    decoded = decoded_rows(scan)
    embedded = decoded[np.isfinite(embeddings[decoded]).all(axis=1)]
    spaces = []
    features = np.asarray(embeddings[embedded], dtype=np.float32)
    if len(embedded) >= MIN_IMAGES and (features != features[0]).any():
        spaces.append(Space("embeddings", embedded, features))
    if pixels is not None:
        spaces.append(Space("thumbnails", decoded, pixels.scores(thumbnails, decoded)))
    return spaces


def decoded_rows(scan: pd.DataFrame) -> np.ndarray:
    return is_readable(scan).nonzero()[0]


def view_spaces(
    spaces: list[Space],
    labels: pd.Series,
    *,
    n_neighbours: int,
    perplexity: float,
    max_fitted_images: int,
    seed: int,
) -> dict[str, View]:
    """Map the spaces, side by side where there are cores: one map alone hardly uses two."""
    if not spaces:
        return {}
    options = {
        "perplexity": perplexity,
        "n_neighbours": n_neighbours,
        "max_fitted_images": max_fitted_images,
        "seed": seed,
    }
    # one thread each, whatever an engine grants: the sums of a layout depend on their number
    with parallel_config("loky", inner_max_num_threads=1):
        workers = Parallel(n_jobs=min(len(spaces), available_cores()), max_nbytes=None)
        layouts = workers(delayed(lay_out)(space.features, name=space.name, **options) for space in spaces)
    views = {}
    for space, layout in zip(spaces, layouts, strict=True):
        codes = labels.cat.codes.to_numpy()[space.rows].astype(int)
        purity = label_purity(codes, layout.neighbours)
        map_purity = label_purity(codes, layout.map_neighbours)
        views[space.name] = View(space, layout, codes, purity, map_purity)
    return views


def tabulate_map(manifest: pd.DataFrame, views: Mapping[str, View]) -> pd.DataFrame:
    """One row per image of the manifest: `item_id`, and by space `…_x`, `…_y` and `…_is_fitted`."""
    table = pd.DataFrame({"item_id": manifest["item_id"].to_numpy()})
    for name in SPACES:
        positions = np.full((len(manifest), 2), np.nan, np.float32)
        is_fitted = np.zeros(len(manifest), bool)
        if name in views:
            positions[views[name].space.rows] = views[name].layout.positions
            is_fitted[views[name].space.rows] = views[name].layout.is_fitted
        table[f"{name}_x"], table[f"{name}_y"] = positions.T
        table[f"{name}_is_fitted"] = is_fitted
    return table


def tabulate_trust(views: Mapping[str, View], *, seed: int) -> pd.DataFrame:
    """One row per space: how far its map can be trusted."""
    rows = [
        {
            "space": name,
            **map_quality(view.space.features, view.layout, seed=seed),
            "label_purity": _mean(view.purity),
            "map_label_purity": _mean(view.map_purity),
        }
        for name, view in views.items()
    ]
    return pd.DataFrame(rows, columns=TRUST_COLUMNS)


def _mean(values: np.ndarray) -> float:
    """Of those that are not NaN."""
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else np.nan


def tabulate_class_purity(classes: pd.Index, views: Mapping[str, View]) -> pd.DataFrame:
    """One row per class, in the dataset's order; columns of a space that there is not are empty."""
    table = pd.DataFrame({"label": classes.astype(str), "n_items": 0, "mixed_with": ""})
    for name in SPACES[::-1]:  # the embeddings have the last word on what both tell
        view = views.get(name)
        codes, purity, map_purity = (
            (view.codes, view.purity, view.map_purity)
            if view
            else (np.zeros(0, int), np.zeros(0), np.zeros(0))
        )
        of_class = purity_of_classes(codes, purity, len(classes))
        table[f"purity_{name}"] = of_class["purity"]
        table[f"purity_{name}_low"], table[f"purity_{name}_high"] = (
            of_class["purity_low"],
            of_class["purity_high"],
        )
        table[f"map_purity_{name}"] = purity_of_classes(codes, map_purity, len(classes))["purity"]
        if view and len(classes):
            table["n_items"] = of_class["n_items"]
            others = mixed_with(codes, view.layout.neighbours, len(classes))
            table["mixed_with"] = ["" if other < 0 else str(classes[other]) for other in others]
    n_items = table["n_items"]
    table["purity_by_chance"] = (n_items - 1).clip(lower=0) / max(n_items.sum() - 1, 1)
    return table[CLASS_COLUMNS]
