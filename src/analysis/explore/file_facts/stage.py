from __future__ import annotations

import pandas as pd

from analysis.contract import Artifacts
from analysis.dataset.readable import is_usable
from analysis.explore.file_facts.facts import file_facts_of
from analysis.explore.file_facts.figures import plot_telling
from analysis.explore.file_facts.findings import KINDS, find_telling_facts
from analysis.explore.file_facts.parameters import FileFactsParameters
from analysis.explore.file_facts.telling import COLUMNS, how_facts_tell
from analysis.statistics.rank_tests import holm

FROM_SCAN = [
    *("format", "mode", "width_px", "height_px", "has_alpha", "exif_orientation", "n_pages"),
    *("camera", "exif_date", "software", "jpeg_quality", "has_icc_profile"),
]
CAPTIONS = {
    "class_facts": "One row per fact and class, the most telling first: balanced_accuracy with which the "
    "fact alone tells the class from all others (0.5 by chance), with its 95% interval; telling_value is the "
    "value that stands out most, share_in_group of the class's images have it and share_in_others of the "
    "others.",
    "split_facts": "The same per fact and split, told from training.",
}


def file_facts(
    manifest: pd.DataFrame, scan: pd.DataFrame, *, parameters: FileFactsParameters, seed: int
) -> Artifacts:
    """Ask every fact of the readable, labelled files for their class, and for their split."""
    usable = is_usable(manifest, scan)
    images = manifest.loc[usable, ["path", "label", "split", "bytes"]].reset_index(drop=True)
    images = images.join(scan.loc[usable, FROM_SCAN].reset_index(drop=True))
    facts = file_facts_of(images)
    by_class = _judged(_of_groups(facts, images["label"].astype(str), seed), parameters)
    by_split = _judged(_of_splits(facts, images["split"].astype(str), seed), parameters)
    n_vary = int((facts.nunique() > 1).sum())
    n_told = by_class.loc[by_class["is_telling"], "group"].nunique()
    return Artifacts(
        summary=f"{n_vary} of {facts.shape[1]} facts of {len(images):,} files vary, "
        f"{n_told} {'class' if n_told == 1 else 'classes'} told by one",
        metrics={
            "n_facts_that_vary": n_vary,
            "n_classes_told": n_told,
            "n_splits_told": by_split.loc[by_split["is_telling"], "group"].nunique(),
            "max_balanced_accuracy_class": by_class["balanced_accuracy"].max(),
            "max_balanced_accuracy_split": by_split["balanced_accuracy"].max(),
        },
        tables={"class_facts": by_class.round(4), "split_facts": by_split.round(4)},
        captions=CAPTIONS,
        figures=[plot_telling(by_class)] if len(by_class) else [],
        findings=find_telling_facts(by_class, by_split),
        kinds=KINDS,
        notes=_notes(facts, by_class),
    )


def _of_groups(facts: pd.DataFrame, groups: pd.Series, seed: int) -> pd.DataFrame:
    if groups.nunique() < 2:
        return pd.DataFrame(columns=COLUMNS)
    return how_facts_tell(facts, groups, seed=seed)


def _of_splits(facts: pd.DataFrame, splits: pd.Series, seed: int) -> pd.DataFrame:
    """Each split against training; training itself is not told from the rest."""
    tables = []
    for split in sorted(set(splits) - {"train"}):
        pair = splits.isin(["train", split]).to_numpy()
        two = facts[pair].reset_index(drop=True), splits[pair].reset_index(drop=True)
        tables.append(_of_groups(*two, seed))
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
    return table[table["group"] != "train"].reset_index(drop=True)


def _judged(table: pd.DataFrame, parameters: FileFactsParameters) -> pd.DataFrame:
    """With p-values corrected for the number of rows, and whether the fact surely tells the group."""
    numbers = [name for name in table if name.startswith(("balanced", "share", "p_value"))]
    table = table.astype(dict.fromkeys(numbers, float))
    p_value = holm(table.pop("p_value").to_numpy())
    is_sure = table["balanced_accuracy_low"] >= parameters.min_balanced_accuracy
    is_telling = is_sure & (p_value < parameters.significance_level)
    table = table.assign(p_value_holm=p_value, is_telling=is_telling)
    return table.sort_values("balanced_accuracy", ascending=False, kind="stable", ignore_index=True)


def _notes(facts: pd.DataFrame, by_class: pd.DataFrame) -> list[str]:
    alike = [name.replace("_", " ") for name in facts if facts[name].nunique() == 1]
    notes = [f"The same in all files, and so no sign of anything: {', '.join(alike)}."] if alike else []
    if by_class.empty and len(alike) < facts.shape[1]:
        notes.append("Fewer than two classes have readable images: there is no class to tell.")
    return notes
