"""The first page: what to do first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.report.report.causes import explanations_in
from analysis.report.report.ledger import FindingGroup
from analysis.report.report.pages.overview import Overview
from analysis.report.report.parameters import ReportParameters
from analysis.report.report.site import address_of
from analysis.report.report.tables import ReportTable, as_text, make_table
from analysis.report.report.thumbnails import Thumbnail, make_thumbnails
from analysis.report.report.wording import count_of, list_of, write_bytes, write_percent

N_NAMED = 3
IMAGE_COLUMNS = ["item_id", "path", "label", "split", "score", "detail"]
PAIR_COLUMNS = ["path", "label", "split", "other_path", "other_label", "other_split", "score", "detail"]
CLASS_COLUMNS = ["label", "score", "detail"]
DECIDED_COLUMNS = ["kind", "path", "label", "decision", "reason", "detail"]


@dataclass(frozen=True)
class Picture:
    """An image with what is known of it; `href` leads to the file itself, "" if there is none.

    `path` is as the ledger names it.
    """

    thumbnail: Thumbnail
    href: str
    path: str
    label: str
    split: str
    size: str


@dataclass(frozen=True)
class Tile:
    """What was found in one picture, or in two beside each other."""

    pictures: list[Picture]
    score: str
    detail: str

    @property
    def differing(self) -> list[str]:
        """In what the two pictures differ, of what is told of both."""
        first, last = self.pictures[0], self.pictures[-1]
        return [name for name in ("label", "split", "size") if getattr(first, name) != getattr(last, name)]


@dataclass(frozen=True)
class Related:
    """A kind that may explain, or be explained by, that of a card: `n` of the effect's images or classes."""

    group: FindingGroup
    n: int
    n_of_effect: int


@dataclass(frozen=True)
class FindingCard:
    group: FindingGroup
    where: str
    explains: list[Related]
    explained_by: list[Related]
    tiles: list[Tile]
    table: ReportTable

    @property
    def n_explained(self) -> int:
        return sum(effect.n for effect in self.explains)


def make_cards(
    groups: Sequence[FindingGroup],
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    *,
    home: Path,
    site: Path,
    parameters: ReportParameters,
) -> list[FindingCard]:
    """A card per kind of finding; the pictures are written into `site`, which will lie in `home`."""
    n_tiles = parameters.thumbnails_per_kind
    shown = _named_in([pictured(group, n_tiles) for group in groups])
    pictures = _make_pictures(manifest[manifest["item_id"].isin(shown)], scan, home=home, site=site)
    listed = manifest["item_id"].isin(_named_in([group.rows for group in groups]))
    there = manifest[listed & (manifest["status"] == "ok")]
    originals = {
        int(item_id): address_of(path, home)
        for item_id, path in zip(there["item_id"], there["path"], strict=True)
    }
    explanations = explanations_in(pd.concat([group.rows for group in groups])) if groups else []
    of_kind = {group.kind.name: group for group in groups}
    return [
        FindingCard(
            group,
            _where(group, manifest["split"].value_counts()),
            [
                Related(of_kind[one.effect], one.n, one.n_of_effect)
                for one in explanations
                if one.cause == group.kind.name
            ],
            [
                Related(of_kind[one.cause], one.n, one.n_of_effect)
                for one in explanations
                if one.effect == group.kind.name
            ],
            [_tile(row, pictures) for row in pictured(group, n_tiles).itertuples()],
            _table(group, originals, max_rows=parameters.rows_per_table),
        )
        for group in groups
    ]


def pictured(group: FindingGroup, n: int) -> pd.DataFrame:
    """The findings whose images are shown, `n` pictures of them: the worst of each of the first images.

    Of a pair that is named from both its sides one side is enough.
    """
    rows = group.rows.dropna(subset=["item_id"]).drop_duplicates("item_id")
    ends = rows[["item_id"]].assign(other=rows["other_item_id"].fillna(rows["item_id"]))
    pairs = pd.DataFrame({"first": ends.min(axis=1), "last": ends.max(axis=1)})
    return rows[~pairs.duplicated()].head(-(-n // 2) if group.is_of_pairs else n)


def _named_in(tables: Sequence[pd.DataFrame]) -> Collection[int]:
    return {i for rows in tables for column in ("item_id", "other_item_id") for i in rows[column].dropna()}


def _make_pictures(images: pd.DataFrame, scan: pd.DataFrame, *, home: Path, site: Path) -> dict[int, Picture]:
    """By `item_id`; an image that the manifest does not call sound is not opened."""
    of_scan = scan[["item_id", "width_px", "height_px", "value_range"]]
    measured = images.merge(of_scan, on="item_id", how="left")
    thumbnails = make_thumbnails(measured, site / "assets" / "thumbnails")
    return {
        row.item_id: Picture(
            thumbnail=thumbnails[row.item_id],
            href=address_of(row.path, home) if row.status == "ok" else "",
            path=row.path,
            label=_text(row.label),
            split=_text(row.split),
            size=_size(row),
        )
        for row in measured.itertuples()
    }


def _size(row: Any) -> str:
    pixels = [] if pd.isna(row.width_px) else [f"{row.width_px} × {row.height_px} px"]
    return ", ".join([*pixels, *([] if pd.isna(row.bytes) else [write_bytes(row.bytes)])])


def _tile(row: Any, pictures: Mapping[int, Picture]) -> Tile:
    # the finding may name another label than the image's own, such as that of the class it stands for
    shown = [replace(pictures[row.item_id], path=row.path, label=_text(row.label))]
    if not pd.isna(row.other_item_id):
        shown.append(replace(pictures[row.other_item_id], path=row.other_path))
    return Tile(shown, f"{row.score:.2f}", _without_other(row.detail, row.other_path))


def _without_other(detail: str, other_path: str | None) -> str:
    """The detail up to where it names the other image, which is told of beside it."""
    return detail if pd.isna(other_path) else detail.partition(other_path)[0].rstrip(" :;,")


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _table(group: FindingGroup, originals: Mapping[int, str], *, max_rows: int) -> ReportTable:
    """`originals` holds the addresses of the files by `item_id`."""
    rows = group.rows.head(max_rows)
    columns = IMAGE_COLUMNS
    if group.is_of_classes:
        columns = CLASS_COLUMNS
    elif group.is_of_pairs:
        columns = PAIR_COLUMNS
        detail = [_without_other(*cells) for cells in zip(rows["detail"], rows["other_path"], strict=True)]
        rows = rows.assign(detail=detail)
    return make_table(
        as_text(rows[columns]),
        caption="Worst first; a score of 1 is surely wrong.",
        download="findings.csv",
        max_rows=max_rows,
        n_rows=len(group.rows),
        links={
            "path": [originals.get(item_id, "") for item_id in rows["item_id"]],
            "other_path": [originals.get(item_id, "") for item_id in rows["other_item_id"]],
        },
        subjects=_subjects(rows),
    )


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


def _where(group: FindingGroup, n_of_split: pd.Series) -> str:
    """Which splits, and how much of each, and which classes the images are of."""
    if group.is_of_classes or group.n < 2:
        return ""
    splits = [f"{name} ({n:,} of {n_of_split[name]:,})" for name, n in group.counts("split")]
    classes = [f"{name} ({n:,})" for name, n in group.counts("label")]
    parts = {title: part for title, part in (("Splits", splits), ("Classes", classes)) if part}
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
