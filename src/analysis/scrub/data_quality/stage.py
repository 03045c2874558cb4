from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.contract import Artifacts
from analysis.scrub.data_quality.figures import pair_figures
from analysis.scrub.data_quality.findings import CONTRADICTING, EXACT, LEAKED, NEAR, findings_in
from analysis.scrub.data_quality.groups import tabulate_groups
from analysis.scrub.data_quality.notes import GROUPS_CAPTION, PAIRS_CAPTION, metrics_of, notes_on, summary_of
from analysis.scrub.data_quality.parameters import DataQualityParameters
from analysis.scrub.data_quality.search import search_copies


def data_quality(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: NDArray[np.uint8],
    *,
    parameters: DataQualityParameters,
    seed: int,
) -> Artifacts:
    """Find exact and near copies, group them, and say which leak and which contradict each other."""
    copies = search_copies(manifest, scan, thumbnails, parameters=parameters, seed=seed)
    images, pairs, leaks = copies.images, copies.pairs, copies.leaks
    groups = tabulate_groups(pairs, copies.first, images)
    return Artifacts(
        summary=summary_of(images, pairs, leaks),
        metrics=metrics_of(images, pairs, groups, leaks),
        tables={"duplicates": pairs, "groups": groups},
        captions={"duplicates": PAIRS_CAPTION, "groups": GROUPS_CAPTION},
        figures=pair_figures(pairs, max_pairs=parameters.max_pairs_shown),
        findings=findings_in(pairs, leaks),
        kinds=[LEAKED, CONTRADICTING, EXACT, NEAR],
        notes=notes_on(manifest, images),
    )
