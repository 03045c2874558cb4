"""A small made-up workspace: three stages that the report has never heard of, and a site made from them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from analysis.contract import Artifacts, Figure, FindingKind, findings_of
from analysis.dataset.decisions import COLUMNS
from analysis.drawing.style import new_figure
from analysis.pipeline.dag import Stage
from analysis.pipeline.outputs import OutputWriter
from analysis.report.report.parameters import ReportParameters
from analysis.report.report.stage import report

HOSTILE_LABEL = '<script>document.title="broken in"</script>'
FORMULA_LABEL = '=HYPERLINK("http://example.com","x")'
HOSTILE_NAME = 'it\'s "odd" <b> & #1?.png'

HIGH = FindingKind(
    name="torn", title="Torn images", severity="high", why="They stop `training`.", action="Mend <them>."
)
MEDIUM = FindingKind(
    name="pale", title="Pale images", severity="medium", why="They say little.", action="Look at them."
)
LOW = FindingKind(
    name="small", title="Small images", severity="low", why="They are scaled up.", action="Find larger ones."
)
UNSEEN = FindingKind(
    name="upside_down", title="Images upside down", severity="low", why="They mislead.", action="Turn them."
)
COPIES = FindingKind(
    name="copies", title="Copies", severity="medium", why="They count double.", action="Keep one."
)
OF_CLASSES = FindingKind(
    name="rare", title="Rare classes", severity="high", why="They are not learned.", action="Collect more."
)


def make_stage(
    module_name: str, outs: Sequence[str], *, deps: Sequence[str] = (), **parameters: Any
) -> Stage:
    name = module_name.rpartition(".")[2]
    return Stage(
        name=name,
        command=f"python -m {module_name}",
        description=f"What does {name} ask?",
        deps=tuple(Path(dep) for dep in deps),
        outs=tuple(Path(out if "/" in out else f"analysis_outputs/{name}/{out}") for out in outs),
        metrics=tuple(Path(f"analysis_outputs/{name}/{out}") for out in outs if out == "metrics.json"),
        parameters=parameters,
    )


INTAKE = make_stage(
    "made_up.obtain.intake",
    ["data/manifest.parquet", "dataset.csv", "section.json", "metrics.json"],
    dataset={"source": "folder", "path": "photos/birds", "max_per_class": None},
)
ODD_CHECKS = make_stage(
    "made_up.scrub.odd_checks",
    ["per_class.csv", "findings.parquet", "figures", "section.json", "metrics.json"],
    deps=["data/manifest.parquet"],
    odd_checks={"above": 0.5},
)
EXAM = make_stage("made_up.interpret.exam", ["section.json", "metrics.json"], deps=["data/manifest.parquet"])
REPORT = make_stage(
    "analysis.report.report",
    ["analysis_outputs/report"],
    deps=[f"analysis_outputs/{stage.name}" for stage in (INTAKE, ODD_CHECKS, EXAM)],
)
STAGES = (INTAKE, ODD_CHECKS, EXAM, REPORT)


def make_manifest(folder: Path) -> pd.DataFrame:
    """Ten images of three classes: 0 has a hostile name, 1 is missing, 2 is no image, 9 has no label."""
    folder.mkdir(parents=True)
    paths = [folder / f"{i:02d}.png" for i in range(10)]
    paths[0] = folder / HOSTILE_NAME
    for i, path in enumerate(paths):
        Image.fromarray(np.full((8, 8, 3), 20 * i, np.uint8)).save(path)
    Image.new("RGB", (900, 600), "teal").save(paths[3])
    paths[1].unlink()
    paths[2].write_text("no image")
    labels = ["owl"] * 4 + [HOSTILE_LABEL] * 3 + [FORMULA_LABEL] * 2 + [None]
    splits = ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
    return pd.DataFrame(
        {
            "item_id": np.arange(10),
            "path": [path.as_posix() for path in paths],
            "label": pd.Categorical(labels, ["owl", HOSTILE_LABEL, FORMULA_LABEL]),
            "split": pd.Categorical(splits, ["train", "validation", "test"]),
            "bytes": pd.array([None if i == 1 else 100 + i for i in range(10)], dtype="Int64"),
            "content_hash": [None if i == 1 else f"{i:032x}" for i in range(10)],
            "status": ["ok", "missing", *["ok"] * 8],
        }
    )


def make_scan(manifest: pd.DataFrame) -> pd.DataFrame:
    is_read = ~manifest["item_id"].isin([1, 2])
    is_large = manifest["item_id"] == 3
    return pd.DataFrame(
        {
            "item_id": manifest["item_id"],
            "value_range": None,
            "format": pd.Series("PNG", manifest.index).where(is_read, None),
            "width_px": pd.Series(8, manifest.index, dtype="Int32").where(is_read).mask(is_large, 900),
            "height_px": pd.Series(8, manifest.index, dtype="Int32").where(is_read).mask(is_large, 600),
        }
    )


def make_thumbnails(n: int) -> np.ndarray:
    """Plain pictures, each of a colour of its own."""
    pictures = np.zeros((n, 32, 32, 3), np.uint8)
    pictures[..., 0] = (20 * np.arange(n))[:, None, None]
    pictures[..., 2] = 200
    return pictures


def odd_findings() -> pd.DataFrame:
    return pd.concat(
        [
            findings_of(LOW, item_id=[5, 6, 7, 8], score=[0.6, 0.9, 0.7, 0.8], detail="8 px wide"),
            findings_of(
                MEDIUM, item_id=[0, 3, 9], score=[0.9, 0.8, 0.7], detail=["-1 & <i>", "pale", "pale"]
            ),
            findings_of(HIGH, item_id=[1, 2], detail="torn"),
            findings_of(OF_CLASSES, label=[HOSTILE_LABEL], score=0.5, detail="3 images"),
        ]
    )


def pair_findings() -> pd.DataFrame:
    """4 and 3 from both sides, 5 with 6, and 0, of a hostile name, with 7, which must not be opened."""
    return findings_of(
        COPIES,
        item_id=[4, 5, 0, 3],
        other_item_id=[3, 6, 7, 4],
        score=[0.9, 0.8, 0.7, 0.6],
        detail=["resized: photos/birds/03.png", "<i>near</i>", "far", "resized: photos/birds/04.png"],
    )


def odd_figure() -> Figure:
    drawing, axes = new_figure(width=4, height=2)
    axes[0, 0].bar(["a", "b"], [1, 2])
    table = pd.DataFrame({"label": ["007", HOSTILE_LABEL, FORMULA_LABEL], "n_images": [4, 3, 2]})
    return Figure("heights", "Heights of all", "Taller is `more`.", drawing, table)


def artifacts(findings: pd.DataFrame | None) -> dict[str, Artifacts]:
    per_class = pd.DataFrame(
        {
            "label": ["owl", HOSTILE_LABEL, *[f"class {i}" for i in range(29)], "Class 29"],
            "n_images": [4, 1300, *range(30)],
            "odd_fraction": [0.25, 0.0005, *[0.5] * 30],
        }
    )
    has_copies = findings is not None and "copies" in set(findings["kind"])
    identity = pd.DataFrame({"property": ["dataset_hash"], "value": ["0123abcd"]})
    return {
        "intake": Artifacts(
            summary="10 images of 3 classes",
            metrics={"n_images": 10, "share_of_x": float("nan")},
            tables={"dataset": identity, "manifest": pd.DataFrame({"item_id": [0]})},
            captions={"dataset": "Which dataset this is.", "manifest": "One row per image."},
            notes=["Nothing was `weighed`, because there are no scales <here>."],
        ),
        "odd_checks": Artifacts(
            summary="9 images odd",
            metrics={"n_odd": 9},
            tables={"per_class": per_class},
            captions={"per_class": "One row per class."},
            figures=[odd_figure()],
            kinds=[LOW, UNSEEN, MEDIUM, HIGH, OF_CLASSES, *([COPIES] if has_copies else [])],
            findings=findings,
        ),
        "exam": Artifacts(summary="well done", metrics={"test_accuracy": 0.975}),
    }


def write_outputs(made: dict[str, Artifacts], *, stages: Sequence[Stage] = STAGES) -> None:
    for stage in stages:
        if stage.name in made:
            OutputWriter(stage, root="images").write(made[stage.name])


def render(
    manifest: pd.DataFrame,
    *,
    decisions: str = "",
    stages: Sequence[Stage] = STAGES,
    scan: pd.DataFrame | None = None,
    run_records: dict[str, Any] | None = None,
    thumbnails_per_kind: int = 2,
    rows_per_table: int = 1000,
    map_images: int = 1000,
    root: str = "images",
) -> Path:
    """The site, where the runner lets the stage write it; `decisions` are rows of decisions.csv."""
    Path("decisions.csv").write_text(f"{','.join(COLUMNS)}\n{decisions}", encoding="utf-8")
    site = Path("analysis_outputs/.partial/report")
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    report(
        manifest,
        make_scan(manifest) if scan is None else scan,
        make_thumbnails(len(manifest)),
        inputs={"decisions": Path("decisions.csv")},
        root=root,
        stages={stage.name: stage for stage in stages},
        run_records=run_records or {},
        parameters=ReportParameters(
            thumbnails_per_kind=thumbnails_per_kind, rows_per_table=rows_per_table, map_images=map_images
        ),
        report=site,
    )
    home = Path("analysis_outputs/report")
    shutil.rmtree(home, ignore_errors=True)
    return site.rename(home).absolute()


MAPPER = replace(ODD_CHECKS, outs=(*ODD_CHECKS.outs, Path("analysis_outputs/odd_checks/map.parquet")))


def make_map() -> pd.DataFrame:
    """Images 0 and 3 to 9 on a line, at the same height; 1 and 2 could not be read. 9 has no embedding."""
    x = np.arange(10, dtype=np.float32)
    x[[1, 2]] = np.nan
    table = pd.DataFrame({"item_id": np.arange(10), "embeddings_x": x, "embeddings_y": 0 * x})
    table["thumbnails_x"], table["thumbnails_y"] = 0 * x, x
    table.loc[9, ["embeddings_x", "embeddings_y"]] = np.nan
    return table


def write_outputs_with_map(table: pd.DataFrame) -> None:
    made = artifacts(odd_findings())
    odd = made["odd_checks"]
    made["odd_checks"] = replace(odd, tables={**odd.tables, "map": table})
    write_outputs(made, stages=(INTAKE, MAPPER, EXAM))
