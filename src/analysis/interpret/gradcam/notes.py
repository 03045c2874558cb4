from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.contract import NO_FILE, to_set
from analysis.interpret.attributed_images import Attributed
from analysis.interpret.gradcam.figures import METHOD_NAMES
from analysis.interpret.gradcam.metrics import count_blank, count_masked, similarity_to_random
from analysis.interpret.gradcam.parameters import GradcamParameters
from analysis.interpret.judged_images import split_note

SIMILAR_BEYOND = (
    0.5  # rank correlation with random networks' maps, beyond which maps hardly show what was learnt
)
CAPTIONS = {
    "class_shares": "One row per class and region, over its right predictions. share is the mean share of "
    "the attribution in the region, enrichment that over the region's share of the area; random_share_high "
    "the mean share of that random network which puts most there; effect_size the mean difference to random "
    "networks in standard deviations; p_value, corrected for the number of rows, of a share no higher than "
    "every random network's.",
    "faithfulness": "One row per method and measure. auc is the mean area under the curve of the class's "
    "probability, auc_random that with pixels in random order; difference is between them on the same "
    "images, with its 95% interval. For deletion lower than random is good, for insertion higher.",
    "randomisation": "One row per method and number of layers made random from the head down: mean likeness "
    "to the trained network's maps over images and networks, 1 is the same. Near 0 is good.",
}


def summary_of(attributed: Attributed, tests: pd.DataFrame) -> str:
    n_right, n = len(attributed.right), len(attributed.images)
    n_flagged = tests.loc[tests["is_flagged"], "label"].nunique()
    return (
        f"{METHOD_NAMES[attributed.method]} at {attributed.layer} of {n_right:,} right and {n - n_right:,} "
        f"wrong predictions, {n_flagged} classes told by border or background"
    )


def notes_on(
    attributed: Attributed,
    regions: dict[str, np.ndarray],
    tests: pd.DataFrame,
    areas: pd.DataFrame,
    cascade: pd.DataFrame,
    split: str,
    parameters: GradcamParameters,
) -> list[str]:
    notes = [
        split_note(split),
        _layer_note(attributed),
        *_gap_notes(attributed, tests, parameters.significance_level),
        _mask_note(attributed, regions, parameters.masks),
        *(_trust_notes(attributed, areas, cascade) if len(attributed.right) else ()),
    ]
    return [note for note in notes if note]


def _layer_note(attributed: Attributed) -> str:
    cells = attributed.layer_cells
    return (
        f"Grad-CAM is taken at {attributed.layer}, whose map has {cells}×{cells} cells for images of "
        f"{attributed.side_px} px; attributions.layer chooses another."
    )


def _gap_notes(attributed: Attributed, tests: pd.DataFrame, significance_level: float) -> list[str]:
    """What there was too little of."""
    border = tests[tests["region"] == "border"]
    # the smallest p-value that n pairs can give, corrected for the number of tests
    is_testable = 0.5 ** border["n_images"] * tests["p_value"].notna().sum() < significance_level
    n_untested = int((~is_testable | border["p_value"].isna()).sum())
    n_blank = count_blank(attributed)
    n, n_right = len(attributed.images), len(attributed.right)
    return [
        f"{n_untested} of {len(border)} classes have too few right predictions for a test of their shares."
        if n_untested
        else "",
        "The judged images hold no wrong prediction to look at." if n == n_right else "",
        f"{n_blank} of {n:,} maps are zero everywhere: nothing that the layer sees speaks for the class. "
        "They have no shares."
        if n_blank
        else "",
    ]


def _mask_note(attributed: Attributed, regions: dict[str, np.ndarray], folder: Path) -> str:
    n_masked = count_masked(regions)
    if n_masked:
        return f"{n_masked:,} of {len(attributed.images):,} images have a mask of their object."
    if folder == Path(NO_FILE):
        return ""
    return (
        f"None of the masks in {folder} belongs to one of the images. To name others, "
        f"{to_set('gradcam.masks', '/PATH/TO/FOLDER')}."
    )


def _trust_notes(attributed: Attributed, areas: pd.DataFrame, cascade: pd.DataFrame) -> list[str]:
    """In words, which maps are no better than chance, and which do not depend on the weights."""
    notes = []
    for method, rows in areas.groupby("method", sort=False):
        lacking = rows.loc[~rows["is_surely_better"], "measure"].tolist()
        if lacking:
            notes.append(
                f"{METHOD_NAMES[method]} is not surely better than random order by {' and '.join(lacking)} "
                f"({rows['n_images'].max()} images): read its maps with care."
            )
    is_of_first = areas["method"] == attributed.method
    if not areas.loc[is_of_first, "is_surely_better"].any():
        notes.append(
            "No class is flagged for its border or background, because the maps do not surely name the "
            "pixels that matter. Try another attributions.layer, or more attributions.n_checked_images."
        )
    for method in attributed.maps:
        likeness = similarity_to_random(cascade, method)["rank_correlation_with_random"]
        if likeness > SIMILAR_BEYOND:
            notes.append(
                f"{METHOD_NAMES[method]} of a network with random weights is much like the trained one's "
                f"(rank correlation {likeness:.2f}): the maps show the pictures more than what was learnt."
            )
    return notes
