"""A comparison as blocks of text and tables, and those as Markdown or as one page of HTML."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from PIL import Image

from analysis.comparison.findings import count_findings
from analysis.comparison.metrics import BEYOND, COUNT, UNKNOWN
from analysis.comparison.verdict import Comparison

MAX_ROWS = 20  # of a table, unless all are asked for
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem;margin:.5rem 0 1rem}"
    "th,td{border-bottom:1px solid #ddd;padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top}"
    ".verdict{font-size:1.15rem;font-weight:600;border-left:4px solid #4269d0;padding-left:.75rem}"
    "td img{width:64px;image-rendering:pixelated}"
)


@dataclass(frozen=True)
class Block:
    """A heading with a sentence under it and, perhaps, a table; `shown` are the images of its rows, by id."""

    title: str
    text: str
    table: pd.DataFrame | None = None
    shown: pd.Series | None = None


def blocks_of(compared: Comparison, *, all_rows: bool) -> list[Block]:
    blocks = [*_inputs(compared), *_model(compared), *_findings(compared), *_metrics(compared)]
    return blocks if all_rows else [_cut(block) for block in blocks]


def _cut(block: Block) -> Block:
    if block.table is None or len(block.table) <= MAX_ROWS:
        return block
    left = len(block.table) - MAX_ROWS
    text = f"{block.text} {left:,} more: --all lists them."
    return replace(block, text=text, table=block.table.head(MAX_ROWS))


def _inputs(compared: Comparison) -> Iterator[Block]:
    inputs = compared.inputs
    counts = ", ".join(f"{n:,} {name}" for name, n in inputs.counts.items() if n)
    n_images = int(inputs.data["kept"].sum())
    yield Block(
        "What was changed",
        f"Data: {counts or 'the same'} ({n_images:,} images are in both). "
        f"Code of {len(inputs.code):,} stages differs"
        + (f": {', '.join(inputs.code['stage'])}. " if len(inputs.code) else ". ")
        + ("Parameters:" if len(inputs.parameters) else "No parameter differs."),
        inputs.parameters if len(inputs.parameters) else None,
    )


def _model(compared: Comparison) -> Iterator[Block]:
    model = compared.model
    if model is None:
        yield Block("What that did to the classifier", "No test image was judged by both.")
        return
    yield Block(
        "What that did to the classifier",
        f"On {model.n_items:,} test images that both judged under one label, paired by content; "
        f"{model.n_left_out:,} judgements of other images are left out. Intervals (95%) are of other images "
        "of the same source, not of another seed of training.",
        _rounded(model.scores),
    )
    recalls = model.recalls[model.recalls["change"] != 0].sort_values(["p_value", "change"])
    if len(recalls):
        text = "Classes whose recall differs; p by McNemar's exact test, Holm's correction over classes."
        yield Block("Recall by class", text, _rounded(recalls))
    corruptions = model.corruptions[model.corruptions["change"] != 0].sort_values(["p_value", "change"])
    if len(corruptions):
        text = "Each image is tried several times: intervals are too narrow and p-values too small."
        yield Block("Accuracy under corruption", text, _rounded(corruptions))
    if len(model.flips):
        counts = model.flips["flip"].value_counts()
        text = ", ".join(f"{n:,} from {name}" for name, n in counts.items())
        columns = ["path_after", "label", "predicted_before", "predicted_after", "flip"]
        yield Block(
            "Predictions that flipped", f"{text}.", model.flips[columns], model.flips["item_id_after"]
        )


def _findings(compared: Comparison) -> Iterator[Block]:
    counts = count_findings(compared.findings)
    changed = counts[(counts["new"] > 0) | (counts["gone"] > 0)]
    kept = int((compared.findings["state"] == "kept").sum())
    text = f"{kept:,} findings stand in both."
    yield Block(
        "Findings",
        text if len(changed) else f"None is new or gone; {text}",
        changed if len(changed) else None,
    )
    new = compared.findings[compared.findings["state"] == "new"]
    if len(new):
        yield Block("New findings", "", new[["kind", "severity", "label", "path", "detail"]], new["item_id"])


def _metrics(compared: Comparison) -> Iterator[Block]:
    metrics = compared.metrics
    moved = metrics[metrics["noise"] == BEYOND]
    counted = metrics[metrics["noise"] == COUNT]
    unknown = metrics[metrics["noise"] == UNKNOWN]
    n_within = len(metrics) - len(moved) - len(counted) - len(unknown)
    columns = ["stage", "metric", "before", "after"]
    text = f"{n_within:,} figures moved within their intervals."
    if len(moved):
        yield Block("Figures that moved beyond their intervals", text, moved[columns])
    else:
        yield Block("Figures", f"None moved beyond the interval beside it; {text}")
    if len(counted):
        yield Block("Counts that differ", "", counted[columns])
    if len(unknown):
        text = "Whether these are luck is not known: no interval stands beside them."
        yield Block("Figures without an interval", text, unknown[columns])


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    numbers = table.select_dtypes("float").columns
    return table.assign(**{name: table[name].map(lambda value: f"{value:.4f}") for name in numbers})


def as_markdown(sentence: str, blocks: list[Block], names: tuple[str, str]) -> str:
    parts = [f"**{_marked(sentence)}**", f"Before: `{names[0]}`. After: `{names[1]}`."]
    for block in blocks:
        parts += [f"### {block.title}", *([_marked(block.text)] if block.text else [])]
        if block.table is not None:
            header = "| " + " | ".join(map(str, block.table.columns)) + " |"
            rule = "|" + "---|" * block.table.shape[1]
            rows = ["| " + " | ".join(map(_marked, row)) + " |" for row in _cells(block.table)]
            parts.append("\n".join([header, rule, *rows]))
    return "\n\n".join(parts) + "\n"


def _marked(text: str) -> str:
    """What a label or a path says is not taken for Markdown or HTML."""
    for sign in "\\`*_{}[]<>|#":
        text = text.replace(sign, f"\\{sign}") if sign not in "<>" else text.replace(sign, html.escape(sign))
    return text.replace("\n", " ")


def _cells(table: pd.DataFrame) -> list[list[str]]:
    def text(value: object) -> str:
        if pd.isna(value):
            return ""
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    return [[text(value) for value in row] for row in table.itertuples(index=False)]


def as_html(sentence: str, blocks: list[Block], names: tuple[str, str], thumbnails: np.ndarray | None) -> str:
    """`thumbnails` (n, 32, 32, 3) are those of the images by their id."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>DeepSight: comparison</title>",
        f"<style>{STYLE}</style><h1>{html.escape(names[0])} → {html.escape(names[1])}</h1>",
        f"<p class=verdict>{html.escape(sentence)}</p>",
    ]
    for block in blocks:
        parts.append(f"<h2>{html.escape(block.title)}</h2><p>{html.escape(block.text)}</p>")
        if block.table is not None:
            parts.append(_html_table(block, thumbnails))
    return "\n".join(parts) + "\n"


def _html_table(block: Block, thumbnails: np.ndarray | None) -> str:
    head = "".join(f"<th>{html.escape(str(name).replace('_', ' '))}</th>" for name in block.table)
    rows = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in _cells(block.table)]
    if block.shown is not None and thumbnails is not None:
        head = f"<th></th>{head}"
        pictures = [_picture(item_id, thumbnails) for item_id in block.shown.head(len(rows))]
        rows = [f"<td>{picture}</td>{row}" for picture, row in zip(pictures, rows, strict=True)]
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _picture(item_id: int | None, thumbnails: np.ndarray) -> str:
    if pd.isna(item_id):
        return ""
    file = io.BytesIO()
    Image.fromarray(thumbnails[int(item_id)]).save(file, format="png")
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}">'
