from __future__ import annotations

import pandas as pd

from analysis.contract import Artifacts
from analysis.scrub.compared_images import compared_images
from analysis.scrub.duplicates.copies import copies_among
from analysis.scrub.duplicates.figures import pair_figures
from analysis.scrub.duplicates.findings import KINDS, findings_in, group_findings_in
from analysis.scrub.duplicates.group_leaks import group_leaks_of
from analysis.scrub.duplicates.groups import tabulate_groups
from analysis.scrub.duplicates.notes import GROUPS_CAPTION, PAIRS_CAPTION, metrics_of, notes_on, summary_of
from analysis.scrub.duplicates.parameters import DuplicatesParameters


def duplicates(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    possible_copies: pd.DataFrame,
    *,
    parameters: DuplicatesParameters,
) -> Artifacts:
    """Judge which pairs are copies, group them, and say which leak and which contradict each other.

    Beside copies, images leak whose group (`manifest["group"]`) is in an earlier split.
    """
    images = compared_images(manifest, scan)
    copies = copies_among(possible_copies, images, min_score=parameters.min_score)
    pairs, leaks = copies.pairs, copies.leaks
    groups = tabulate_groups(pairs, copies.first, images)
    named = images.join(manifest.set_index("item_id")["group"])
    group_leaks = group_leaks_of(named)
    return Artifacts(
        summary=summary_of(images, pairs, leaks, group_leaks),
        metrics=metrics_of(images, pairs, groups, leaks, group_leaks),
        tables={"duplicate_pairs": pairs, "groups": groups},
        captions={"duplicate_pairs": PAIRS_CAPTION, "groups": GROUPS_CAPTION},
        figures=pair_figures(pairs, images["value_range"], max_pairs=parameters.max_pairs_shown),
        findings=pd.concat([findings_in(pairs, leaks), group_findings_in(group_leaks)], ignore_index=True),
        kinds=KINDS,
        notes=notes_on(named, group_leaks, n_unread=len(manifest) - len(images)),
    )
