"""The search for copies: exact ones by content, near ones by candidates that are verified."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.cores import available_cores
from analysis.scrub.compared_images import is_large_enough
from analysis.scrub.duplicate_search.candidates import candidate_pairs, kept_fraction, without_borders
from analysis.scrub.duplicate_search.changes import named_changes
from analysis.scrub.duplicate_search.parameters import DETAIL_COLUMNS, LOWEST_SCORE, DuplicateSearchParameters
from analysis.scrub.duplicate_search.recompression import recompressed
from analysis.scrub.duplicate_search.same_picture import same_picture
from analysis.scrub.duplicate_search.scoring import Compared, score_pairs

ALIKE_LEVELS = 16.0  # JPEG of quality 30 leaves a picture of 32 × 32 pixels at most so far from its original


def search_copies(
    images: pd.DataFrame, thumbnails: NDArray[np.uint8], *, parameters: DuplicateSearchParameters, seed: int
) -> tuple[pd.DataFrame, Compared]:
    """Each exact copy with the image that stands for it, and pairs of these that may be near copies.

    Parameters
    ----------
    images
        Those of `compared_images`.
    thumbnails
        Of all images, by `item_id`.

    Returns
    -------
    `item_id_a`, `item_id_b`, `kind` (exact or near), `change` in words, `hamming_distance` of the perceptual
    hashes, `score` (the probability that it is a copy, from `LOWEST_SCORE`; 1 of an exact one) and the
    evidence of the second look, `DETAIL_COLUMNS`, missing of exact copies. Beside it, what was compared.
    """
    first = same_picture(images, thumbnails)
    distinct = images[images.index.isin(first) & is_large_enough(images)]
    near, compared = _near_pairs(distinct, thumbnails, parameters=parameters, seed=seed)
    return pd.concat([_exact_pairs(images, first), near], ignore_index=True), compared


def _exact_pairs(images: pd.DataFrame, first: pd.Series) -> pd.DataFrame:
    copies = first[first != first.index]
    contents = images["content_hash"]
    same_file = contents.loc[copies.index].to_numpy() == contents.loc[copies].to_numpy()
    return pd.DataFrame(
        {
            "item_id_a": copies.to_numpy(),
            "item_id_b": copies.index.to_numpy(),
            "kind": "exact",
            "change": np.where(same_file, "same file", "same pixels"),
            "hamming_distance": 0,
            "score": 1.0,
            **dict.fromkeys(DETAIL_COLUMNS, np.nan),
        }
    )


def _near_pairs(
    images: pd.DataFrame, thumbnails: NDArray[np.uint8], *, parameters: DuplicateSearchParameters, seed: int
) -> tuple[pd.DataFrame, Compared]:
    """Scored pairs among images of which no two are exact copies."""
    ids, hashes = images.index.to_numpy(), images["phash"].to_numpy(dtype=np.uint64)
    pictures, cut_px = without_borders(thumbnails[ids])
    candidates = candidate_pairs(
        pictures,
        hashes,
        n_neighbours=parameters.n_neighbours,
        max_hamming_distance=parameters.max_hamming_distance,
        seed=seed,
    )
    near, compared = score_pairs(images, pictures, cut_px, candidates, seed=seed)
    near = near[near["score"] >= LOWEST_SCORE].reset_index(drop=True)
    a, b = near["row_a"].to_numpy(), near["row_b"].to_numpy()
    changes = named_changes(
        near,
        size_px=images[["width_px", "height_px"]].to_numpy(dtype=np.int64),
        kept_fraction=kept_fraction(cut_px),
        is_recompressed=_recompressed(images.iloc[a], images.iloc[b], thumbnails),
    )
    found = pd.DataFrame(
        {
            "item_id_a": ids[a],
            "item_id_b": ids[b],
            "kind": "near",
            "change": changes.to_numpy(),
            "hamming_distance": np.bitwise_count(hashes[a] ^ hashes[b]).astype(np.int64),
            "score": near["score"].to_numpy(),
        }
    )
    return found.assign(**{name: near[name].to_numpy() for name in DETAIL_COLUMNS}), compared


def _recompressed(first: pd.DataFrame, second: pd.DataFrame, thumbnails: NDArray[np.uint8]) -> NDArray:
    """Which pairs of images differ by compression alone; those that may are opened in full resolution."""
    sizes = ["width_px", "height_px"]
    is_alike = (first[sizes].to_numpy() == second[sizes].to_numpy()).all(axis=1)
    is_alike &= _levels_apart(thumbnails[first.index], thumbnails[second.index]) <= ALIKE_LEVELS
    paths = list(zip(first.loc[is_alike, "path"], second.loc[is_alike, "path"], strict=True))
    is_recompressed = np.zeros(len(first), dtype=bool)
    is_recompressed[is_alike] = recompressed(paths, n_workers=available_cores())
    return is_recompressed


def _levels_apart(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Root mean square difference of pixels, of 255; (m,)."""
    return np.sqrt(np.square(first.astype(np.float32) - second).mean(axis=(1, 2, 3), dtype=np.float64))
