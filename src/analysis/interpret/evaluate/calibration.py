"""May the classifier's confidence be read as the probability of being right, and does a temperature mend it?

Confidence is the probability of the predicted class. The expected calibration error (ECE, Naeini et al. 2015)
is the mean distance between confidence and accuracy over bins of images alike in confidence; bins are of
equal width (Guo et al. 2017) or hold equally many images (Nguyen & O'Connor 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import entr

from analysis.statistics.bootstrap import basic_interval, bootstrap_means, chunks_of
from analysis.statistics.classification import image_brier_scores, image_log_losses
from analysis.statistics.proportions import proportion_of, wilson_interval

MEASURES = (
    "expected_calibration_error",
    "equal_mass_calibration_error",
    "overconfidence",
    "brier_score",
    "log_loss",
)
ERRORS = MEASURES[:2]
TEMPERATURES = (0.05, 20.0)  # the search ends there; no trained network is so far off
AT_END = 1.01  # a temperature within 1% of an end has run into it


@dataclass(frozen=True)
class Bins:
    """Ranges of confidence; each holds what lies above its lower and up to its upper end.

    `inner` are the ends between them.
    """

    inner: np.ndarray

    @classmethod
    def of_equal_width(cls, n_bins: int) -> Bins:
        return cls(np.linspace(0, 1, n_bins + 1)[1:-1])

    @classmethod
    def of_equal_mass(cls, confidence: np.ndarray, n_bins: int) -> Bins:
        """With equally many images each; fewer bins where many images are of the very same confidence."""
        return cls(np.unique(np.quantile(confidence, np.linspace(0, 1, n_bins + 1)[1:-1])))

    def membership(self, confidence: np.ndarray) -> np.ndarray:
        """One-hot (N, bins)"""
        return np.eye(len(self.inner) + 1)[np.searchsorted(self.inner, confidence, side="left")]


@dataclass(frozen=True)
class Confidence:
    """How sure the classifier was of its predictions, and whether it was right; (N,) each."""

    confidence: np.ndarray
    is_correct: np.ndarray

    @classmethod
    def of(cls, probabilities: np.ndarray, actual: np.ndarray) -> Confidence:
        is_correct = probabilities.argmax(axis=1) == actual
        return cls(probabilities.max(axis=1).astype(float), is_correct)

    def bins(self, n_bins: int) -> dict[str, Bins]:
        """By the name of the error measured with them."""
        by_measure = (Bins.of_equal_width(n_bins), Bins.of_equal_mass(self.confidence, n_bins))
        return dict(zip(ERRORS, by_measure, strict=True))


# ---- temperature -----------------------------------------------------------------------------------------
def fit_temperature(probabilities: np.ndarray, actual: np.ndarray) -> float:
    """The temperature by which to divide log-probabilities for the labels to be likeliest (Guo et al. 2017).

    Above 1 the classifier was too sure. NaN where none is best: without images, and where all are right, the
    surer the better without end; or where chance is the best guess.
    """
    if (probabilities.argmax(axis=1) == actual).all():
        return np.nan
    images = np.arange(len(actual))

    def loss(log_temperature: float) -> float:
        return -log_with_temperature(probabilities, np.exp(log_temperature))[images, actual].mean()

    low, high = TEMPERATURES
    found = minimize_scalar(loss, bounds=np.log([low, high]), method="bounded", options={"xatol": 1e-6})
    temperature = float(np.exp(found.x))
    return temperature if low * AT_END < temperature < high / AT_END else np.nan


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (N, C) as the softmax would have given them of logits divided by `temperature`."""
    return np.exp(log_with_temperature(probabilities, temperature))


def log_with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    # logits and log-probabilities differ by a constant an image, which the softmax takes out again
    smallest = np.finfo(np.float32).tiny  # what a float32 softmax rounds to 0 lies below
    logits = np.log(np.maximum(probabilities.astype(float), smallest)) / temperature
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


# ---- measures --------------------------------------------------------------------------------------------
def calibration_table(
    probabilities: np.ndarray,
    actual: np.ndarray,
    temperature: float,
    *,
    n_bins: int,
    n_resamples: int,
    seed: int,
) -> pd.DataFrame:
    """How far confidence is from accuracy, what chance alone would show, and what the temperature changes.

    Parameters
    ----------
    probabilities, actual
        (N, C) and (N,), N > 0.
    temperature
        Fitted on other images; NaN if none could be.

    Returns
    -------
    DataFrame
        One row for each of `MEASURES`: its `value` with a 95% bootstrap interval (`low`, `high`);
        `if_calibrated`, its mean over labels drawn as likely as the probabilities say, and
        `if_calibrated_high`, below which 95% of such draws lie; `scaled`, its value with the temperature, and
        the 95% interval of that change (`change_low`, `change_high`), paired by image. Lower is better, but
        for overconfidence, mean confidence minus accuracy, where 0 is.
    """
    resampling = {"n_resamples": n_resamples, "seed": seed}
    parts = _parts(probabilities, actual, n_bins)
    before, resampled = _measured(parts), _bootstrap(parts, **resampling)
    table = pd.DataFrame({"measure": MEASURES, "value": before})
    table["low"], table["high"] = basic_interval(before, resampled)
    chance = _if_calibrated(probabilities, n_bins, **resampling)
    table["if_calibrated"], table["if_calibrated_high"] = chance
    # resamples shrink no error to 0, but the truth may be there wherever chance would show as much
    may_be_0 = table["measure"].isin(ERRORS) & (table["value"] <= table["if_calibrated_high"])
    is_below_0 = table["measure"].ne("overconfidence") & table["low"].lt(0)
    table["low"] = table["low"].mask(may_be_0 | is_below_0, 0.0)
    if np.isnan(temperature):
        return table.assign(scaled=np.nan, change_low=np.nan, change_high=np.nan)
    scaled = _parts(with_temperature(probabilities, temperature), actual, n_bins)
    after = table["scaled"] = _measured(scaled)
    changes = _bootstrap(scaled, **resampling) - resampled
    table["change_low"], table["change_high"] = basic_interval(after - before, changes)
    return table


def calibration_metrics(table: pd.DataFrame) -> dict[str, float]:
    """The numbers of `calibration_table` that a person compares between runs."""
    rows = table.set_index("measure")
    values = {
        name: rows.loc[name, "value"] for name in MEASURES if name != "log_loss"
    }  # that is there already
    ece = {f"{ERRORS[0]}_{name}": rows.loc[ERRORS[0], name] for name in ("low", "high", "if_calibrated")}
    scaled = {f"scaled_{name}": rows.loc[name, "scaled"] for name in MEASURES}
    return values | ece | scaled


def _parts(probabilities: np.ndarray, actual: np.ndarray, n_bins: int) -> dict[str, np.ndarray]:
    """Of each measure the values (N, K) of which it is the mean, or the sum of K absolute means."""
    judged = Confidence.of(probabilities, actual)
    gap = (judged.confidence - judged.is_correct)[:, None]
    errors = {name: bins.membership(judged.confidence) * gap for name, bins in judged.bins(n_bins).items()}
    brier, loss = image_brier_scores(probabilities, actual), image_log_losses(probabilities, actual)
    return errors | {"overconfidence": gap, "brier_score": brier[:, None], "log_loss": loss[:, None]}


def _measured(parts: dict[str, np.ndarray]) -> np.ndarray:
    return _measures_of({name: values.mean(axis=0)[None, :] for name, values in parts.items()})[0]


def _bootstrap(parts: dict[str, np.ndarray], *, n_resamples: int, seed: int) -> np.ndarray:
    """(n_resamples, measures)"""
    ends = np.cumsum([values.shape[1] for values in parts.values()])
    means = bootstrap_means(np.hstack(list(parts.values())), n_resamples=n_resamples, seed=seed)
    return _measures_of(dict(zip(parts, np.split(means, ends[:-1], axis=1), strict=True)))


def _measures_of(means: dict[str, np.ndarray]) -> np.ndarray:
    """Means (B, K) of the parts of each measure -> (B, measures)"""
    columns = [np.abs(each).sum(axis=1) if name in ERRORS else each[:, 0] for name, each in means.items()]
    return np.column_stack(columns)


def _if_calibrated(
    probabilities: np.ndarray, n_bins: int, *, n_resamples: int, seed: int
) -> tuple[list[float], list[float]]:
    """Mean and 95th percentile of each measure, were each image as often right as its confidence says.

    With few images in a bin, accuracy strays from confidence by chance, so that the ECE of a perfectly
    calibrated classifier is above 0. Brier score and log loss have their expectation alone.
    """
    confidence = probabilities.max(axis=1).astype(float)
    bins = Confidence(confidence, confidence).bins(n_bins)
    members = {name: each.membership(confidence) for name, each in bins.items()}
    members["overconfidence"] = np.ones((len(confidence), 1))
    rng = np.random.default_rng(seed)
    drawn = []
    for size in chunks_of(n_resamples, len(confidence)):
        gap = (confidence - (rng.random((size, len(confidence))) < confidence)) / len(confidence)
        drawn.append(_measures_of({name: gap @ each for name, each in members.items()}))
    means, highs = np.mean(np.concatenate(drawn), axis=0), np.percentile(np.concatenate(drawn), 95, axis=0)
    squares = (probabilities.astype(float) ** 2).sum(axis=1).mean()
    entropy = entr(probabilities.astype(float)).sum(axis=1).mean()
    return [*means, 1 - squares, entropy], [*highs, np.nan, np.nan]


def reliability_bins(probabilities: np.ndarray, actual: np.ndarray, n_bins: int) -> pd.DataFrame:
    """Confidence and accuracy in each bin that holds images.

    Returns
    -------
    DataFrame
        `measure` (of `ERRORS`, whose bins they are), `n_items`, `mean_confidence`, `accuracy` with its 95%
        Wilson interval (`accuracy_low`, `accuracy_high`).
    """
    judged = Confidence.of(probabilities, actual)
    tables = []
    for measure, bins in judged.bins(n_bins).items():
        members = bins.membership(judged.confidence)
        members = members[:, members.any(axis=0)]
        n, n_correct = members.sum(axis=0), judged.is_correct @ members
        low, high = wilson_interval(n_correct, n)
        columns = {"n_items": n.astype(int), "mean_confidence": judged.confidence @ members / n}
        columns |= {"accuracy": n_correct / n, "accuracy_low": low, "accuracy_high": high}
        tables.append(pd.DataFrame({"measure": measure} | columns))
    return pd.concat(tables, ignore_index=True)


def confidence_by_class(
    probabilities: np.ndarray, actual: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """One row per predicted class: `label`, `n_predicted`, `mean_confidence` in it, and `precision`.

    Both are NaN for a class that is never predicted.
    """
    predicted, judged = probabilities.argmax(axis=1), Confidence.of(probabilities, actual)
    n = np.bincount(predicted, minlength=len(classes))
    confidence, n_correct = (
        np.bincount(predicted, weights=values, minlength=len(classes))
        for values in (judged.confidence, judged.is_correct)
    )
    return pd.DataFrame(
        {
            "label": list(classes),
            "n_predicted": n,
            "mean_confidence": proportion_of(confidence, n),
            "precision": proportion_of(n_correct, n),
        }
    )
