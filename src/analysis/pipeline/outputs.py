"""Writes what a stage gives back to the outputs that dvc.yaml declares: whole or not at all.

Everything is written under a temporary name beside its place, and moved there together at the end.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.contract import FINDING_COLUMNS, Artifacts, InputError, no_findings
from analysis.dataset.root import below_root, columns_with_paths
from analysis.dataset.spreadsheet_cells import escape_formulas
from analysis.pipeline.dag import Stage
from analysis.pipeline.unjudged import UNJUDGED, write_reason

PARTIAL_DIR = ".partial"  # beside each output: what a run is still writing
METRIC_DIGITS, TABLE_DIGITS = 4, 6  # significant ones, of what is not a whole number
EMPTY_FILE = "empty.txt"  # in a folder that would hold no file, of which DVC warns as of a mistake


class OutputWriter:
    """Writes a stage's outputs under temporary names and moves them into place together."""

    def __init__(self, stage: Stage, *, root: str) -> None:
        """`root` is the dataset's, which the paths in CSV files leave out."""
        self.stage = stage
        self.root = root
        self.partials: dict[Path, Path] = {}
        self.open_tables: dict[str, pq.ParquetWriter | _ArrayFile] = {}

    def path_for(self, out: Path) -> Path:
        """A fresh temporary path for a declared output; a folder is made where the output is one."""
        partial = out.parent / PARTIAL_DIR / out.name
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)
        (partial if not out.suffix else partial.parent).mkdir(parents=True, exist_ok=True)
        self.partials[out] = partial
        return partial

    def drain(self, parts: Iterator[dict[str, Any]]) -> Artifacts:
        """Append the parts of a stage that yields its tables piece by piece; its return value is the rest."""
        outs = {out.stem: out for out in self.stage.outs}
        while True:
            try:
                part = next(parts)
            except StopIteration as end:
                for table in self.open_tables.values():
                    table.close()
                return end.value
            for name, rows in part.items():
                self._append(outs[name], rows)

    def _append(self, out: Path, rows: pd.DataFrame | np.ndarray) -> None:
        if isinstance(rows, np.ndarray):
            if out.stem not in self.open_tables:
                self.open_tables[out.stem] = _ArrayFile(self.path_for(out), rows)
            self.open_tables[out.stem].append(rows)
            return
        table = _arrow_table(rows)
        if out.stem not in self.open_tables:
            self.open_tables[out.stem] = pq.ParquetWriter(self.path_for(out), table.schema)
        self.open_tables[out.stem].write_table(table.cast(self.open_tables[out.stem].schema))

    def write(self, artifacts: Artifacts) -> None:
        for out in self.stage.outs:
            if out not in self.partials:
                self._write_one(out, artifacts)
        self._check_all_used(artifacts)
        self._move_into_place()

    def _move_into_place(self) -> None:
        for out, partial in self.partials.items():
            if partial.is_dir() and not any(partial.iterdir()):
                (partial / EMPTY_FILE).write_text(f"{self.stage.name} had nothing to put here.\n")
            _replace(partial, out)

    def write_reason(self, reason: str) -> Artifacts:
        """Write outputs that say why nothing was judged; the ledger of findings is empty."""
        for table in self.open_tables.values():
            table.close()
        artifacts = Artifacts(summary="nothing to judge", unjudged=reason)
        for out in self.stage.outs:
            if out.name in ("section.json", "findings.parquet"):
                self._write_one(out, artifacts)
            else:
                write_reason(reason, self.path_for(out))
        self._move_into_place()
        return artifacts

    def _write_one(self, out: Path, artifacts: Artifacts) -> None:
        if out.name == "metrics.json":
            write_json(self.path_for(out), {key: _number(v) for key, v in artifacts.metrics.items()})
        elif out.name == "section.json":
            write_json(self.path_for(out), _section(self.stage, artifacts))
        elif out.name == "figures":
            self._write_figures(self.path_for(out), artifacts)
        elif out.name == "findings.parquet":
            findings = no_findings() if artifacts.findings is None else artifacts.findings
            rows = findings.assign(stage=self.stage.name)[FINDING_COLUMNS]
            pq.write_table(_arrow_table(rows), self.path_for(out))
        else:
            self._write_table(out, artifacts)

    def _write_table(self, out: Path, artifacts: Artifacts) -> None:
        rows = artifacts.tables[out.stem]
        partial = self.path_for(out)
        if isinstance(rows, np.ndarray):
            np.save(partial, rows, allow_pickle=False)
        elif out.suffix == ".csv":
            self._write_csv(rows, partial)
        else:
            pq.write_table(_arrow_table(rows), partial)

    def _write_csv(self, rows: pd.DataFrame, path: Path) -> None:
        """For people: paths start from the dataset's root, and no spreadsheet takes one for a formula."""
        short = {
            name: escape_formulas(below_root(rows[name].fillna(""), self.root))
            for name in columns_with_paths(rows)
        }
        rows.assign(**short).to_csv(path, index=False, float_format=_digits)

    def _write_figures(self, folder: Path, artifacts: Artifacts) -> None:
        for figure in artifacts.figures:
            # no software version or date in the file: two runs give the same bytes
            figure.drawing.savefig(folder / f"{figure.name}.png", metadata={"Software": None})
            if figure.table is not None:
                self._write_csv(figure.table, folder / f"{figure.name}.csv")

    def _check_all_used(self, artifacts: Artifacts) -> None:
        stems = {out.stem for out in self.partials}
        unused = set(artifacts.tables) - stems
        unused |= {"findings"} if artifacts.findings is not None and "findings" not in stems else set()
        unused |= {"figures"} if artifacts.figures and "figures" not in stems else set()
        if unused:
            raise InputError(
                f"stage '{self.stage.name}' makes {sorted(unused)}, which dvc.yaml does not declare"
            )


class _ArrayFile:
    """A `.npy` file that grows along its first axis."""

    def __init__(self, path: Path, first: np.ndarray) -> None:
        self.dtype, self.shape, self.n = first.dtype, first.shape[1:], 0
        self.file = path.open("wb")
        self._header()

    def _header(self) -> None:
        # the header's length is rounded up to 64 bytes; room for 20 digits of n keeps it one length
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.n, *self.shape),
        }
        self.file.seek(0)
        np.lib.format.write_array_header_1_0(self.file, header)

    def append(self, rows: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(rows, dtype=self.dtype).data)
        self.n += len(rows)

    def close(self) -> None:
        self._header()
        self.file.close()


def _digits(value: float) -> str:
    return f"{value:.{TABLE_DIGITS}g}" if abs(value) < 10**TABLE_DIGITS else f"{value:.0f}"


def _arrow_table(rows: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(rows, preserve_index=False)


def _number(value: Any) -> float | int | str | None:
    """With as many digits as hold on every machine, so that a difference between two runs is one."""
    number = value.item() if hasattr(value, "item") else value
    if not isinstance(number, float):
        return number
    return float(f"{number:.{METRIC_DIGITS}g}") if math.isfinite(number) else None


def _section(stage: Stage, artifacts: Artifacts) -> dict[str, Any]:
    """What the report says of a stage, beyond what the files themselves hold."""
    return {
        "summary": artifacts.summary,
        "parameters": stage.parameters,
        "notes": list(artifacts.notes),
        "figures": [
            {"name": f.name, "title": f.title, "caption": f.caption, "has_table": f.table is not None}
            for f in artifacts.figures
        ],
        "captions": dict(artifacts.captions),
        "kinds": [vars(kind) for kind in artifacts.kinds],
        **({UNJUDGED: artifacts.unjudged} if artifacts.unjudged else {}),
    }


def write_json(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _replace(partial: Path, out: Path) -> None:
    if out.is_dir() and not out.is_symlink():
        shutil.rmtree(out)
    partial.replace(out)
    try:
        partial.parent.rmdir()
    except OSError:  # another output of this folder is still being written
        return
