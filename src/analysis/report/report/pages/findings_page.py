"""The first page: what to do first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.report.report.ledger import FindingGroup
from analysis.report.report.pages.overview import Overview
from analysis.report.report.tables import ReportTable, as_text, make_table
from analysis.report.report.thumbnails import Thumbnail
from analysis.report.report.wording import count_of, list_of, write_percent

N_NAMED = 3
IMAGE_COLUMNS = ["item_id", "path", "label", "split", "score", "detail"]
CLASS_COLUMNS = ["label", "score", "detail"]
DECIDED_COLUMNS = ["kind", "path", "label", "decision", "reason", "detail"]


@dataclass(frozen=True)
class Tile:
    """One picture with what was found in it; `href` leads to the file itself, "" if there is none."""

    thumbnail: Thumbnail
    href: str
    path: str
    label: str
    split: str
    score: str
    detail: str


@dataclass(frozen=True)
class FindingCard:
    group: FindingGroup
    where: str
    tiles: list[Tile]
    table: ReportTable


def pictured(group: FindingGroup, n: int) -> pd.DataFrame:
    """The findings whose images are shown: the worst of each of the first `n` images."""
    return group.rows.dropna(subset=["item_id"]).drop_duplicates("item_id").head(n)


def make_card(
    group: FindingGroup,
    *,
    thumbnails: Mapping[int, Thumbnail],
    originals: Mapping[int, str],
    n_tiles: int,
    max_rows: int,
) -> FindingCard:
    """A kind of finding as the page shows it.

    `thumbnails` and `originals` are by `item_id`; `originals` holds the address of the file itself.
    """
    rows = group.rows.head(max_rows)
    table = make_table(
        as_text(rows[CLASS_COLUMNS if group.is_of_classes else IMAGE_COLUMNS]),
        caption="Worst first; a score of 1 is surely wrong.",
        download="findings.csv",
        max_rows=max_rows,
        n_rows=len(group.rows),
        links={"path": [originals.get(item_id, "") for item_id in rows["item_id"]]},
        subjects=_subjects(rows),
    )
    tiles = [
        Tile(
            thumbnail=thumbnails[row.item_id],
            href=originals.get(row.item_id, ""),
            path=row.path,
            label="" if pd.isna(row.label) else row.label,
            split="" if pd.isna(row.split) else row.split,
            score=f"{row.score:.2f}",
            detail=row.detail,
        )
        for row in pictured(group, n_tiles).itertuples()
    ]
    return FindingCard(group, _where(group), tiles, table)


def _subjects(rows: pd.DataFrame) -> list[dict[str, str]]:
    """What a decision on each finding would have to name, as attributes of its row in the page."""
    of_image = rows["item_id"].notna()
    named = rows[["content_hash", "path", "kind"]].assign(label=rows["label"].mask(of_image, ""))
    columns = {"data-hash": "content_hash", "data-path": "path", "data-kind": "kind", "data-label": "label"}
    return [
        {attribute: row[column] for attribute, column in columns.items()}
        for row in as_text(named).to_dict("records")
    ]


def make_decided(
    decided: pd.DataFrame, groups: Sequence[FindingGroup], *, max_rows: int
) -> ReportTable | None:
    """The findings that people have decided on, by the titles of their kinds; None if there are none."""
    if decided.empty:
        return None
    titles = {group.kind.name: group.kind.title for group in groups}
    rows = decided.head(max_rows)
    return make_table(
        as_text(rows[DECIDED_COLUMNS].assign(kind=rows["kind"].map(titles))),
        caption="Findings that `decisions.csv` answers. They are counted nowhere else on this page.",
        download="findings.csv",
        max_rows=max_rows,
        n_rows=len(decided),
    )


def _where(group: FindingGroup) -> str:
    """Which splits and which classes the images are of."""
    if group.is_of_classes or group.n < 2:
        return ""
    counts = {"Splits": group.counts("split"), "Classes": group.counts("label")}
    parts = {title: [f"{name} ({n:,})" for name, n in pairs] for title, pairs in counts.items() if pairs}
    return " · ".join(f"{title}: {list_of(part, at_most=N_NAMED)}" for title, part in parts.items())


def verdict(groups: Sequence[FindingGroup], overview: Overview, *, n_decided: int) -> str:
    """What the open findings amount to, in two sentences."""
    if not groups and n_decided:
        return f"Nothing is open: {count_of(n_decided, 'finding')} decided."
    if not groups:
        return "Nothing: no fault that was looked for was found."
    kinds = f"{count_of(len(groups), 'kind')} of fault"
    share = write_percent(overview.flagged_share)
    images = f" on {count_of(overview.n_flagged, 'image')}, {share} of all" if overview.n_flagged else ""
    worst = groups[0].kind.severity
    titles = [f"“{group.kind.title}”" for group in groups if group.kind.severity == worst]
    named = list_of(titles, at_most=N_NAMED)
    if worst == "low":
        return f"Nothing urgent. {kinds} of low severity{images}: {named}."
    return f"{kinds}{images}. Start with what is of {worst} severity: {named}."
