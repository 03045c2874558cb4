"""How well each class is recognised as often as it occurs, and how well if all counted alike."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.explore.significance import holm
from analysis.proportions import Z_95, proportion_of, wilson_interval

N_FOLDS = 5  # of cross-validation; a class needs as many images
# of SGD over the images; its steps are averaged after the first passes, which the start would weigh on
N_PASSES, N_WARM_UP_PASSES = 20, 5
MIN_CLASSES_FOR_INTERVAL = 5  # of a rank correlation


def sample_training(labels: pd.Series, max_images: int, seed: int) -> pd.Series:
    """At most about `max_images` of the labels, each class in its share, but `N_FOLDS` of each that has them.

    Classes with fewer than `N_FOLDS` images are left out.
    """
    counts = labels.value_counts()
    kept = counts[counts >= N_FOLDS]
    share = min(1.0, max_images / max(1, kept.sum()))
    n_drawn = (kept * share).round().clip(lower=N_FOLDS).astype(int)
    shuffled = labels.sample(frac=1, random_state=seed)
    place = shuffled.groupby(shuffled, observed=True).cumcount()
    drawn = shuffled[place < shuffled.map(n_drawn).astype(float).fillna(0)]
    return drawn.sort_index().cat.remove_unused_categories()


def predict_out_of_fold(
    features: np.ndarray, codes: np.ndarray, *, is_weighted: bool, alpha: float, seed: int
) -> np.ndarray:
    """The class that a linear model, trained on the other folds, gives each image.

    Parameters
    ----------
    features
        (n, features), standardised.
    codes
        (n,) class from 0, at least `N_FOLDS` of each.
    is_weighted
        Weigh each image by one over the size of its class, as if all classes were of one size.
    alpha
        Strength of the ridge penalty.
    """
    from sklearn.linear_model import SGDClassifier
    from sklearn.model_selection import StratifiedKFold
    from sklearn.utils.class_weight import compute_sample_weight

    predicted = np.empty_like(codes)
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    for seen, held_out in folds.split(features, codes):
        model = SGDClassifier(
            loss="log_loss",
            alpha=alpha,
            average=N_WARM_UP_PASSES * len(seen),
            max_iter=N_PASSES,
            tol=None,
            random_state=seed,
        )
        weights = compute_sample_weight("balanced", codes[seen]) if is_weighted else None
        model.fit(features[seen], codes[seen], sample_weight=weights)
        predicted[held_out] = model.predict(features[held_out])
    return predicted


def compare_recalls(
    codes: np.ndarray, natural: np.ndarray, weighted: np.ndarray, classes: pd.Index
) -> pd.DataFrame:
    """Recall of each class by the two models, on the same images, one row a class.

    Returns
    -------
    DataFrame
        `n_evaluated`; `recall` of the natural model with its Wilson interval, `recall_weighted`;
        `lost_to_rarity`, the difference, with the 95% interval of Newcombe (1998, method 10) for paired
        proportions; `p_value` of McNemar's exact test, `p_value_holm` corrected for the number of classes.
    """
    from scipy.stats import binom

    n_classes = len(classes)

    def count(is_counted: np.ndarray) -> np.ndarray:
        return np.bincount(codes[is_counted], minlength=n_classes)

    is_hit, is_weighted_hit = natural == codes, weighted == codes
    n = np.bincount(codes, minlength=n_classes)
    n_both, n_neither = count(is_hit & is_weighted_hit), count(~is_hit & ~is_weighted_hit)
    n_gained, n_lost = count(~is_hit & is_weighted_hit), count(is_hit & ~is_weighted_hit)
    low, high = wilson_interval(count(is_hit), n)
    lost_low, lost_high = paired_difference_interval(n_both, n_gained, n_lost, n_neither)
    p_value = np.minimum(2 * binom.cdf(np.minimum(n_gained, n_lost), n_gained + n_lost, 0.5), 1)
    table = pd.DataFrame(
        {
            "label": classes.astype(str),
            "n_evaluated": n,
            "recall": proportion_of(count(is_hit), n),
            "recall_low": low,
            "recall_high": high,
            "recall_weighted": proportion_of(count(is_weighted_hit), n),
            "lost_to_rarity": proportion_of(n_gained - n_lost, n),
            "lost_low": lost_low,
            "lost_high": lost_high,
            "p_value": np.where(n > 0, p_value, np.nan),
        }
    )
    return table.assign(p_value_holm=holm(table["p_value"]))


def paired_difference_interval(
    n_both: np.ndarray, n_gained: np.ndarray, n_lost: np.ndarray, n_neither: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """95% interval of `(n_gained - n_lost) / n` of pairs (Newcombe 1998, method 10); NaN of none."""
    n = n_both + n_gained + n_lost + n_neither
    after, before = proportion_of(n_both + n_gained, n), proportion_of(n_both + n_lost, n)
    after_low, after_high = wilson_interval(n_both + n_gained, n)
    before_low, before_high = wilson_interval(n_both + n_lost, n)
    margins = (
        (n_both + n_gained) * (n_lost + n_neither).astype(float) * (n_both + n_lost) * (n_gained + n_neither)
    )
    covariance = n_both * n_neither - n_gained * n_lost.astype(float)
    corrected = np.where(covariance > 0, np.maximum(covariance - n / 2, 0), covariance)
    correlation = np.divide(corrected, np.sqrt(margins), out=np.zeros(len(n)), where=margins > 0)

    def distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(one**2 - 2 * correlation * one * other + other**2, 0))

    low = after - before - distance(after - after_low, before_high - before)
    high = after - before + distance(after_high - after, before - before_low)
    return low, high


def mean_with_interval(table: pd.DataFrame) -> tuple[float, float, float]:
    """Mean `lost_to_rarity` over classes with its 95% interval, from theirs (Zou et al. 2009)."""
    if table.empty:
        return np.nan, np.nan, np.nan
    lost = table["lost_to_rarity"]
    below = np.sqrt(((lost - table["lost_low"]) ** 2).sum()) / len(table)
    above = np.sqrt(((table["lost_high"] - lost) ** 2).sum()) / len(table)
    return float(lost.mean()), float(lost.mean() - below), float(lost.mean() + above)


def rank_correlation(x: pd.Series, y: pd.Series) -> tuple[float, float, float]:
    """Spearman's correlation and its 95% interval (Bonett and Wright 2000); NaN if either is constant."""
    if min(x.nunique(), y.nunique()) < 2:
        return np.nan, np.nan, np.nan
    correlation = float(x.rank().corr(y.rank()))
    if len(x) < MIN_CLASSES_FOR_INTERVAL or abs(correlation) >= 1:
        return correlation, np.nan, np.nan
    half = Z_95 * np.sqrt((1 + correlation**2 / 2) / (len(x) - 3))
    low, high = np.tanh(np.arctanh(correlation) + np.array([-half, half]))
    return correlation, float(low), float(high)


def confusion_of(codes: np.ndarray, predicted: np.ndarray, classes: pd.Index) -> pd.DataFrame:
    """Images by class (rows) and predicted class (columns)."""
    n = len(classes)
    counts = np.bincount(codes * n + predicted, minlength=n * n).reshape(n, n)
    names = classes.astype(str)
    return pd.DataFrame(counts, index=names.rename("actual"), columns=names.rename("predicted"))


def errors_to_more_frequent(confusion: pd.DataFrame, n_train: pd.Series) -> float:
    """Share of the errors that give the image to a class with more training images; NaN without errors."""
    n = n_train.loc[confusion.index].to_numpy()
    errors = confusion.to_numpy() * ~np.eye(len(n), dtype=bool)
    is_upwards = n[None, :] > n[:, None]
    return float(proportion_of((errors * is_upwards).sum(), errors.sum()))
