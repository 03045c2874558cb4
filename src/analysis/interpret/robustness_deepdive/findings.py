"""What of a classifier's robustness is a fault to act on, rather than a fact to know."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from analysis.contract import FindingKind, findings_of
from analysis.interpret.attack_trials.parameters import LEVELS
from analysis.interpret.robustness_deepdive.trials import AttackOutcome
from analysis.statistics.proportions import wilson_interval

NOISE = FindingKind(
    name="misled_by_invisible_noise",
    title="Noise that nobody sees changes the prediction",
    severity="medium",
    why="No attacker is needed: a camera at night or a stronger compression does as much. The classifier "
    "looks at something in these images that a person does not see.",
    action="Train with noise and blur added (augmentation), and look whether training images share a "
    "trace of how they were made, such as compression or scaling, that tells the classes apart.",
)
FINE_TEXTURE = FindingKind(
    name="seen_by_fine_detail_only",
    title="Recognised by fine detail, not by shape",
    severity="medium",
    why="These images are recognised from their fastest waves alone but not from the slower ones, which hold "
    "what a person sees; on the whole sample it is so more often than the reverse. Blur, compression or "
    "another camera will take that detail away.",
    action="Look for a watermark, compression or sensor pattern that tells the classes apart; train with "
    "blur and noise added.",
)
KINDS = (NOISE, FINE_TEXTURE)


def find_noise(
    item_ids: np.ndarray, result: AttackOutcome, *, largest: float, max_errors: float
) -> pd.DataFrame:
    """Images misled by random noise of the greatest ε up to `largest`, if they are surely too many.

    Surely: the lower end of the 95% interval of their share, among the images that are right untouched, is
    above `max_errors`.
    """
    at = np.flatnonzero(result.epsilons <= largest)[-1:]
    is_misled = result.is_right & result.is_wrong["noise"][at].any(axis=0)
    low, _ = wilson_interval(is_misled.sum(), result.is_right.sum())
    size = result.epsilons[at].max(initial=0) * LEVELS
    return findings_of(
        NOISE,
        item_id=item_ids[is_misled & (low > max_errors)],
        score=float(is_misled.mean()),
        detail=f"misled by noise of ±{size:.3g}/255, one of {is_misled.sum()} such images of "
        f"{result.is_right.sum()} rightly recognised",
    )


def find_fine_texture(
    item_ids: np.ndarray,
    is_right_coarse: np.ndarray,
    is_right_fine: np.ndarray,
    *,
    cutoff: float,
    significance_level: float,
) -> pd.DataFrame:
    """Images recognised by what is above `cutoff` alone, if surely more than those by what is below alone.

    Surely: by the exact sign test on the images recognised in one way only (McNemar 1947).
    """
    by_fine, by_coarse = is_right_fine & ~is_right_coarse, is_right_coarse & ~is_right_fine
    n = int(by_fine.sum() + by_coarse.sum())
    p_value = binomtest(int(by_fine.sum()), n, alternative="greater").pvalue if n else 1.0
    return findings_of(
        FINE_TEXTURE,
        item_id=item_ids[by_fine & (p_value < significance_level)],
        score=float(by_fine.mean()),
        detail=f"{by_fine.sum()} of {len(by_fine)} images are recognised only by what is above {cutoff:g} "
        f"cycles per image, {by_coarse.sum()} only by what is below",
    )
