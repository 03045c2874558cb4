from __future__ import annotations

import pandas as pd

from analysis.model.compare_models.parameters import CompareModelsParameters

CAPTIONS = {
    "comparison": "One row per recipe: mean and standard deviation over n_seeds trainings. Choose by "
    "validation; test says what to expect of the one chosen. gigaflops are of one image's forward pass, a "
    "multiplication and an addition counted as two.",
    "differences": "One row per recipe and score: the mean difference to {first}, seed by seed, with its 95% "
    "t interval over seeds; p_value_holm is corrected for the number of recipes.",
    "class_recall": "One row per class: its recall on {split} by recipe, mean over seeds.",
    "training_time": "One row per training: how long it took on this machine, and on what. Runs side by side "
    "slow one another down.",
}
HOW_TO = (
    "No recipes are compared: that trains each of them once a seed. Name some of compare_models.recipes in "
    "compare_models.compared (params.yaml), the one to compare with first, and run again; of an audit: "
    "`deepsight audit PATH --set 'compare_models.compared=[baseline,resnet50]'`."
)


def summary_of(comparison: pd.DataFrame, n_seeds: int) -> str:
    text = f"{len(comparison)} recipes × {n_seeds} seeds"
    if comparison["validation_macro_f1"].isna().all():
        return text
    best = comparison.loc[comparison["validation_macro_f1"].idxmax()]
    return f"{text}, best on validation {best['recipe']} (macro-F1 {best['validation_macro_f1']:.3f})"


def metrics_of(comparison: pd.DataFrame, n_trainings: int) -> dict[str, float]:
    metrics: dict[str, float] = {"n_recipes": len(comparison), "n_trainings": n_trainings}
    for row in comparison.itertuples():
        for score in ("validation_macro_f1", "test_accuracy"):
            metrics[f"{score}_{row.recipe}"] = getattr(row, score)
    return metrics


def notes_on(parameters: CompareModelsParameters, trainings: pd.DataFrame) -> list[str]:
    notes = [
        f"Trained for at most {parameters.epochs} epochs on {int(trainings['n_training_images'].max()):,} "
        f"images (compare_models.epochs, compare_models.max_training_images), {len(parameters.seeds)} seeds "
        "a recipe."
    ]
    if len(parameters.seeds) < 2:
        notes.append(
            "With one seed there are no intervals: what luck does cannot be told from what a recipe does."
        )
    absent = [split for split in ("validation", "test") if trainings[f"{split}_accuracy"].isna().all()]
    notes += [f"There is no {split} split: its scores are missing." for split in absent]
    return notes
