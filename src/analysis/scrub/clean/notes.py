from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.dataset.decisions import Located
from analysis.scrub.clean.proposals import ANSWERS
from analysis.scrub.clean.steps import actions, count_classes

N_NAMED = 5
CAPTIONS = {
    "answers": "One row per kind of finding and an answer to it: on how many images people have decided so "
    "(decisions.csv), and for how many it is proposed (analysis_outputs/clean/proposed.csv, in the same "
    "form).",
    "changes": "One row per image that cleaning changes, or would change if clean.apply were true, by whose "
    "word, and why.",
    "class_counts": "One row per class and split: readable images before and after these changes.",
}


def summary_of(located: Located, proposed: pd.DataFrame, used: pd.DataFrame) -> str:
    n = proposed["decision"].value_counts().reindex(ANSWERS, fill_value=0)
    n_used = int((~used["is_dropped"]).sum())
    is_changed = used["source"].ne("").any()
    use = (
        f"training uses {n_used:,} of {len(used):,} images" if is_changed else "training uses the data as is"
    )
    return (
        f"{located.rows['item_id'].nunique():,} images decided on, {n['drop']:,} more proposed to drop and "
        f"{n['relabel']:,} to relabel, {use}"
    )


def metrics_of(decisions: pd.DataFrame, located: Located, proposed: pd.DataFrame) -> dict[str, float]:
    n_proposed = proposed["decision"].value_counts()
    return {
        "n_decisions": len(decisions),
        "n_decided": located.rows["item_id"].nunique(),
        **{f"n_proposed_{answer}": int(n_proposed.get(answer, 0)) for answer in ANSWERS},
        "n_unmatched": len(located.unmatched) + len(located.ambiguous),
    }


def metrics_of_use(manifest: pd.DataFrame, used: pd.DataFrame) -> dict[str, float]:
    action = pd.Series(actions(manifest, used))
    return {f"n_{name}": int(action.str.contains(name).sum()) for name in ("dropped", "relabelled", "moved")}


def notes_on(located: Located, before: pd.DataFrame, used: pd.DataFrame, spared: list[int]) -> list[str]:
    notes = []
    if located.unmatched:
        notes.append(
            f"{len(located.unmatched):,} decisions fit no image of this dataset, by content hash or path "
            f"(lines {_first(located.unmatched)} of decisions.csv): the files are gone or have changed."
        )
    if located.ambiguous:
        notes.append(
            f"{len(located.ambiguous):,} decisions are on images that have copies, and the path tells none "
            f"of them (lines {_first(located.ambiguous)} of decisions.csv): correct the path."
        )
    if spared:
        notes.append(
            f"{len(spared):,} images stay though decisions.csv drops them, because a class would have none "
            f"left in a split: {_first(before.loc[spared, 'path'])}."
        )
    counts = count_classes(before, used)
    emptied = counts[(counts["n_before"] > 0) & (counts["n_after"] == 0)]
    notes += [
        f"Class {row.label} has no readable image left in {row.split}: all were relabelled or moved to their "
        "copies."
        for row in emptied.itertuples()
    ]
    return notes


def _first(items: Sequence[object]) -> str:
    named = ", ".join(str(item) for item in list(items)[:N_NAMED])
    return named + (", …" if len(items) > N_NAMED else "")
