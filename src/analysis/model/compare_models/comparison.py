"""Scores of recipes over seeds, and their paired differences: tables to tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.statistics.classification import confusion_counts, overall_scores, per_class_scores
from analysis.statistics.paired import t_interval
from analysis.statistics.rank_tests import holm

SCORES = ("validation_macro_f1", "validation_accuracy", "test_macro_f1", "test_accuracy")


def scores_of(predictions: pd.DataFrame) -> dict[str, float]:
    """`SCORES` of one training's predictions; NaN of a split without images."""
    scores = {}
    for split in ("validation", "test"):
        overall = overall_scores(class_scores(predictions[predictions["split"] == split]))
        scores |= {f"{split}_{name}": overall[name] for name in ("macro_f1", "accuracy")}
    return scores


def class_scores(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per class; see `per_class_scores`."""
    classes = predictions["label"].cat.categories
    actual, predicted = (
        predictions[name].cat.codes.to_numpy().astype(int) for name in ("label", "predicted_label")
    )
    return per_class_scores(confusion_counts(actual, predicted, n_classes=len(classes)), classes)


def summarise_recipes(trainings: pd.DataFrame, recipes: Sequence[str]) -> pd.DataFrame:
    """One row per recipe: `n_seeds`, mean and standard deviation of each score, and the network's size.

    Parameters
    ----------
    trainings
        One row per training: `recipe`, `seed`, `SCORES`, `n_parameters`, `n_flops`.
    """
    by_recipe = trainings.groupby("recipe")
    table = pd.DataFrame({"n_seeds": by_recipe.size()})
    for score in ("validation_macro_f1", "test_macro_f1", "test_accuracy"):
        table[score] = by_recipe[score].mean()
        table[f"{score}_std"] = by_recipe[score].std(ddof=1)
    table["million_parameters"] = by_recipe["n_parameters"].first() / 1e6
    table["gigaflops"] = by_recipe["n_flops"].first() / 1e9
    return table.loc[list(recipes)].reset_index()


def paired_differences(trainings: pd.DataFrame, recipes: Sequence[str]) -> pd.DataFrame:
    """How each recipe differs from the first in each score, seed by seed.

    Returns
    -------
    DataFrame
        `recipe`, `score`, `n_seeds`, `difference` (mean over seeds; positive: better than the first recipe)
        with its 95% t interval, `p_value` of the paired t-test, and `p_value_holm`, corrected for the number
        of recipes. With one seed the interval is NaN.
    """
    tables = []
    for score in SCORES:
        by_seed = trainings.pivot(index="seed", columns="recipe", values=score)
        rows = [
            {"recipe": name, "score": score, **t_interval((by_seed[name] - by_seed[recipes[0]]).to_numpy())}
            for name in recipes[1:]
        ]
        table = pd.DataFrame(rows, columns=["recipe", "score", *t_interval(np.empty(0))])
        tables.append(table.assign(p_value_holm=holm(table["p_value"].to_numpy())))
    return pd.concat(tables, ignore_index=True)


def recall_by_class(predictions: dict[tuple[str, int], pd.DataFrame], split: str) -> pd.DataFrame:
    """Recall of each class on `split` by recipe, mean over seeds.

    Parameters
    ----------
    predictions
        By recipe and seed.

    Returns
    -------
    DataFrame
        `label`, `n_items`, and one column a recipe, of its name.
    """
    parts = []
    for (recipe, _), table in predictions.items():
        scores = class_scores(table[table["split"] == split])
        parts.append(scores[["label", "n_items", "recall"]].assign(recipe=recipe))
    recipes = list(dict.fromkeys(recipe for recipe, _ in predictions))
    long = pd.concat(parts)
    labels = parts[0]["label"]
    wide = long.pivot_table(index="label", columns="recipe", values="recall", aggfunc="mean", dropna=False)
    counts = parts[0].set_index("label")["n_items"]
    return wide.loc[labels, recipes].assign(n_items=counts).reset_index()[["label", "n_items", *recipes]]
