"""The ledger of what is wrong: every stage's findings, joined with the images and with what people have
decided about them, grouped, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from analysis.contract import FindingKind, no_findings
from analysis.dataset.decisions import check_kinds, decide, locate
from analysis.dataset.root import below_root
from analysis.report.report.causes import (
    SEVERITIES,
    causes_first,
    explanations_in,
    name_causes,
    severities_of,
)
from analysis.report.report.results import StageResult

OF_FINDING = ["kind", "severity", "score", "detail", "explained_by", "stage", "decision", "reason"]
OF_OTHER = ["other_item_id", "other_path", "other_label", "other_split"]
LEDGER_COLUMNS = ["item_id", "path", "label", "split", *OF_FINDING, "content_hash", *OF_OTHER]


@dataclass(frozen=True)
class FindingGroup:
    """All findings of one kind: `rows` those that are open, `decided` the others, worst first.

    Both hold `LEDGER_COLUMNS`. What is counted are open ones.
    """

    kind: FindingKind
    result: StageResult
    rows: pd.DataFrame
    decided: pd.DataFrame
    n_images_of_dataset: int
    n_classes_of_dataset: int

    @property
    def anchor(self) -> str:
        return f"finding-{self.result.name}-{self.kind.name}"

    @property
    def is_of_classes(self) -> bool:
        """Whether the findings name classes rather than images."""
        return bool(self.rows["item_id"].isna().all() and self.decided["item_id"].isna().all())

    @property
    def is_of_pairs(self) -> bool:
        """Whether each finding names another image, such as the one that it is a copy of."""
        return bool(self.rows["other_item_id"].notna().any())

    @property
    def n(self) -> int:
        """Images or classes concerned, each counted once."""
        return int(self.rows["label" if self.is_of_classes else "item_id"].nunique())

    @property
    def noun(self) -> str:
        return "class" if self.is_of_classes else "image"

    @property
    def share(self) -> float:
        """Of the dataset's images, or of its classes."""
        whole = self.n_classes_of_dataset if self.is_of_classes else self.n_images_of_dataset
        return self.n / max(whole, 1)

    @property
    def item_ids(self) -> list[int]:
        """The images concerned, worst first."""
        return [int(item_id) for item_id in self.rows["item_id"].dropna().unique()]

    def counts(self, column: str) -> list[tuple[str, int]]:
        """How often each value of `column` occurs among the images concerned.

        In the order of the categories if the column has them, else the most frequent first.
        """
        images = self.rows.dropna(subset=["item_id", column]).drop_duplicates("item_id")
        counts = images[column].value_counts(sort=False).sort_index()
        if not isinstance(images[column].dtype, pd.CategoricalDtype):
            counts = counts.sort_values(ascending=False, kind="stable")
        return [(str(value), int(n)) for value, n in counts.items() if n]


def make_ledger(
    results: Sequence[StageResult], manifest: pd.DataFrame, decisions: pd.DataFrame, *, root: str
) -> pd.DataFrame:
    """`LEDGER_COLUMNS` of every finding, worst first: by severity, then by score.

    A kind that may explain most findings of a worse kind has the severity of that. `label` is the image's,
    unless the finding itself names one; `decision` is "" where the finding is open. Paths, also those that
    `detail` names, start from the dataset's `root`.

    Raises
    ------
    InputError
        If the decisions name kinds of findings that no stage makes, or contradict each other.
    """
    kinds = [kind for result in results for kind in result.kinds]
    if not any(result.unjudged for result in results):  # which may not say what kinds they would look for
        check_kinds(decisions, [kind.name for kind in kinds])
    findings = pd.concat([no_findings(), *(result.findings for result in results)], ignore_index=True)
    findings = decide(findings, locate(decisions, manifest, root=root).rows)
    images = manifest[["item_id", "content_hash", "path", "label", "split"]].astype(
        {"item_id": "Int64", "content_hash": "string", "path": "string", "label": "string"}
    )
    others = images.drop(columns="content_hash").add_prefix("other_")
    joined = findings.merge(
        images, on="item_id", how="left", validate="m:1", suffixes=("", "_of_image"), sort=False
    ).merge(others, on="other_item_id", how="left", validate="m:1", sort=False)
    joined["label"] = joined["label"].fillna(joined["label_of_image"])
    joined = name_causes(joined, kinds, manifest["label"].value_counts().to_dict())
    joined["severity"] = joined["kind"].map(severities_of(joined, explanations_in(joined)))
    rank = joined["severity"].map({severity: i for i, severity in enumerate(SEVERITIES)})
    for column in ("path", "other_path", "detail"):
        joined[column] = below_root(joined[column], root)
    order = joined.assign(rank=rank).sort_values(["rank", "score"], ascending=[True, False], kind="stable")
    return order[LEDGER_COLUMNS].reset_index(drop=True)


def group_findings(
    ledger: pd.DataFrame, results: Sequence[StageResult], manifest: pd.DataFrame
) -> list[FindingGroup]:
    """One group a kind that was found, decided or not, but for causes by severity, then by how many are open.

    What may explain most findings of a kind stands before it, and first among those of its severity.

    Raises
    ------
    ValueError
        If a stage has findings of a kind that it does not describe.
    """
    described = {(result.name, kind.name): (kind, result) for result in results for kind in result.kinds}
    sizes = len(manifest), len(manifest["label"].cat.categories)
    groups: list[FindingGroup] = []
    for key, rows in ledger.groupby(["stage", "kind"], sort=False):
        if key not in described:
            raise ValueError(f"stage '{key[0]}' has findings of kind '{key[1]}' that it does not describe")
        kind, result = described[key]
        kind = replace(kind, severity=rows["severity"].iloc[0])
        is_open = rows["decision"] == ""
        groups.append(FindingGroup(kind, result, rows[is_open], rows[~is_open], *sizes))
    return _ordered(groups, ledger)


def _ordered(groups: Sequence[FindingGroup], ledger: pd.DataFrame) -> list[FindingGroup]:
    explanations = explanations_in(ledger)
    n_explained = Counter(one.cause for one in explanations if one.is_of_most)

    def urgency(group: FindingGroup) -> tuple[int, int, int]:
        return SEVERITIES.index(group.kind.severity), -n_explained[group.kind.name], -group.n

    by_urgency = sorted(groups, key=urgency)
    order = causes_first([group.kind.name for group in by_urgency], explanations)
    return sorted(by_urgency, key=lambda group: order.index(group.kind.name))


def clean_kinds(groups: Sequence[FindingGroup], results: Sequence[StageResult]) -> list[FindingKind]:
    """The kinds of faults that were looked for and not found."""
    found = {(group.result.name, group.kind.name) for group in groups}
    return [
        kind
        for result in results
        for kind in result.kinds
        if (result.name, kind.name) not in found and not result.unjudged
    ]
