"""What a change did to the classifier, on the test images that both states judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.comparison.sides import Side
from analysis.statistics.bootstrap import chunks_of, percentile_interval
from analysis.statistics.classification import confusion_counts, image_log_losses
from analysis.statistics.paired import accuracy_gain, mcnemar_p_value, newcombe_interval
from analysis.statistics.proportions import proportion_of
from analysis.statistics.rank_tests import holm

PREDICTIONS = "data/predictions.parquet"
OUTCOMES = "analysis_outputs/corruption_trials/corruption_outcomes.parquet"
SIDES = ("before", "after")
N_RESAMPLES, SEED = 1000, 0
N_BINS = 15  # of the calibration error, of equal width
SURE = 0.05  # of a p-value after correction


@dataclass(frozen=True)
class ModelChange:
    """Attributes
    ----------
    n_items, n_left_out
        Test images that both judged under one label, and that only one did or under another label.
    scores
        One row per measure: `measure`, `before`, `after`, `change`, and its 95% interval `low`, `high`.
    recalls
        One row per class: as `scores`, with `n_items` and Holm's `p_value`.
    corruptions
        One row per corruption, as `recalls`; of the images that both tried.
    flips
        One row per image whose prediction is another: ids and paths of both, `label`, `predicted_before`,
        `predicted_after`, `flip` ("right to wrong" first).
    """

    n_items: int
    n_left_out: int
    scores: pd.DataFrame
    recalls: pd.DataFrame
    corruptions: pd.DataFrame
    flips: pd.DataFrame


def model_change(before: Side, after: Side, images: pd.DataFrame) -> ModelChange | None:
    """None where one of the states judged nothing, or no image was judged by both."""
    old, new = before.table(PREDICTIONS), after.table(PREDICTIONS)
    if old is None or new is None:
        return None
    pairs, n_left_out = _paired(old, new, images)
    if pairs.empty:
        return None
    classes = sorted(set(pairs["label"]) | set(pairs["predicted_before"]) | set(pairs["predicted_after"]))
    return ModelChange(
        len(pairs),
        n_left_out,
        _scores(pairs, classes),
        _recalls(pairs),
        _corruptions(before.table(OUTCOMES), after.table(OUTCOMES), images),
        _flips(pairs),
    )


def _paired(old: pd.DataFrame, new: pd.DataFrame, images: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """One row per test image that both states judged under the same label."""
    sides = {"before": _judged(old), "after": _judged(new)}
    pairs = images[images["kept"]]
    for name, judged in sides.items():
        pairs = pairs.merge(
            judged.add_suffix(f"_{name}"), left_on=f"item_id_{name}", right_on=f"judged_id_{name}"
        )
    pairs = pairs[pairs["true_before"] == pairs["true_after"]]
    n_left_out = sum(len(judged) - len(pairs) for judged in sides.values())
    return pairs.rename(columns={"true_before": "label"}).reset_index(drop=True), n_left_out


def _judged(predictions: pd.DataFrame) -> pd.DataFrame:
    """The labelled test images, and the loss, the confidence and the prediction of each."""
    rows = predictions[(predictions["split"] == "test") & predictions["is_correct"].notna()]
    classes = predictions["predicted_label"].cat.categories.astype(str)
    labels = rows["label"].astype("string")
    probabilities = np.stack(rows["probabilities"].to_list()) if len(rows) else np.zeros((0, len(classes)))
    return pd.DataFrame(
        {
            "judged_id": rows["item_id"].astype("Int64"),
            "true": labels,
            "predicted": rows["predicted_label"].astype("string"),
            "confidence": probabilities.max(axis=1, initial=0.0),
            "loss": image_log_losses(probabilities, classes.get_indexer(labels)),
        }
    )


def _scores(pairs: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Accuracy by Newcombe's interval, all else by resampling the images, the same for both states."""
    right = {
        side: (pairs[f"predicted_{side}"] == pairs["label"]).to_numpy(bool) for side in ("before", "after")
    }
    gain, low, high = accuracy_gain(right["before"], right["after"])
    rows = [("accuracy", right["before"].mean(), right["after"].mean(), gain, low, high)]
    index = pd.Index(classes)
    actual = index.get_indexer(pairs["label"])
    states = [
        (
            index.get_indexer(pairs[f"predicted_{side}"]),
            pairs[f"loss_{side}"].to_numpy(float),
            pairs[f"confidence_{side}"].to_numpy(float),
        )
        for side in SIDES
    ]
    whole = np.arange(len(pairs))
    once = [_measures(actual, *state, whole, len(classes)) for state in states]
    rng = np.random.default_rng(SEED)
    resampled = []
    for size in chunks_of(N_RESAMPLES, len(pairs)):
        for drawn in rng.integers(len(pairs), size=(size, len(pairs))):
            first, second = (_measures(actual, *state, drawn, len(classes)) for state in states)
            resampled.append([second[name] - first[name] for name in first])
    lows, highs = percentile_interval(np.array(resampled))
    rows += [
        (name, once[0][name], once[1][name], once[1][name] - once[0][name], lows[i], highs[i])
        for i, name in enumerate(once[0])
    ]
    return pd.DataFrame(rows, columns=["measure", "before", "after", "change", "low", "high"])


def _measures(
    actual: np.ndarray,
    predicted: np.ndarray,
    losses: np.ndarray,
    confidence: np.ndarray,
    drawn: np.ndarray,
    n_classes: int,
) -> dict[str, float]:
    """Of the images `drawn`."""
    counts = confusion_counts(actual[drawn], predicted[drawn], n_classes=n_classes)
    right, n_items, n_predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    recall, f1 = proportion_of(right, n_items), proportion_of(2 * right, n_items + n_predicted)
    bins = np.minimum((confidence[drawn] * N_BINS).astype(int), N_BINS - 1)
    gap = (actual[drawn] == predicted[drawn]) - confidence[drawn]
    return {
        "balanced_accuracy": float(np.nanmean(recall)),
        "macro_f1": float(np.nanmean(f1)),
        "log_loss": float(losses[drawn].mean()),
        "expected_calibration_error": float(
            np.abs(np.bincount(bins, gap, minlength=N_BINS)).sum() / len(drawn)
        ),
    }


def _recalls(pairs: pd.DataFrame) -> pd.DataFrame:
    right = pd.DataFrame(
        {
            "group": pairs["label"],
            "before": pairs["predicted_before"] == pairs["label"],
            "after": pairs["predicted_after"] == pairs["label"],
        }
    )
    return _by_group(right).rename(columns={"group": "label"})


def _corruptions(old: pd.DataFrame | None, new: pd.DataFrame | None, images: pd.DataFrame) -> pd.DataFrame:
    """Accuracy under each corruption, over all severities; a trial is an image, a corruption, a severity."""
    if old is None or new is None:
        return _by_group(pd.DataFrame({"group": [], "before": [], "after": []})).rename(
            columns={"group": "corruption"}
        )
    pairs = images.loc[images["kept"], ["item_id_before", "item_id_after"]]
    for name, outcomes in (("before", old), ("after", new)):
        is_right = outcomes["predicted_label"].astype("string") == outcomes["label"].astype("string")
        trials = outcomes[["corruption", "severity"]].assign(
            **{f"item_id_{name}": outcomes["item_id"].astype("Int64"), name: is_right}
        )
        keys = [key for key in ("corruption", "severity", f"item_id_{name}") if key in pairs]
        pairs = pairs.merge(trials, on=keys)
    pairs = pairs[pairs["corruption"] != "none"]
    return _by_group(pairs.rename(columns={"corruption": "group"})).rename(columns={"group": "corruption"})


def _by_group(right: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of `before` and `after`, boolean, by `group`; McNemar's exact test, Holm over the groups."""
    before, after = right["before"].astype(bool), right["after"].astype(bool)
    table = (
        pd.DataFrame(
            {
                "group": right["group"].astype("string"),
                "n": 1,
                "both": before & after,
                "gained": after & ~before,
                "lost": before & ~after,
            }
        )
        .groupby("group", sort=True)
        .sum()
    )
    n, both, gained, lost = (table[name].to_numpy(int) for name in ("n", "both", "gained", "lost"))
    low, high = newcombe_interval(gained, lost, n, n_both=both)
    return pd.DataFrame(
        {
            "group": table.index,
            "n_items": n,
            "before": proportion_of(both + lost, n),
            "after": proportion_of(both + gained, n),
            "change": proportion_of(gained - lost, n),
            "low": low,
            "high": high,
            "p_value": holm(mcnemar_p_value(gained, lost, n)),
        }
    )


def _flips(pairs: pd.DataFrame) -> pd.DataFrame:
    changed = pairs[pairs["predicted_before"] != pairs["predicted_after"]]
    was_right, is_right = (changed[f"predicted_{side}"] == changed["label"] for side in SIDES)
    flip = np.select([was_right, is_right], ["right to wrong", "wrong to right"], "wrong to wrong")
    columns = ["item_id_before", "item_id_after", "path_before", "path_after", "label"]
    table = changed[[*columns, "predicted_before", "predicted_after"]].assign(flip=flip)
    order = table["flip"].map({"right to wrong": 0, "wrong to right": 1, "wrong to wrong": 2})
    return table.iloc[np.lexsort([table["path_after"], order])].reset_index(drop=True)
