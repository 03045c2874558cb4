"""How well each class is recognised as often as it occurs, and how well if all counted alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from analysis.statistics.paired import mcnemar_p_value, newcombe_interval
from analysis.statistics.proportions import proportion_of, wilson_interval
from analysis.statistics.rank_tests import holm

N_FOLDS = 5  # of cross-validation; a class needs as many images
TOLERANCE, MAX_STEPS = 1e-6, 1000  # of the optimiser: another processor's rounding moves no prediction


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
    predicted = np.empty_like(codes)
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    for seen, held_out in folds.split(features, codes):
        model = LogisticRegression(
            C=1 / (alpha * len(seen)),  # the penalty is one on the mean loss, however many images there are
            class_weight="balanced" if is_weighted else None,
            tol=TOLERANCE,
            max_iter=MAX_STEPS,
        )
        model.fit(features[seen], codes[seen])
        predicted[held_out] = model.predict(features[held_out])
    return predicted


def compare_recalls(
    codes: np.ndarray, natural: np.ndarray, weighted: np.ndarray, classes: pd.Index
) -> pd.DataFrame:
    """Recall of each class by the two models, on the same images, one row per class.

    Returns
    -------
    DataFrame
        `n_evaluated`; `recall` of the natural model with its Wilson interval, `recall_weighted`;
        `lost_to_rarity`, the difference, with the 95% interval of Newcombe (1998, method 10) for paired
        proportions; `p_value` of McNemar's exact test, `p_value_holm` corrected for the number of classes.
    """
    n_classes = len(classes)

    def count(is_counted: np.ndarray) -> np.ndarray:
        return np.bincount(codes[is_counted], minlength=n_classes)

    is_hit, is_weighted_hit = natural == codes, weighted == codes
    n = np.bincount(codes, minlength=n_classes)
    n_gained, n_lost = count(~is_hit & is_weighted_hit), count(is_hit & ~is_weighted_hit)
    low, high = wilson_interval(count(is_hit), n)
    lost_low, lost_high = newcombe_interval(n_gained, n_lost, n, n_both=count(is_hit & is_weighted_hit))
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
            "p_value": mcnemar_p_value(n_gained, n_lost, n),
        }
    )
    return table.assign(p_value_holm=holm(table["p_value"]))


def mean_with_interval(table: pd.DataFrame) -> tuple[float, float, float]:
    """Mean `lost_to_rarity` over classes with its 95% interval, from theirs (Zou et al. 2009)."""
    if table.empty:
        return np.nan, np.nan, np.nan
    lost = table["lost_to_rarity"]
    below = np.sqrt(((lost - table["lost_low"]) ** 2).sum()) / len(table)
    above = np.sqrt(((table["lost_high"] - lost) ** 2).sum()) / len(table)
    return float(lost.mean()), float(lost.mean() - below), float(lost.mean() + above)


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
