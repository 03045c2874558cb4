"""How hard each image is for the classifier, by several criteria, and how these agree: tables to tables.

Ranks and percentiles are taken among images of one kind: of one split, and in training apart from those that
a sample left out. A classifier has seen the answers to what it was trained on, so that the loss of these is
not to be compared with the loss of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from analysis.statistics.classification import SMALLEST_PROBABILITY
from analysis.statistics.correlation import rank_correlation
from analysis.statistics.proportions import Z_95, proportion_of, wilson_interval

CRITERIA = ("loss", "forgetting", "margin")
FROM_TRAINING = ("n_forgetting_events", "area_under_margin", "mean_probability", "std_probability")
AMBIGUOUS_LOG_ODDS = np.log(
    3
)  # between two classes: neither is given more than three times the other's share


def measure_hardness(predictions: pd.DataFrame, training_dynamics: pd.DataFrame) -> pd.DataFrame:
    """One row per image that has a label and was predicted, in the order of `predictions`.

    Returns
    -------
    DataFrame
        `item_id`, `split`, `label`, `predicted_label`; `was_trained_on`; `loss` in nats;
        `n_forgetting_events`, `area_under_margin`, `mean_probability`, `std_probability`, `learnt_fraction`
        of the epochs and `is_never_learnt`, null where the image was not trained on;
        `<criterion>_percentile`, from 0 to 1 (the hardest); `hardness`, the mean of those that there are, and
        its own `hardness_percentile`.
    """
    judged = predictions[predictions["label"].notna() & predictions["predicted_label"].notna()]
    table = judged[["item_id", "split", "label", "predicted_label"]].assign(loss=loss_of(judged))
    known = training_dynamics[["item_id", *FROM_TRAINING]].assign(
        learnt_fraction=training_dynamics["n_learnt_epochs"] / training_dynamics["n_epochs"],
        n_forgetting_events=training_dynamics["n_forgetting_events"].astype("Int64"),
        is_never_learnt=training_dynamics["first_learnt_epoch"].isna().astype("boolean"),
    )
    table = table.merge(known, on="item_id", how="left", validate="1:1")
    table["was_trained_on"] = table["is_never_learnt"].notna()
    # what was never learnt could not be forgotten, and is harder than all that was (Toneva et al. 2019)
    is_never_learnt = table["is_never_learnt"].fillna(False).astype(bool)
    forgetting = table["n_forgetting_events"].astype(float).mask(is_never_learnt, np.inf)
    table["loss_percentile"] = percentile_within(table["loss"], table)
    table["forgetting_percentile"] = percentile_within(forgetting, table)
    table["margin_percentile"] = percentile_within(-table["area_under_margin"], table)
    table["hardness"] = table[[f"{name}_percentile" for name in CRITERIA]].mean(axis=1)
    return table.assign(hardness_percentile=percentile_within(table["hardness"], table))


def loss_of(judged: pd.DataFrame) -> np.ndarray:
    """Negative log-likelihood of each row's label in nats: float (N,)."""
    return -log_probabilities(judged)[np.arange(len(judged)), judged["label"].cat.codes]


def log_probabilities(judged: pd.DataFrame) -> np.ndarray:
    """Of rows of the predictions, each of which has some: float (N, C)."""
    n_classes = len(judged["label"].cat.categories)
    probabilities = np.stack([*judged["probabilities"]]) if len(judged) else np.empty((0, n_classes))
    return np.log(np.clip(probabilities.astype(float), SMALLEST_PROBABILITY, 1))


def percentile_within(values: pd.Series, table: pd.DataFrame) -> pd.Series:
    """Share of the images of the same kind that lie below, half of those that tie: in (0, 1); NaN stays."""
    by_kind = values.groupby([table["split"], table["was_trained_on"]], observed=True)
    return (by_kind.rank() - 0.5) / by_kind.transform("count")


def rank_within(values: pd.Series, table: pd.DataFrame) -> pd.Series:
    """1 for the largest among the images of the same kind; ties share the best of their places."""
    by_kind = values.groupby([table["split"], table["was_trained_on"]], observed=True)
    return by_kind.rank(method="min", ascending=False).astype("Int64")


def hardest_by(percentile: pd.Series, fraction: float) -> pd.Series:
    """Whether an image is of the hardest `fraction`; False where the criterion does not rank it.

    Ties are in or out together, by their middle, but those that tie for the hardest are always in, unless all
    images do.
    """
    return percentile.ge(min(1 - fraction, percentile.max())) & percentile.gt(0.5)


def worth_repeating(images: pd.DataFrame, fraction: float) -> pd.Series:
    """Whether to train on an image more: if it is hard, or near the boundary of a confused pair.

    Images with a doubted label are left out: relabel these.

    Parameters
    ----------
    images
        With `hardness_percentile`, `was_trained_on`, `is_suspected`, `pair_log_odds`.
    """
    distance = images["pair_log_odds"].abs().where(images["was_trained_on"])
    is_near = distance.le(distance.quantile(fraction))
    is_hard = hardest_by(images["hardness_percentile"], fraction)
    return (is_hard | is_near) & images["was_trained_on"] & ~images["is_suspected"]


# ---- confused pairs --------------------------------------------------------------------------------------
def confused_pairs(
    probabilities: np.ndarray, actual: np.ndarray, classes: Sequence[str], *, n_pairs: int
) -> pd.DataFrame:
    """The pairs of classes that are confused most, by the probabilities: few images show more so than errors.

    Parameters
    ----------
    probabilities, actual
        float (N, C) and class index (N,) of images that the classifier was not trained on.

    Returns
    -------
    DataFrame
        `first`, `second` (class indices), `first_label`, `second_label`, `confusion`: the probability that
        an image of one of the two is given of being of the other, mean of both ways. Most first.
    """
    n_classes = len(classes)
    given = np.zeros((n_classes, n_classes))
    np.add.at(given, actual, probabilities)
    n_items = np.bincount(actual, minlength=n_classes)
    given = proportion_of(given, n_items[:, None])
    first, second = np.triu_indices(n_classes, 1)
    names = np.array(classes, dtype=object)
    pairs = pd.DataFrame(
        {
            "first": first,
            "second": second,
            "first_label": names[first],
            "second_label": names[second],
            "confusion": (given[first, second] + given[second, first]) / 2,
        }
    )
    ranked = pairs.dropna().sort_values("confusion", ascending=False, kind="stable", ignore_index=True)
    return ranked.head(n_pairs)


def nearest_pair(judged: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """The confused pair between whose classes each image lies nearest, and on which side.

    Returns
    -------
    DataFrame
        Row-aligned with `judged`: `pair` (place in `pairs`, null where the label is in none) and
        `pair_log_odds`: of the label against the pair's other class, in nats. 0 is the boundary, negative the
        wrong side of it.
    """
    labels, scores = judged["label"].cat.codes.to_numpy(), log_probabilities(judged)
    log_odds = np.full((len(judged), len(pairs)), np.inf)
    for place, (first, second) in enumerate(zip(pairs["first"], pairs["second"], strict=True)):
        towards_first = scores[:, first] - scores[:, second]
        log_odds[labels == first, place] = towards_first[labels == first]
        log_odds[labels == second, place] = -towards_first[labels == second]
    nearest = np.full(len(judged), np.nan)
    own = np.full(len(judged), np.nan)
    is_in_one = np.isfinite(log_odds).any(axis=1)
    if is_in_one.any():
        nearest[is_in_one] = np.abs(log_odds[is_in_one]).argmin(axis=1)
        own[is_in_one] = log_odds[is_in_one, nearest[is_in_one].astype(int)]
    return pd.DataFrame({"pair": pd.array(nearest, dtype="Int64"), "pair_log_odds": own}, index=judged.index)


def tabulate_pairs(pairs: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Each pair's images among `judged`: how many, how many taken for the other class, how many ambiguous."""
    labels, predicted = (judged[name].astype(str) for name in ("label", "predicted_label"))
    scores = log_probabilities(judged)
    rows = []
    for pair in pairs.itertuples():
        both = [pair.first_label, pair.second_label]
        is_of_pair = labels.isin(both)
        odds = np.abs(scores[:, pair.first] - scores[:, pair.second])[is_of_pair]
        rows.append(
            {
                "n_items": int(is_of_pair.sum()),
                "n_mistaken": int((is_of_pair & predicted.isin(both) & (predicted != labels)).sum()),
                "n_ambiguous": int((odds < AMBIGUOUS_LOG_ODDS).sum()),
            }
        )
    counts = pd.DataFrame(rows, columns=["n_items", "n_mistaken", "n_ambiguous"])
    low, high = wilson_interval(counts["n_mistaken"].to_numpy(), counts["n_items"].to_numpy())
    return pd.concat([pairs[["first_label", "second_label", "confusion"]], counts], axis=1).assign(
        mistaken_fraction=proportion_of(counts["n_mistaken"], counts["n_items"]),
        mistaken_low=low,
        mistaken_high=high,
    )


# ---- agreement -------------------------------------------------------------------------------------------
def compare_rankings(percentiles: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """How each two of the rankings in the columns agree, on the images that both rank.

    Returns
    -------
    DataFrame
        `first`, `second`, `n_items`, `spearman` with its 95% interval (Bonett and Wright 2000), and
        `shared_fraction`: of the images that either counts among its hardest `fraction`, the share that both
        do (Jaccard). NaN without images, or where a ranking ties them all.
    """
    rows = []
    for first, second in combinations(percentiles.columns, 2):
        both = percentiles[[first, second]].dropna()
        spearman, low, high = rank_correlation(both[first], both[second])
        hard = [hardest_by(both[name], fraction) for name in (first, second)]
        rows.append(
            {
                "first": first,
                "second": second,
                "n_items": len(both),
                "spearman": spearman,
                "spearman_low": low,
                "spearman_high": high,
                "shared_fraction": float(proportion_of((hard[0] & hard[1]).sum(), (hard[0] | hard[1]).sum())),
            }
        )
    return pd.DataFrame(rows)


def odds_ratio(is_first: pd.Series, is_second: pd.Series) -> dict[str, float]:
    """Odds of the second property with the first over those without, and the 95% interval.

    Half an image is added to each of the four counts (Haldane 1956, Anscombe 1956), so that an empty one
    gives no infinity; the interval is Woolf's (1955). NaN where all or no images have either property.
    """
    counts = {"n_hard": int(is_first.sum()), "n_suspected": int(is_second.sum())}
    counts["n_both"] = int((is_first & is_second).sum())
    if is_first.nunique() < 2 or is_second.nunique() < 2:
        return counts | dict.fromkeys(("odds_ratio", "odds_ratio_low", "odds_ratio_high"), np.nan)
    cells = [(is_first == one) & (is_second == other) for one in (True, False) for other in (True, False)]
    both, first_alone, second_alone, neither = (mask.sum() + 0.5 for mask in cells)
    log_ratio = np.log(both * neither / (first_alone * second_alone))
    half = Z_95 * np.sqrt(1 / both + 1 / first_alone + 1 / second_alone + 1 / neither)
    low, ratio, high = np.exp([log_ratio - half, log_ratio, log_ratio + half])
    return counts | {"odds_ratio": ratio, "odds_ratio_low": low, "odds_ratio_high": high}
