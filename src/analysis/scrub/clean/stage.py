from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.dataset.decisions import COLUMNS, decide, locate, read_decisions
from analysis.dataset.spreadsheet_cells import escape_formulas
from analysis.scrub.clean.figures import plot_answers, plot_class_changes
from analysis.scrub.clean.notes import CAPTIONS, metrics_of, metrics_of_use, notes_on, summary_of
from analysis.scrub.clean.parameters import CleanParameters
from analysis.scrub.clean.proposals import ANSWERS, propose
from analysis.scrub.clean.steps import (
    apply_decisions,
    apply_drops,
    cleaned_manifest,
    count_classes,
    tabulate_changes,
    with_repaired_splits,
    working_images,
)
from analysis.scrub.duplicate_search.parameters import SURE_SCORE
from analysis.scrub.duplicates.findings import LEAKED


def clean(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    quality_checks_findings: pd.DataFrame,
    duplicates_findings: pd.DataFrame,
    label_issues_findings: pd.DataFrame,
    duplicate_pairs: pd.DataFrame,
    label_issues: pd.DataFrame,
    copy_scores: pd.DataFrame,
    *,
    inputs: Mapping[str, Path],
    root: str,
    parameters: CleanParameters,
) -> Artifacts:
    """Hold `decisions.csv` against the findings, propose decisions for the rest, write what training uses.

    Raises
    ------
    InputError
        If `decisions.csv` cannot be understood or contradicts itself.
    """
    decisions = read_decisions(inputs["decisions"])
    located = locate(decisions, manifest, root=root)
    findings = pd.concat([quality_checks_findings, duplicates_findings, label_issues_findings])
    findings = decide(findings.reset_index(drop=True), located.rows)
    pairs = with_sure(open_pairs(duplicate_pairs, findings), copy_scores)
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
    unreviewed = with_repaired_splits(images, pairs) if parameters.repair_splits else images
    used = planned if parameters.apply else unreviewed
    answers = tabulate_answers(located.rows, proposed)
    counts = count_classes(images, planned)
    changes = tabulate_changes(manifest, planned)
    n_to_move = int((repaired["split"] != reviewed["split"]).sum())
    metrics = metrics_of(decisions, located, proposed) | metrics_of_use(manifest, used)
    return Artifacts(
        summary=summary_of(located, proposed, used),
        metrics={**metrics, "n_to_move": n_to_move},
        tables={
            "cleaned_manifest": cleaned_manifest(manifest, used),
            "proposed": proposed[COLUMNS].assign(label=escape_formulas(proposed["label"].astype(str))),
            "answers": answers,
            "changes": changes,
            "class_counts": counts,
        },
        captions=CAPTIONS if len(changes) else {"answers": CAPTIONS["answers"]},
        figures=_figures(answers, counts, is_applied=parameters.apply),
        notes=notes_on(located, images, used, spared),
    )


def open_pairs(duplicate_pairs: pd.DataFrame, findings: pd.DataFrame) -> pd.DataFrame:
    """The pairs of copies, but for those of images that people have said not to leak."""
    is_settled = findings["kind"].eq(LEAKED.name) & findings["decision"].isin(["ignore", "keep"])
    settled = findings.loc[is_settled, "item_id"]
    involved = duplicate_pairs["item_id_a"].isin(settled) | duplicate_pairs["item_id_b"].isin(settled)
    crosses = duplicate_pairs["split_a"].astype(str) != duplicate_pairs["split_b"].astype(str)
    return duplicate_pairs[~(involved & crosses)]


def with_sure(pairs: pd.DataFrame, copy_scores: pd.DataFrame) -> pd.DataFrame:
    """The pairs with `is_sure`: copies by bytes or pixels, and those from `SURE_SCORE` on, where that holds.

    It does where in the self-test (`copy_scores`) as many of the pairs that scored so were copies.
    """
    best = copy_scores[copy_scores["score_from"] >= SURE_SCORE]
    holds = best["n_pairs"].sum() > 0 and best["n_right"].sum() >= SURE_SCORE * best["n_pairs"].sum()
    is_exact = pairs["kind"].eq("exact")
    return pairs.assign(is_sure=is_exact | (pairs["score"].ge(SURE_SCORE) & bool(holds)))


def kept_images(rows: pd.DataFrame) -> pd.Index:
    """Images that people have said to stay, as copies or in all respects."""
    stays = rows["decision"].isin(["ignore", "keep"]) & rows["kind"].isin(["", LEAKED.name])
    return pd.Index(rows.loc[stays & rows["item_id"].notna(), "item_id"].astype("int64"))


def tabulate_answers(rows: pd.DataFrame, proposed: pd.DataFrame) -> pd.DataFrame:
    """One row per kind of finding and an answer to it: images so decided, images for which it is proposed."""
    of_image = rows[rows["item_id"].notna()]
    counts = {
        "n_decided": of_image.groupby(["kind", "decision"])["item_id"].nunique(),
        "n_proposed": proposed.groupby(["kind", "decision"])["item_id"].nunique(),
    }
    table = pd.DataFrame(counts).fillna(0).astype("int64").rename_axis(["kind", "answer"]).reset_index()
    table["kind"] = table["kind"].replace("", "all kinds")
    order = table["answer"].map(ANSWERS.index)
    n_of_kind = table.groupby("kind")[["n_decided", "n_proposed"]].transform("sum").sum(axis=1)
    table = table.assign(order=order, n=-n_of_kind).sort_values(["n", "kind", "order"], ignore_index=True)
    return table.drop(columns=["order", "n"])


def _figures(answers: pd.DataFrame, counts: pd.DataFrame, *, is_applied: bool) -> list[Figure]:
    figures = [plot_answers(answers)] if len(answers) else []
    if counts["change"].any():
        figures.append(plot_class_changes(counts, is_applied=is_applied))
    return figures
