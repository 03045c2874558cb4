from __future__ import annotations

import pandas as pd

from analysis.contract import FindingKind, findings_of
from analysis.explore.file_facts.facts import NAME

TELLS_CLASS = FindingKind(
    name="file_tells_class",
    title="Class that the file gives away",
    severity="high",
    why="The images of the class were collected or saved in another way than the others. A network learns "
    "the traces of that instead of the subject, scores well on test images that share them, and fails "
    "elsewhere.",
    action="Find out where the class comes from. Collect the classes in one way, or save all images alike "
    "(size, format, colour) before training, and look at Grad-CAM and robustness with suspicion.",
    explains=(
        "unexpected_mode",
        "greyscale_among_colour",
        "colour_among_greyscale",
        "odd_size",
        "odd_aspect_ratio",
        "class_recognisable_by_one_measure",
        "class_told_by_context",
        "seen_by_fine_detail_only",
    ),
)
TELLS_SPLIT = FindingKind(
    name="file_tells_split",
    title="Split whose files differ from those of training",
    severity="medium",
    why="The split was saved by another program or comes from another source: its score says as much of that "
    "as of what was learnt.",
    action="Make the splits anew from all images, or save all images alike, unless that is the question.",
)
NAMES_TELL = FindingKind(
    name="names_tell_class",
    title="Class whose files are named in a way of their own",
    severity="low",
    why="Names are not seen in training, but a way of naming is often that of one source, camera or session.",
    action="If the class comes from a source of its own, look for what else differs with it.",
)
KINDS = (TELLS_CLASS, TELLS_SPLIT, NAMES_TELL)


def find_telling_facts(by_class: pd.DataFrame, by_split: pd.DataFrame) -> pd.DataFrame:
    """One finding per class, and per split, for the fact that tells it best; the others are named beside."""
    is_name = by_class["fact"].eq(NAME)
    found = [
        _per_group(TELLS_CLASS, by_class[by_class["is_telling"] & ~is_name]),
        _per_group(NAMES_TELL, by_class[by_class["is_telling"] & is_name]),
        _per_group(TELLS_SPLIT, by_split[by_split["is_telling"] & by_split["fact"].ne(NAME)]),
    ]
    return pd.concat(found, ignore_index=True)


def _per_group(kind: FindingKind, rows: pd.DataFrame) -> pd.DataFrame:
    best = rows.sort_values("balanced_accuracy", ascending=False, kind="stable")
    detail = [
        f"{row.fact.replace('_', ' ')} {row.telling_value}: {row.share_in_group:.0%} of its images, "
        f"{row.share_in_others:.0%} of the others (balanced accuracy {row.balanced_accuracy:.2f})"
        for row in best.itertuples()
    ]
    joined = best.assign(detail=detail).groupby("group", sort=False)
    score = joined["balanced_accuracy"].max()
    return findings_of(kind, label=score.index, score=2 * score - 1, detail=joined["detail"].agg("; ".join))
