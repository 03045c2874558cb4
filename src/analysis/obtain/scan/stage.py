from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.contract import Artifacts
from analysis.dataset.readable import READABLE
from analysis.obtain.scan.found_ranges import FoundRanges
from analysis.obtain.scan.measures import MEASURES, NUMBERS, FileMeasures, no_measures
from analysis.obtain.scan.notes import SCAN_CAPTION, Counts, failure_of, notes_on
from analysis.obtain.scan.workers import Workers
from analysis.progress import Progress, progress

PART_ROWS = 4096  # written together; a part takes 16 MB
BATCH_FILES, BATCH_BYTES = 128, 2**20  # decoded by one worker in one go: small enough to share out evenly
REUSABLE = (*READABLE, "too_large")  # decided by the file's bytes; any other reason may have passed by now
TYPES = {
    "status": "string",
    "error": "string",
    "format": "string",
    "mode": "string",
    "width_px": "Int32",
    "height_px": "Int32",
    "exif_orientation": "Int8",
    "has_alpha": "boolean",
    "n_pages": "Int32",
    "value_extremes": "string",
    "value_range": "string",
    "camera": "string",
    "exif_date": "string",
    "software": "string",
    "jpeg_quality": "string",
    "has_icc_profile": "boolean",
}


def scan(
    manifest: pd.DataFrame,
    *,
    previous_scan: pd.DataFrame | None = None,
    previous_thumbnails: np.ndarray | None = None,
) -> Iterator[dict[str, pd.DataFrame | np.ndarray]]:
    """Yield the tables `scan` and `thumbnails` part by part, row by row those of the manifest.

    From the first picture of more than 8 bits on, parts are held back until the range of all is known.

    Parameters
    ----------
    manifest
        Rows of `prepare`; those whose status is not "ok" stay as rows without measures.
    previous_scan, previous_thumbnails
        What the last run with the same code left, perhaps of another manifest. Used if both are there.
    """
    if previous_thumbnails is None:
        previous_scan = None
    n = len(manifest)
    source = _rows_of_same_content(manifest, previous_scan)
    is_decoded = (manifest["status"] == "ok").to_numpy() & (source < 0)
    parts = [slice(start, start + PART_ROWS) for start in range(0, max(1, n), PART_ROWS)]
    batches = [_batches(manifest[part][is_decoded[part]]) for part in parts]
    ranges, counts, held = FoundRanges(), Counts(), []
    if previous_scan is not None:
        known = previous_scan.iloc[source[source >= 0]]
        ranges.add(known["mode"], known["value_extremes"])
    with Workers() as workers, _progress(source) as bar:
        results = workers.measure(itertools.chain.from_iterable(batches), ranges)
        for part, part_batches in zip(parts, batches, strict=True):
            decoded = _collect(results, len(part_batches), bar, ranges)
            rows = _rows(manifest[part], decoded, is_decoded[part], source[part], previous_scan)
            thumbnails = _thumbnails(decoded, is_decoded[part], source[part], previous_thumbnails)
            held.append((rows, thumbnails))
            if not ranges:
                yield _tables(*held.pop(), counts)
        for rows, thumbnails in held:
            yield _tables(*_at_found_range(rows, thumbnails, manifest, ranges, workers), counts)
    n_unreadable = n - counts.n_readable
    return Artifacts(
        summary=f"{n:,} images, {n_unreadable:,} unreadable",
        metrics={
            "n_images": n,
            "n_unreadable": n_unreadable,
            "n_truncated": counts.of_status["truncated"],
            "n_several_pages": counts.n_several_pages,
            "n_of_more_than_8_bits": sum(ranges.of_images.values()),
        },
        captions={"scan": SCAN_CAPTION},
        notes=[*ranges.notes(), *notes_on(counts)],
        failure=failure_of(counts),
    )


def _tables(rows: pd.DataFrame, thumbnails: np.ndarray, counts: Counts) -> dict:
    counts.add(rows)
    return {"scan": rows, "thumbnails": thumbnails}


def _at_found_range(
    rows: pd.DataFrame,
    thumbnails: np.ndarray,
    manifest: pd.DataFrame,
    ranges: FoundRanges,
    workers: Workers,
) -> tuple[pd.DataFrame, np.ndarray]:
    """The same, with those pictures measured again that were by another range than that of all."""
    is_other = rows["value_range"].ne(ranges.of_rows(rows)).fillna(False).to_numpy(bool)
    if not is_other.any():
        return rows, thumbnails
    batches = _batches(manifest.loc[rows.index[is_other]])
    measured = FileMeasures.joined(list(workers.measure(batches, ranges)))
    again = _table(measured, rows.index[is_other])
    names = rows.loc[is_other, ["item_id", "content_hash"]]
    rows = pd.concat([rows[~is_other], names.join(again)[rows.columns]]).loc[rows.index]
    thumbnails[is_other] = measured.measures["thumbnail"]
    return rows, thumbnails


def _rows_of_same_content(manifest: pd.DataFrame, previous_scan: pd.DataFrame | None) -> np.ndarray:
    """For each row of the manifest the row of the last scan with the same content, or -1."""
    if previous_scan is None:
        return np.full(len(manifest), -1)
    is_known = previous_scan["status"].isin(REUSABLE) & previous_scan["content_hash"].notna()
    known = previous_scan.loc[is_known, "content_hash"].drop_duplicates()
    wanted = manifest["content_hash"].where(manifest["status"] == "ok")
    position = pd.Index(known).get_indexer(wanted)
    return np.append(known.index.to_numpy(), -1)[position]  # not found is position -1, which picks the -1


def _batches(rows: pd.DataFrame) -> list[list[str]]:
    """Paths in groups that take about equally long: so many files, or so many bytes."""
    n_bytes = rows["bytes"].to_numpy(float, na_value=0)
    group = np.cumsum(1 / BATCH_FILES + n_bytes / BATCH_BYTES).astype(np.int64)
    return [paths.to_list() for _, paths in rows["path"].groupby(group)]


def _progress(source: np.ndarray) -> Progress:
    n_known = int((source >= 0).sum())
    if n_known:
        print(f"scan: {n_known:,} of {len(source):,} images are known and not decoded again", file=sys.stderr)
    return progress(description="scan", unit="images", total=len(source), n_before=n_known)


def _collect(
    results: Iterator[FileMeasures], n_batches: int, bar: Progress, ranges: FoundRanges
) -> FileMeasures:
    batches = []
    for batch in itertools.islice(results, n_batches):
        batches.append(batch)
        ranges.add(batch.columns["mode"], batch.columns["value_extremes"])
        bar.update(len(batch.measures))
    return FileMeasures.joined(batches)


def _rows(
    manifest: pd.DataFrame,
    decoded: FileMeasures,
    is_decoded: np.ndarray,
    source: np.ndarray,
    previous_scan: pd.DataFrame | None,
) -> pd.DataFrame:
    """One part of the scan table: what was decoded now, what cannot be, and what the last scan knows."""
    position = np.arange(len(manifest))
    is_known = source >= 0
    is_absent = ~is_decoded & ~is_known
    absent = no_measures(manifest["status"][is_absent].to_list())
    tables = [_table(decoded, position[is_decoded]), _table(absent, position[is_absent])]
    if is_known.any():
        known = previous_scan.iloc[source[is_known]].set_axis(position[is_known])
        tables.append(known[tables[0].columns])
    rows = pd.concat(tables).sort_index().set_axis(manifest.index)
    rows.insert(0, "item_id", manifest["item_id"])
    rows.insert(1, "content_hash", manifest["content_hash"].astype("string"))
    return rows


def _table(found: FileMeasures, index: np.ndarray) -> pd.DataFrame:
    """Columns with the same types whatever they hold; measures are missing where there was no picture."""
    columns: dict = {name: pd.array(found.columns[name], dtype=TYPES[name]) for name in TYPES}
    is_measured = np.isin(found.columns["status"], READABLE)
    for name in NUMBERS:
        columns[name] = np.where(is_measured, found.measures[name], np.nan)
    columns["is_greyscale"] = pd.arrays.BooleanArray(found.measures["is_greyscale"].copy(), ~is_measured)
    columns["histogram"] = list(
        np.where(is_measured[:, np.newaxis], found.measures["histogram"], np.float32(np.nan))
    )
    columns["phash"] = pd.arrays.IntegerArray(found.measures["phash"].copy(), ~is_measured)
    return pd.DataFrame(columns, index=index)


def _thumbnails(
    decoded: FileMeasures, is_decoded: np.ndarray, source: np.ndarray, previous_thumbnails: np.ndarray | None
) -> np.ndarray:
    thumbnails = np.zeros(is_decoded.shape, MEASURES["thumbnail"])
    thumbnails[is_decoded] = decoded.measures["thumbnail"]
    if previous_thumbnails is not None:
        thumbnails[source >= 0] = previous_thumbnails[source[source >= 0]]
    return thumbnails
