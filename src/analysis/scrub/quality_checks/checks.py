"""Every check of quality on every image: its score, and whether it is flagged."""

from __future__ import annotations

import pandas as pd

from analysis.scrub.quality_checks import facts, scores
from analysis.scrub.quality_checks.findings import Check
from analysis.scrub.quality_checks.parameters import QualityChecksParameters


def run_checks(images: pd.DataFrame, parameters: QualityChecksParameters) -> list[Check]:
    """Every check, in the order of the summary: the dataset, row, file, what is stored, what is seen."""
    p = parameters
    usual = {
        "unusual": scores.Unusual(p.unusual_fraction, p.unusual_false_share),
        "min_images": p.min_images,
    }
    rare = {"minority_fraction": p.minority_fraction, "min_images": p.min_images}
    most = {"fraction": p.dataset_fault_fraction}
    return [
        facts.unreadable_dataset(images, **most),
        scores.black_dataset(images, below=p.nearly_black_below, **most),
        scores.blank_dataset(images, below=p.nearly_blank_below, black_below=p.nearly_black_below, **most),
        *facts.status_checks(images),
        *facts.repeated_listings(images),
        facts.blank_label(images),
        facts.wrong_extension(images),
        facts.exif_rotated(images),
        facts.several_pages(images),
        scores.cut_short(images, above=p.cut_short_above),
        scores.unexpected_mode(images, **rare),
        scores.greyscale_among_colour(images, **rare),
        scores.colour_among_greyscale(images, **rare),
        scores.odd_size(images, factor=p.odd_size_factor, min_images=p.min_images),
        scores.odd_aspect_ratio(images, factor=p.odd_aspect_ratio_factor, min_images=p.min_images),
        scores.low_information(images, below=p.low_information_below),
        scores.too_dark(images, below=p.too_dark_below, **usual),
        scores.too_bright(images, above=p.too_bright_above, **usual),
        scores.blurry(images, below=p.blurry_below, **usual),
    ]


def tabulate_scores(checks: list[Check]) -> pd.DataFrame:
    columns = {}
    for check in checks:
        columns[f"{check.kind.name}_score"] = check.score.astype("float32")
        columns[f"is_{check.kind.name}"] = check.is_flagged
    return pd.DataFrame(columns).reset_index()
