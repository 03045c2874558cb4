from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.contract import Artifacts
from analysis.scrub.compared_images import compared_images
from analysis.scrub.duplicate_search.parameters import DuplicateSearchParameters
from analysis.scrub.duplicate_search.scoring import Compared
from analysis.scrub.duplicate_search.search import search_copies

MIN_TOLD = 0.9  # of planted copies, below which the reader is told


def duplicate_search(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: NDArray[np.uint8],
    *,
    parameters: DuplicateSearchParameters,
    seed: int,
) -> Artifacts:
    """Find the exact copies, and score every pair of images that may be near ones."""
    images = compared_images(manifest, scan)
    pairs, compared = search_copies(images, thumbnails, parameters=parameters, seed=seed)
    n_exact = int((pairs["kind"] == "exact").sum())
    n_near = len(pairs) - n_exact
    return Artifacts(
        summary=f"{len(images):,} images searched, {n_exact:,} exact and {n_near:,} possible near copies",
        metrics={
            "n_items": len(images),
            "n_exact_pairs": n_exact,
            "n_possible_near_pairs": n_near,
            "n_candidate_pairs": compared.n_candidates,
            "n_aligned_pairs": compared.n_aligned,
            "n_opened_pairs": compared.n_opened,
            "n_pairs_left_out": compared.n_left_out,
            "n_images_gone": compared.n_gone,
            "copies_told_fraction": compared.copies_told_fraction,
        },
        tables={"possible_copies": pairs},
        notes=notes_on(compared),
    )


def notes_on(compared: Compared) -> list[str]:
    notes = []
    if compared.n_left_out:
        notes.append(
            f"{compared.n_left_out:,} pairs were left out for want of time, and a copy may be among them: of "
            f"{compared.n_candidates:,} candidates the most alike were aligned as thumbnails (after which "
            f"{compared.n_aligned:,} were left that share enough), and of these {compared.n_opened:,} opened."
        )
    if compared.n_gone:
        notes.append(
            f"{compared.n_gone:,} images could not be opened any more, though `scan` could: near copies of "
            "them are not found."
        )
    if compared.copies_told_fraction < MIN_TOLD:
        notes.append(
            f"Of copies planted here {compared.copies_told_fraction:.0%} could be told: other pictures of "
            "this dataset agree nearly as well as copies do. Only near copies far above these are reported; "
            "equal files and equal pixels are found all the same."
        )
    return notes
