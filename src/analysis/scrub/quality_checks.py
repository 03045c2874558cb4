"""Which images are broken, odd or of poor quality?

Some checks answer yes or no (`quality_facts`: missing, truncated, wrong extension, the same path with two
labels, …), others measure by how much (`quality_scores`: dark, bright, blurry, bare, odd in size or shape,
rare in mode or colour). The scan has measured; here every image gets a score in [0, 1] on every check, 1 is
surely wrong, and thresholds flag. Dark, bright, blurry and bare images must be so in themselves and against
this dataset's median; size and shape are held against the range of its middle 90%. The list of checks follows
cleanvision (Cleanlab), whose thresholds are absolute and so flag whole datasets of digits or X-rays.

How it misleads: a flag is a reason to look, not to delete. Night scenes are dark, a shallow depth of field is
blurry, snow is bright. A fault shared by a whole dataset is usual there, and what is usual is not flagged:
read the distributions too. Fine detail does not see blur beneath strong noise, nor in a part of the image.
"""

from __future__ import annotations

from typing import Annotated

import pandas as pd
from pydantic import Field

from analysis.runner import run_stage
from analysis.scrub import quality_facts as facts
from analysis.scrub import quality_figures as figures
from analysis.scrub import quality_scores as scores
from analysis.scrub.quality_kinds import Check
from analysis.stage import Artifacts, Figure, StageParameters, findings_of, no_findings

Fraction = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(gt=1)]
Count = Annotated[int, Field(ge=1)]

SUMMARY_CAPTION = (
    "One row a check: how many images it could judge, how many it flagged, and the rule with the numbers "
    "that hold for this dataset. An image can be flagged by several checks."
)


class QualityChecksParameters(StageParameters):
    too_dark_below: Fraction
    too_bright_above: Fraction
    blurry_below: Annotated[float, Field(ge=0)]
    low_information_below: Fraction
    unusual_fraction: Fraction
    odd_size_factor: Factor
    odd_aspect_ratio_factor: Factor
    minority_fraction: Annotated[float, Field(ge=0, lt=0.5)]
    min_images: Annotated[int, Field(ge=2)]
    samples_per_class: Count
    max_classes_shown: Count
    max_flagged_shown: Count


def quality_checks(
    manifest: pd.DataFrame, scan: pd.DataFrame, *, parameters: QualityChecksParameters, seed: int
) -> Artifacts:
    """Score and flag every image on every check, and show samples, the flagged and the distributions."""
    named = manifest[["image_id", "path", "label", "split"]]
    images = named.merge(scan, on="image_id", validate="1:1").set_index("image_id")
    checks = run_checks(images, parameters)
    findings = _findings(checks)
    is_flagged = images.index.isin(findings["image_id"].unique())
    n_flagged = int(is_flagged.sum())
    return Artifacts(
        summary=f"{len(images):,} images, {n_flagged:,} flagged",
        metrics={
            "n_flagged_images": n_flagged,
            "flagged_fraction": float(is_flagged.mean()) if len(images) else float("nan"),
            **{f"n_{check.kind.name}": int(check.is_flagged.sum()) for check in checks},
        },
        tables={"scores": _scores(checks), "summary": _summary(checks)},
        captions={"summary": SUMMARY_CAPTION},
        figures=_figures(images, checks, findings, parameters, seed),
        findings=findings,
        kinds=[check.kind for check in checks],
        notes=_notes(images, parameters),
    )


def run_checks(images: pd.DataFrame, parameters: QualityChecksParameters) -> list[Check]:
    """Every check, in the order of the summary: the row, the file, what is stored, what is seen."""
    p = parameters
    usual = {"unusual_fraction": p.unusual_fraction, "min_images": p.min_images}
    rare = {"minority_fraction": p.minority_fraction, "min_images": p.min_images}
    return [
        *facts.status_checks(images),
        *facts.repeated_listings(images),
        facts.blank_label(images),
        facts.wrong_extension(images),
        facts.exif_rotated(images),
        scores.unexpected_mode(images, **rare),
        scores.greyscale_among_colour(images, **rare),
        scores.colour_among_greyscale(images, **rare),
        scores.odd_size(images, factor=p.odd_size_factor, min_images=p.min_images),
        scores.odd_aspect_ratio(images, factor=p.odd_aspect_ratio_factor, min_images=p.min_images),
        scores.low_information(images, below=p.low_information_below, **usual),
        scores.too_dark(images, below=p.too_dark_below, **usual),
        scores.too_bright(images, above=p.too_bright_above, **usual),
        scores.blurry(images, below=p.blurry_below, **usual),
    ]


def _scores(checks: list[Check]) -> pd.DataFrame:
    columns = {}
    for check in checks:
        columns[f"{check.kind.name}_score"] = check.score.astype("float32")
        columns[f"is_{check.kind.name}"] = check.is_flagged
    return pd.DataFrame(columns).reset_index()


def _summary(checks: list[Check]) -> pd.DataFrame:
    summary = pd.DataFrame(
        {
            "title": [check.kind.title for check in checks],
            "severity": [check.kind.severity for check in checks],
            "n_checked": [check.score.count() for check in checks],
            "n_flagged": [check.is_flagged.sum() for check in checks],
            "rule": [check.rule for check in checks],
        }
    )
    flagged_fraction = summary["n_flagged"] / summary["n_checked"].where(summary["n_checked"] > 0)
    summary.insert(4, "flagged_fraction", flagged_fraction)
    return summary


def _findings(checks: list[Check]) -> pd.DataFrame:
    flagged = [
        findings_of(
            check.kind,
            image_id=check.detail.index,
            score=check.score[check.is_flagged],
            detail=check.detail,
        )
        for check in checks
        if check.is_flagged.any()
    ]
    return pd.concat(flagged, ignore_index=True) if flagged else no_findings()


def _figures(
    images: pd.DataFrame,
    checks: list[Check],
    findings: pd.DataFrame,
    parameters: QualityChecksParameters,
    seed: int,
) -> list[Figure]:
    samples = figures.sample_images(
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


def _notes(images: pd.DataFrame, parameters: QualityChecksParameters) -> list[str]:
    n_whole = int((images["status"] == "ok").sum())
    if n_whole == 0:
        return ["No image could be read whole, so that size, light, detail and colour were not judged."]
    if n_whole < parameters.min_images:
        return [
            f"Images that could be read whole: {n_whole:,}. {parameters.min_images} are needed to know what "
            "is usual (quality_checks.min_images), so unusual sizes, shapes, modes and greyscale images were "
            "not looked for; dark, bright, blurry and bare ones were held against absolute thresholds only."
        ]
    return []


if __name__ == "__main__":
    run_stage(quality_checks)
