from __future__ import annotations

import pandas as pd

from analysis.scrub.quality_checks.findings import BLURRY, Check
from analysis.scrub.quality_checks.parameters import QualityChecksParameters

SUMMARY_CAPTION = (
    "One row per check: how many images it could judge, how many it flagged, and the rule with the numbers "
    "that hold for this dataset. An image can be flagged by several checks."
)


def summarise(checks: list[Check]) -> pd.DataFrame:
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


def notes_on(images: pd.DataFrame, checks: list[Check], parameters: QualityChecksParameters) -> list[str]:
    is_whole = images["status"] == "ok"
    n_whole = int(is_whole.sum())
    if n_whole == 0:
        return ["No image could be read whole, so that size, light, detail and colour were not judged."]
    if n_whole < parameters.min_images:
        return [
            f"Images that could be read whole: {n_whole:,}. {parameters.min_images} are needed to know what "
            "is usual (quality_checks.min_images), so unusual sizes, shapes, modes and greyscale images were "
            "not looked for; dark, bright and blurry ones were held against absolute thresholds only."
        ]
    (blur,) = (check for check in checks if check.kind is BLURRY)
    n_untold = int((is_whole & (images["least_fine_detail"] > 0) & blur.score.isna()).sum())
    if n_untold == 0:
        return []
    return [
        f"Blur was not looked for in {n_untold:,} of {n_whole:,} images: in images like them fine detail is "
        "so little, or so different from one to another, that a blurred one would be nothing unusual."
    ]
