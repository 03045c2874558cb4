"""What has been decided about the findings, what is proposed for the rest, and what does training use?

Method: `decisions.csv`, which people write, is held against the images by content hash, so that a decision
survives renaming. For findings that nobody has decided yet `proposed.csv` says in the same form what could be
done, by fixed rules (`proposals`). With `clean.apply` the decided changes and the proposed drops are applied
to the manifest that training and evaluation use; a label is changed only by a person's decision. With
`clean.repair_splits` groups of copies are put on one side of the splits (`split_repair`), and then nothing
has to be dropped for leaking. By default the cleaned manifest is the dataset as it is. Files are never
touched.

How it misleads: a proposal comes from a rule, not from looking: of two frames of one film the training one is
dropped as if it were a copy. What is judged on is left alone, except by decisions and by repaired splits:
those change the test images, so that scores before and after are not of the same images. And a score that
rises because hard images were dropped is no gain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from analysis.decisions import COLUMNS, Located, decide, locate, read_decisions
from analysis.runner import run_stage
from analysis.scrub.clean_figures import plot_answers, plot_class_changes
from analysis.scrub.cleaning import (
    actions,
    apply_decisions,
    apply_drops,
    cleaned_manifest,
    count_classes,
    tabulate_changes,
    with_repaired_splits,
    working_images,
)
from analysis.scrub.proposals import LEAKED, propose
from analysis.spreadsheet_cells import escape_formulas
from analysis.stage import Artifacts, Figure, StageParameters

N_NAMED = 5
ANSWERS = ("drop", "relabel", "keep", "ignore")
CAPTIONS = {
    "answers": "One row a kind of finding and an answer to it: on how many images people have decided so "
    "(decisions.csv), and for how many it is proposed (analysis_outputs/clean/proposed.csv, in the same "
    "form).",
    "changes": "One row an image that cleaning changes, or would change if clean.apply were true, by whose "
    "word, and why.",
    "class_counts": "One row a class and split: readable images before and after these changes.",
}


class CleanParameters(StageParameters):
    """What of the decisions and proposals is applied; see params.yaml."""

    apply: bool
    repair_splits: bool


def clean(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    quality_checks_findings: pd.DataFrame,
    data_quality_findings: pd.DataFrame,
    label_issues_findings: pd.DataFrame,
    duplicates: pd.DataFrame,
    label_issues: pd.DataFrame,
    *,
    inputs: Mapping[str, Path],
    parameters: CleanParameters,
) -> Artifacts:
    """Hold `decisions.csv` against the findings, propose decisions for the rest, write what training uses.

    Raises
    ------
    InputError
        If `decisions.csv` cannot be understood or contradicts itself.
    """
    decisions = read_decisions(inputs["decisions"])
    located = locate(decisions, manifest)
    found = [quality_checks_findings, data_quality_findings, label_issues_findings]
    findings = decide(pd.concat(found, ignore_index=True), located.rows)
    pairs = open_pairs(duplicates, findings)

    images = working_images(manifest, scan)
    reviewed, spared = apply_decisions(images, located.rows)
    repaired = with_repaired_splits(reviewed, pairs)
    base = repaired if parameters.repair_splits else reviewed
    proposed = propose(
        findings,
        base,
        pairs,
        label_issues,
        kept=kept_images(located.rows),
        splits_are_repaired=parameters.repair_splits,
    )
    planned = apply_drops(base, proposed)
    if parameters.apply:
        used = planned
    else:
        used = with_repaired_splits(images, pairs) if parameters.repair_splits else images

    answers = tabulate_answers(located.rows, proposed)
    counts = count_classes(images, planned)
    changes = tabulate_changes(manifest, planned)
    return Artifacts(
        summary=_summary(located, proposed, used),
        metrics={
            **_metrics(decisions, located, proposed),
            **_metrics_of_use(manifest, used),
            "n_to_move": int((repaired["split"] != reviewed["split"]).sum()),
        },
        tables={
            "cleaned_manifest": cleaned_manifest(manifest, used),
            "proposed": proposed[COLUMNS].astype(str).apply(escape_formulas),
            "answers": answers,
            "changes": changes,
            "class_counts": counts,
        },
        captions=CAPTIONS if len(changes) else {"answers": CAPTIONS["answers"]},
        figures=_figures(answers, counts, is_applied=parameters.apply),
        notes=_notes(located, images, used, spared),
    )


def open_pairs(duplicates: pd.DataFrame, findings: pd.DataFrame) -> pd.DataFrame:
    """The pairs of copies, but for those of images that people have said not to leak."""
    is_settled = findings["kind"].eq(LEAKED) & findings["decision"].isin(["ignore", "keep"])
    settled = findings.loc[is_settled, "image_id"]
    involved = duplicates["image_id_a"].isin(settled) | duplicates["image_id_b"].isin(settled)
    crosses = duplicates["split_a"].astype(str) != duplicates["split_b"].astype(str)
    return duplicates[~(involved & crosses)]


def kept_images(rows: pd.DataFrame) -> pd.Index:
    """Images that people have said to stay, as copies or in all respects."""
    stays = rows["decision"].isin(["ignore", "keep"]) & rows["kind"].isin(["", LEAKED])
    return pd.Index(rows.loc[stays & rows["image_id"].notna(), "image_id"].astype("int64"))


def tabulate_answers(rows: pd.DataFrame, proposed: pd.DataFrame) -> pd.DataFrame:
    """One row a kind of finding and an answer to it: images so decided, images for which it is proposed."""
    of_image = rows[rows["image_id"].notna()]
    counts = {
        "n_decided": of_image.groupby(["kind", "decision"])["image_id"].nunique(),
        "n_proposed": proposed.groupby(["kind", "decision"])["image_id"].nunique(),
    }
    table = pd.DataFrame(counts).fillna(0).astype("int64").rename_axis(["kind", "answer"]).reset_index()
    table["kind"] = table["kind"].replace("", "all kinds")
    order = table["answer"].map(ANSWERS.index)
    n_of_kind = table.groupby("kind")[["n_decided", "n_proposed"]].transform("sum").sum(axis=1)
    table = table.assign(order=order, n=-n_of_kind).sort_values(["n", "kind", "order"], ignore_index=True)
    return table.drop(columns=["order", "n"])


def _summary(located: Located, proposed: pd.DataFrame, used: pd.DataFrame) -> str:
    n = proposed["decision"].value_counts().reindex(ANSWERS, fill_value=0)
    n_used = int((~used["is_dropped"]).sum())
    is_changed = used["source"].ne("").any()
    use = (
        f"training uses {n_used:,} of {len(used):,} images" if is_changed else "training uses the data as is"
    )
    return (
        f"{located.rows['image_id'].nunique():,} images decided on, {n['drop']:,} more proposed to drop and "
        f"{n['relabel']:,} to relabel, {use}"
    )


def _metrics(decisions: pd.DataFrame, located: Located, proposed: pd.DataFrame) -> dict[str, float]:
    n_proposed = proposed["decision"].value_counts()
    return {
        "n_decisions": len(decisions),
        "n_decided": located.rows["image_id"].nunique(),
        **{f"n_proposed_{answer}": int(n_proposed.get(answer, 0)) for answer in ANSWERS},
        "n_unmatched": len(located.unmatched) + len(located.ambiguous),
    }


def _metrics_of_use(manifest: pd.DataFrame, used: pd.DataFrame) -> dict[str, float]:
    action = pd.Series(actions(manifest, used))
    return {f"n_{name}": int(action.str.contains(name).sum()) for name in ("dropped", "relabelled", "moved")}


def _figures(answers: pd.DataFrame, counts: pd.DataFrame, *, is_applied: bool) -> list[Figure]:
    figures = [plot_answers(answers)] if len(answers) else []
    if counts["change"].any():
        figures.append(plot_class_changes(counts, is_applied=is_applied))
    return figures


def _notes(located: Located, before: pd.DataFrame, used: pd.DataFrame, spared: list[int]) -> list[str]:
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


if __name__ == "__main__":
    run_stage(clean)
