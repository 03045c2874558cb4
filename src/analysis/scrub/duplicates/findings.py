from __future__ import annotations

import pandas as pd

from analysis.contract import FindingKind, findings_of
from analysis.dataset.splits import SPLITS

_OF_GROUPS = (
    "Give each group to one split. Of a table, `--set 'dataset.split_column=\"\"'` has the splits made here, "
    "where groups stay on one side."
)
GROUP_IN_TEST = FindingKind(
    name="test_image_of_group_elsewhere",
    title="Test image of a group that another split holds too",
    severity="high",
    why="Images of one patient, camera or session are alike: the test measures how well the model knows "
    "these groups again, and looks better than it will be on new ones.",
    action=_OF_GROUPS,
    explains=("leaked_image",),
)
GROUP_IN_VALIDATION = FindingKind(
    name="validation_image_of_group_in_training",
    title="Validation image of a group that is in training",
    severity="medium",
    why="Images of one patient, camera or session are alike: what is chosen on validation (epochs, settings) "
    "is chosen for groups that the model has seen, not for new ones.",
    action=_OF_GROUPS,
    explains=("leaked_image",),
)
LEAKED = FindingKind(
    name="leaked_image",
    title="Evaluation image has a copy in training",
    severity="high",
    why="The model has seen this picture: its score on it is memory, and the test looks better than it is.",
    action="Drop the training copy (it costs least), or move both to one split, then train again.",
)
CONTRADICTING = FindingKind(
    name="contradicting_copies",
    title="Copies with different labels",
    severity="high",
    why="One picture cannot be two classes: at least one label is wrong, and training pulls both ways.",
    action="Decide which label is right, correct the other, and keep one copy.",
    explains=("suspected_label_error", "noisy_class"),
)
EXACT = FindingKind(
    name="exact_duplicate",
    title="Exact copy",
    severity="medium",
    why="The picture counts double in training and in every metric.",
    action="Keep one copy. If there are many, look for what brought them in: a download repeated, a merge.",
)
NEAR = FindingKind(
    name="near_duplicate",
    title="Near copy",
    severity="low",
    why="A picture that is there already, but for a small change, adds little to training, and weighs on "
    "metrics as if it were new.",
    action="Look at the pair; keep the better copy. Keep both if the small difference is the point.",
)


KINDS = (GROUP_IN_TEST, GROUP_IN_VALIDATION, LEAKED, CONTRADICTING, EXACT, NEAR)


def group_findings_in(group_leaks: pd.DataFrame) -> pd.DataFrame:
    """One finding per image of an evaluation split whose group an earlier split holds."""
    found = []
    for kind, split in ((GROUP_IN_TEST, "test"), (GROUP_IN_VALIDATION, "validation")):
        rows = group_leaks[group_leaks["split"] == SPLITS.index(split)]
        found.append(
            findings_of(kind, item_id=rows["item_id"], other_item_id=rows["twin"], detail=rows["detail"])
        )
    return pd.concat(found, ignore_index=True)


def findings_in(pairs: pd.DataFrame, leaks: pd.DataFrame) -> pd.DataFrame:
    detail = [
        f"{row.change}: {row.twin_path} ({SPLITS[row.twin_split]})" for row in leaks.itertuples(index=False)
    ]
    found = [
        findings_of(
            LEAKED,
            item_id=leaks["item_id"],
            other_item_id=leaks["twin"],
            score=leaks["score"],
            detail=detail,
        )
    ]
    contradicting = pairs[pairs["is_contradicting"]]
    for side, other in ("ab", "ba"):
        found.append(
            findings_of(
                CONTRADICTING,
                item_id=contradicting[f"item_id_{side}"],
                other_item_id=contradicting[f"item_id_{other}"],
                score=contradicting["score"],
                detail=_detail_of(contradicting, side, other),
            )
        )
    for kind, name in ((EXACT, "exact"), (NEAR, "near")):
        rows = pairs[(pairs["kind"] == name) & ~pairs["item_id_b"].isin(leaks["item_id"])]
        rows = rows.drop_duplicates("item_id_b")  # the pairs stand best first
        found.append(
            findings_of(
                kind,
                item_id=rows["item_id_b"],
                other_item_id=rows["item_id_a"],
                score=rows["score"],
                detail=_detail_of(rows, "b", "a"),
            )
        )
    return pd.concat(found, ignore_index=True)


def _detail_of(pairs: pd.DataFrame, side: str, other: str) -> list[str]:
    columns = ["change", f"label_{side}", f"path_{other}", f"label_{other}"]
    return [
        f"{change}: labelled {label}; {path} is labelled {other_label}"
        if str(label) != str(other_label)
        else f"{change}: {path}"
        for change, label, path, other_label in pairs[columns].itertuples(index=False)
    ]
