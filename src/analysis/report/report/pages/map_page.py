"""The interactive map: a point an image, coloured by label, split or finding; hovering shows the image.

The page is drawn by WebGL in `templates/map.js`, not by plotly: plotly sets inline styles, which the site's
content security policy forbids, weighs 4.8 MB, and takes several times as long for a frame of 60,000 points.
A page opened from the file system may not fetch files, so the points come as a script, and the pictures as
sheets of thumbnails, which are shown and never read.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from PIL import Image

from analysis.drawing.style import SPLIT_COLOURS, class_colours
from analysis.report.report.ledger import FindingGroup
from analysis.report.report.results import StageResult
from analysis.report.report.site import copy_assets
from analysis.report.report.wording import title_of

ASSETS = ("map.js", "map.css")
TILES_A_SIDE = 64  # a sheet of 2,048 px, which every browser takes
SHEET_QUALITY = 80
ABSENT = 65_535  # in place of a coordinate: the image is not on this map
MAX_COORDINATE = 65_534


@dataclass(frozen=True)
class MapPage:
    """What the page says of the map; the points themselves are in its script."""

    result: StageResult
    n_images: int
    n_mapped: int


def write_map(
    results: Sequence[StageResult],
    groups: Sequence[FindingGroup],
    manifest: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    home: Path,
    site: Path,
    max_images: int,
) -> MapPage | None:
    """Write points, sheets and script of the map that a stage has left; None if none has.

    Of more than `max_images`, a random sample is shown.
    """
    makers = [
        result
        for result in results
        if result.folder / "map.parquet" in result.stage.outs and not result.unjudged
    ]
    if not makers:
        return None
    table = pd.read_parquet(makers[0].folder / "map.parquet")
    spaces = [column.removesuffix("_x") for column in table if column.endswith("_x")]
    mapped = table[[f"{space}_x" for space in spaces]].notna().any(axis=1).to_numpy().nonzero()[0]
    if not len(mapped):
        return None
    shown = np.random.default_rng(0).choice(mapped, min(len(mapped), max_images), replace=False)
    places = {space: _grid_places(table.iloc[shown], space) for space in spaces}
    spaces = [space for space in spaces if (places[space] != ABSENT).any()]
    order = np.argsort(_along_curve(places[spaces[0]]), kind="stable")
    shown = shown[order]
    folder = site / "assets" / "map"
    folder.mkdir(parents=True)
    content = {
        "spaces": [{"title": title_of(space), "places": _packed(places[space][order])} for space in spaces],
        "colourings": _colourings(manifest, groups, shown),
        **_paths(manifest["path"].iloc[shown], home),
        "tilePx": thumbnails.shape[1],
        "tilesASide": TILES_A_SIDE,
        "sheets": _write_sheets(thumbnails, shown, folder),
    }
    script = f'"use strict";\nglobalThis.deepsightMap = {json.dumps(content)};\n'
    (folder / "points.js").write_text(script, encoding="ascii")
    copy_assets(ASSETS, site)
    return MapPage(makers[0], len(shown), len(mapped))


def _grid_places(table: pd.DataFrame, space: str) -> np.ndarray:
    """(n, 2) uint16 places on one scale for both axes; `ABSENT` where the image is not on the map."""
    positions = table[[f"{space}_x", f"{space}_y"]].to_numpy(dtype=float)
    is_there = np.isfinite(positions).all(axis=1)
    places = np.full(positions.shape, ABSENT, np.uint16)
    if is_there.any():
        low, high = positions[is_there].min(axis=0), positions[is_there].max(axis=0)
        centred = (positions[is_there] - (low + high) / 2) / max(float((high - low).max()), 1e-9)
        places[is_there] = np.rint((centred + 0.5) * MAX_COORDINATE)
    return places


def _along_curve(places: np.ndarray) -> np.ndarray:
    """(n,) place of each point on a Z-order curve (Morton 1966).

    Neighbours on the map then lie on the same sheet of pictures, so that few sheets are loaded for a region,
    and no class is drawn above another.
    """
    code = np.zeros(len(places), np.uint64)
    for bit in range(16):
        for axis in range(2):
            code |= ((places[:, axis].astype(np.uint64) >> np.uint64(bit)) & np.uint64(1)) << np.uint64(
                2 * bit + axis
            )
    return code


def _packed(values: np.ndarray) -> str:
    """Little-endian bytes in base64, as a script can hold them."""
    little = values.astype(values.dtype.newbyteorder("<"))
    return base64.b64encode(little.tobytes()).decode("ascii")


def _colourings(
    manifest: pd.DataFrame, groups: Sequence[FindingGroup], shown: np.ndarray
) -> list[dict[str, Any]]:
    """By what points may be coloured: the groups with their colours, and which points are in each."""
    labels, splits = manifest["label"].astype("category"), manifest["split"].astype("category")
    classes = [str(label) for label in labels.cat.categories]
    place_of = pd.Series(np.arange(len(shown)), index=manifest["item_id"].iloc[shown])
    found = {
        group.kind.title: place_of.reindex(group.item_ids).dropna().to_numpy(np.uint32) for group in groups
    }
    found = {title: members for title, members in found.items() if len(members)}
    split_names = [str(split) for split in splits.cat.categories]
    return [
        _partition("Label", classes, labels.cat.codes.iloc[shown], class_colours(classes), rest="No label"),
        _partition("Split", split_names, splits.cat.codes.iloc[shown], SPLIT_COLOURS, rest="No split"),
        {
            "title": "Finding",
            "groups": [
                {"name": title, "colour": to_hex(colour)}
                for title, colour in class_colours(list(found)).items()
            ],
            "members": [_packed(members) for members in found.values()],
            "rest": "No finding",
        },
    ]


def _partition(
    title: str, names: Sequence[str], codes: pd.Series, colours: dict[str, Any], *, rest: str
) -> dict[str, Any]:
    """A colouring in which each point is in one group; `rest` names those of code -1."""
    return {
        "title": title,
        "groups": [{"name": name, "colour": to_hex(colours[name])} for name in names],
        "codes": _packed(np.where(codes < 0, len(names), codes).astype(np.uint16)),
        "rest": rest,
    }


def _paths(paths: pd.Series, home: Path) -> dict[str, Any]:
    """The files, and what stands before each path to make it an address as seen from the site in `home`."""
    is_absolute = paths.str.startswith("/").all()
    return {"root": "file://" if is_absolute else f"{os.path.relpath('.', home)}/", "paths": paths.tolist()}


def _write_sheets(thumbnails: np.ndarray, shown: np.ndarray, folder: Path) -> list[str]:
    """Write the thumbnails in rows on sheets, in the order of `shown`; returns the sheets' files."""
    size = TILES_A_SIDE**2
    files = []
    for start in range(0, len(shown), size):
        part = shown[start : start + size]
        n_rows = -(-len(part) // TILES_A_SIDE)
        px = thumbnails.shape[1]
        tiles = np.zeros((n_rows * TILES_A_SIDE, px, px, 3), np.uint8)
        tiles[: len(part)] = thumbnails[part]
        # (rows, columns, px, px, 3) -> (rows, px, columns, px, 3): each row of tiles as rows of pixels
        sheet = tiles.reshape(n_rows, TILES_A_SIDE, px, px, 3).swapaxes(1, 2)
        file = folder / f"sheet{len(files)}.webp"
        Image.fromarray(sheet.reshape(n_rows * px, TILES_A_SIDE * px, 3)).save(file, quality=SHEET_QUALITY)
        files.append(f"assets/map/{file.name}")
    return files
