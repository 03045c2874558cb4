"""Which findings may be the cause of others: kinds say what they explain, the ledger where both are found.

A finding about an image is explained by another about that image, or about its class; one about a class by
another about that class, or about most of its images. That both concern the same proves nothing, so the
report says "may".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.contract import FindingKind

SEVERITIES = ("high", "medium", "low")
# Of a class's images, from which their fault is the class's; of a kind's findings, from which what explains
# them comes first.
MOST = 0.5


@dataclass(frozen=True)
class Explanation:
    """Of `n_of_effect` images or classes that the kind `effect` concerns, `n` may be explained by `cause`."""

    cause: str
    effect: str
    n: int
    n_of_effect: int

    @property
    def is_of_most(self) -> bool:
        return self.n >= MOST * self.n_of_effect


def name_causes(
    ledger: pd.DataFrame, kinds: Iterable[FindingKind], class_sizes: Mapping[str, int]
) -> pd.DataFrame:
    """The ledger with `explained_by`: for each open finding the kinds that may explain it, parted by spaces.

    `ledger` has one row per finding; a decided one explains nothing and needs no explanation.
    """
    causes = pd.Series("", index=ledger.index)
    is_open, is_of_class = ledger["decision"].eq(""), ledger["item_id"].isna()
    for kind in {kind.name: kind for kind in kinds if kind.explains}.values():
        of_cause = ledger[is_open & ledger["kind"].eq(kind.name)]
        images = of_cause.dropna(subset="item_id").drop_duplicates("item_id")
        classes = set(of_cause.loc[of_cause["item_id"].isna(), "label"])
        n_images = images["label"].value_counts()
        mostly = {label for label, n in n_images.items() if n >= MOST * class_sizes.get(label, n)}
        is_same = (
            ledger["label"]
            .isin(classes | mostly)
            .where(is_of_class, ledger["item_id"].isin(images["item_id"]) | ledger["label"].isin(classes))
        )
        causes[is_open & ledger["kind"].isin(kind.explains) & is_same] += f" {kind.name}"
    return ledger.assign(explained_by=causes.str.strip().astype("string"))


def explanations_in(ledger: pd.DataFrame) -> list[Explanation]:
    """Of a ledger with `explained_by`, how many images or classes of each kind another kind may explain."""
    rows = ledger[ledger["decision"].eq("")]
    rows = rows.assign(subject=rows["item_id"].astype("string").fillna("class " + rows["label"]))
    n_subjects = rows.groupby("kind")["subject"].nunique()
    pairs = rows.assign(cause=rows["explained_by"].str.split()).explode("cause").dropna(subset="cause")
    counts = pairs.groupby(["cause", "kind"], sort=False)["subject"].nunique()
    return [
        Explanation(cause, effect, int(n), int(n_subjects[effect])) for (cause, effect), n in counts.items()
    ]


def severities_of(ledger: pd.DataFrame, explanations: Sequence[Explanation]) -> dict[str, str]:
    """Each kind's severity: its own, or that of the worst kind of which it may explain most."""
    ranks = ledger.groupby("kind")["severity"].first().map(SEVERITIES.index).to_dict()
    for _ in explanations:  # as often as a chain of causes can be long
        for one in explanations:
            if one.is_of_most:
                ranks[one.cause] = min(ranks[one.cause], ranks[one.effect])
    return {kind: SEVERITIES[rank] for kind, rank in ranks.items()}


def causes_first(kinds: Sequence[str], explanations: Sequence[Explanation]) -> list[str]:
    """The kinds in their order, but each behind those that may explain most of it."""
    placed: dict[str, None] = {}

    def place(kind: str, effects: frozenset[str]) -> None:
        for one in explanations:
            if one.effect == kind and one.is_of_most and one.cause not in effects:
                place(one.cause, effects | {kind})
        placed.setdefault(kind)

    for kind in kinds:
        place(kind, frozenset())
    return list(placed)
