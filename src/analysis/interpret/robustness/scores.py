"""How much corruptions cost: errors, drops and flips, on the same images throughout.

The errors of `Outcomes` are paired: every image is seen clean and under every corruption at every severity.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from analysis.interpret.corruption_outcomes import Outcomes
from analysis.interpret.corruptions import CORRUPTIONS, SEVERITIES
from analysis.statistics.paired import fall_p_value, mean_interval, tango_interval
from analysis.statistics.proportions import proportion_of, wilson_interval
from analysis.statistics.rank_tests import each_against_rest, holm


def score_conditions(outcomes: Outcomes, *, side_px: int) -> pd.DataFrame:
    """One row per corruption and severity: amount, PSNR, SSIM, accuracy with 95% interval (Wilson) and flips.

    `psnr_db` and `ssim` are means over the images; `flip_rate` is the share of images whose predicted class
    is another one than on the clean image.
    """
    n = len(outcomes.actual)
    n_right = outcomes.is_right.sum(axis=2)
    low, high = wilson_interval(n_right, n)
    values = {
        "psnr_db": outcomes.psnr_db.mean(axis=2),
        "ssim": outcomes.ssim.mean(axis=2),
        "accuracy": n_right / n,
        "accuracy_low": low,
        "accuracy_high": high,
        "flip_rate": outcomes.has_flipped.mean(axis=2),
    }
    settings = pd.DataFrame(
        [
            {"corruption": c.title, "severity": s, "amount": c.amount_at(s, side_px)}
            for c in CORRUPTIONS
            for s in SEVERITIES
        ]
    )
    return settings.assign(**{name: value.ravel() for name, value in values.items()})


def score_corruptions(outcomes: Outcomes, *, margin: float) -> pd.DataFrame:
    """One row per corruption: its errors over all severities; whether its mildest surely costs the margin.

    Returns
    -------
    DataFrame
        `corruption`; `corruption_error`: mean error over the severities, with its 95% interval `error_low`
        to `error_high` (Wilson's of the images, as if their errors at the severities were one: no narrower
        than it should be); `flip_rate`; `mild_drop`: accuracy lost at severity 1, with its 95% interval
        `mild_low` to `mild_high` (Tango 1998); `p_value_holm`: that it is no more than `margin`, one-sided,
        corrected for the corruptions; `half_at_severity`: the first at which less than half the clean
        accuracy is left, null if more always is.
    """
    is_right, clean = outcomes.is_right, outcomes.is_right_clean
    n, error = len(clean), 1 - is_right.mean(axis=(1, 2))
    error_low, error_high = wilson_interval(error * n, n)
    n_lost = (clean & ~is_right[:, 0]).sum(axis=1)
    n_gained = (~clean & is_right[:, 0]).sum(axis=1)
    gain_low, gain_high = tango_interval(n_gained, n_lost, n)
    is_half = is_right.mean(axis=2) < clean.mean() / 2
    first_half = np.where(is_half.any(axis=1), is_half.argmax(axis=1), -1)
    return pd.DataFrame(
        {
            "corruption": [corruption.title for corruption in CORRUPTIONS],
            "corruption_error": error,
            "error_low": error_low,
            "error_high": error_high,
            "flip_rate": outcomes.has_flipped.mean(axis=(1, 2)),
            "mild_drop": (n_lost - n_gained) / n,
            "mild_low": -gain_high,
            "mild_high": -gain_low,
            "p_value_holm": holm(fall_p_value(n_gained, n_lost, n, margin=margin)),
            "half_at_severity": pd.array(
                [SEVERITIES[place] if place >= 0 else pd.NA for place in first_half], dtype="Int64"
            ),
        }
    )


def score_classes(outcomes: Outcomes, classes: Sequence[str]) -> pd.DataFrame:
    """One row per class: what corruption costs it on average, against what it costs the other images.

    Returns
    -------
    DataFrame
        `label`, `n_images`, `clean_accuracy`; `drop`: mean over its images, with its 95% interval `drop_low`
        to `drop_high`; `more_than_rest`: by how much that exceeds the drop of all other images;
        `p_value_holm`: of Mann and Whitney's test of its images' drops against theirs, corrected for the
        classes; `mistakes_fraction`: of all wrong predictions under corruption, those that name this class.
        NaN where there are no images, or no mistakes.
    """
    drops = outcomes.drops.mean(axis=0)
    n_images = np.bincount(outcomes.actual, minlength=len(classes))
    n_right = np.bincount(outcomes.actual, weights=outcomes.is_right_clean, minlength=len(classes))
    sums = np.bincount(outcomes.actual, weights=drops, minlength=len(classes))
    intervals = [mean_interval(drops[outcomes.actual == code]) for code in range(len(classes))]
    mean, low, high = np.array(intervals).T
    mistakes = np.bincount(outcomes.corrupted[~outcomes.is_right], minlength=len(classes))
    tests = each_against_rest(drops, outcomes.actual, len(classes))
    return pd.DataFrame(
        {
            "label": list(classes),
            "n_images": n_images,
            "clean_accuracy": proportion_of(n_right, n_images),
            "drop": mean,
            "drop_low": low,
            "drop_high": high,
            "more_than_rest": mean - proportion_of(drops.sum() - sums, len(drops) - n_images),
            "p_value_holm": holm(tests["p_value"].to_numpy()),
            "mistakes_fraction": proportion_of(mistakes, mistakes.sum()),
        }
    )


def class_drops(outcomes: Outcomes, classes: Sequence[str]) -> pd.DataFrame:
    """Accuracy lost by class (row) and corruption (column), mean over severities; NaN for an absent class."""
    by_image = pd.DataFrame(outcomes.drops.T, columns=[corruption.title for corruption in CORRUPTIONS])
    by_class = by_image.groupby(outcomes.actual).mean().reindex(range(len(classes)))
    return by_class.set_axis(pd.Index(classes, name="label"))


def excess_drops(conditions: pd.DataFrame, clean_accuracy: float) -> pd.DataFrame:
    """The conditions with `drop`, and `expected_drop`: what changes of that SSIM cost, whatever their kind.

    Expected is the isotonic regression of the drop on SSIM over all conditions: it never falls as SSIM does.
    """
    drop = clean_accuracy - conditions["accuracy"]
    expected = IsotonicRegression(increasing=False).fit_transform(conditions["ssim"], drop)
    return conditions.assign(drop=drop, expected_drop=expected)
