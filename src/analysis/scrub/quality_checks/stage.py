from __future__ import annotations

import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.scrub.quality_checks import figures
from analysis.scrub.quality_checks.checks import run_checks, tabulate_scores
from analysis.scrub.quality_checks.findings import Check, findings_in
from analysis.scrub.quality_checks.notes import SUMMARY_CAPTION, notes_on, summarise
from analysis.scrub.quality_checks.parameters import QualityChecksParameters


def quality_checks(
    manifest: pd.DataFrame, scan: pd.DataFrame, *, parameters: QualityChecksParameters, seed: int
) -> Artifacts:
    """Score and flag every image on every check, and show samples, the flagged and the distributions."""
    named = manifest[["item_id", "path", "label", "split"]]
    images = named.merge(scan, on="item_id", validate="1:1").set_index("item_id")
    checks = run_checks(images, parameters)
    findings = findings_in(checks)
    is_flagged = images.index.isin(findings["item_id"].unique())
    n_flagged = int(is_flagged.sum())
    return Artifacts(
        summary=f"{len(images):,} images, {n_flagged:,} flagged",
        metrics={
            "n_flagged_images": n_flagged,
            "flagged_fraction": float(is_flagged.mean()) if len(images) else float("nan"),
            **{f"n_{check.kind.name}": int(check.is_flagged.sum()) for check in checks},
        },
        tables={"quality_scores": tabulate_scores(checks), "summary": summarise(checks)},
        captions={"summary": SUMMARY_CAPTION},
        figures=_figures(images, checks, findings, parameters, seed),
        findings=findings,
        kinds=[check.kind for check in checks],
        notes=notes_on(images, checks, parameters),
    )


def _figures(
    images: pd.DataFrame,
    checks: list[Check],
    findings: pd.DataFrame,
    parameters: QualityChecksParameters,
    seed: int,
) -> list[Figure]:
    samples = figures.plot_samples(
        images,
        n_per_class=parameters.samples_per_class,
        max_classes=parameters.max_classes_shown,
        seed=seed,
    )
    measures = figures.measure_distributions(checks)
    if findings.empty:
        return [samples, measures]
    flagged = figures.flagged_images(images, checks, findings, max_images=parameters.max_flagged_shown)
    return [samples, flagged, measures]
