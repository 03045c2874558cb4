from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.explore.image_features import image_features
from analysis.explore.split_comparison.comparison import SplitComparison, compare_splits
from analysis.explore.split_comparison.figures import plot_feature_shifts, plot_surest_images, plot_tests
from analysis.explore.split_comparison.findings import KINDS, find_driving_images
from analysis.explore.split_comparison.notes import CAPTIONS, metrics_of, notes_on, summary_of, why_unjudged
from analysis.explore.split_comparison.parameters import SplitComparisonParameters


def split_comparison(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    parameters: SplitComparisonParameters,
    seed: int,
) -> Artifacts:
    """Compare every two splits by their images, at all and within classes.

    Parameters
    ----------
    manifest, scan
        Row by row the same images. Images without a label count as one more class.
    thumbnails
        (n, 32, 32, 3) uint8, of the same images; may be memory-mapped, it is read in parts.
    """
    features = image_features(
        manifest,
        scan,
        thumbnails,
        n_components=parameters.n_components,
        n_fitted=parameters.max_images_per_split,
        seed=seed,
    )
    labels = manifest["label"].reset_index(drop=True)
    groups = pd.DataFrame(
        {"split": manifest["split"].astype(str).to_numpy(), "stratum": labels.cat.codes.to_numpy() + 1}
    ).loc[features.index]
    comparison = compare_splits(features, groups, parameters=parameters, seed=seed)
    return Artifacts(
        summary=summary_of(comparison),
        metrics=metrics_of(comparison),
        tables=_tables(comparison),
        captions=CAPTIONS,
        figures=_figures(comparison, thumbnails, labels, parameters),
        findings=find_driving_images(comparison, features, parameters.n_images_shown),
        kinds=KINDS,
        notes=notes_on(groups, features, comparison),
        unjudged=why_unjudged(features, comparison) if manifest["split"].nunique() > 1 else "",
    )


def _tables(comparison: SplitComparison) -> dict[str, pd.DataFrame]:
    """For people: without what they can do without, and rounded to what is sure."""
    features = comparison.features.sort_values(
        ["within_classes", "wasserstein"], ascending=False, kind="stable"
    )
    digits = dict.fromkeys(("wasserstein", "mean_difference", "ks", "psi"), 3)
    return {
        "split_tests": _rounded(comparison.tests.drop(columns=["n_a", "n_b", "p_value", "is_different"])),
        "feature_shifts": _rounded(features.drop(columns=["p_value", "is_different"]).round(digits)),
    }


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Three significant digits for what is a p-value or has no unit in common with its neighbours."""
    names = [
        name for name in ("value", "expected", "expected_low", "expected_high", "p_adjusted") if name in table
    ]
    significant = {name: [float(f"{value:.3g}") for value in table[name]] for name in names}
    return table.assign(**significant)


def _figures(
    comparison: SplitComparison,
    thumbnails: np.ndarray,
    labels: pd.Series,
    parameters: SplitComparisonParameters,
) -> list[Figure]:
    if not comparison.pairs:
        return []
    differing = [pair for pair in comparison.pairs if comparison.verdict(pair) == "images differ"]
    return [
        plot_tests(comparison),
        plot_feature_shifts(comparison, parameters.min_feature_shift),
        *(
            plot_surest_images(comparison, pair, thumbnails, labels, n_items=parameters.n_images_shown)
            for pair in differing
        ),
    ]
