"""Which recipe trains the better classifier, and is the difference more than luck?

Method: the recipes in `compare_models.compared` change what they say of `baseline_resnet`'s parameters and
are each trained once a seed, as stages of their own (`train_recipe`), all with the same epochs and images.
Choose by the score on validation: the one on test is for the one chosen. Trainings with the same seed share
the sample of images and their order, so a recipe is held against the first one seed by seed: the mean
difference has a t interval over the seeds, and p-values are corrected for the number of recipes (Holm 1979).
Nothing is trained while `compared` is empty, as it is by default.

How the result misleads: three seeds give intervals so wide that only large differences show, and none of them
says that two recipes are equal. They hold for other seeds, not for other images: on a small test split all
recipes may owe their score to the same lucky images. All recipes get the same epochs and learning rate; one
that needs more of them, as MixUp and larger networks do, looks worse than it is. The best of many recipes on
validation is a little worse on new images.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.runner import run_stage
from analysis.stage import Artifacts, InputError
from models.comparison_figures import plot_class_recall, plot_scores
from models.recipe_comparison import (
    paired_differences,
    recall_by_class,
    scores_of,
    summarise_recipes,
)
from models.recipes import CompareModelsParameters

CAPTIONS = {
    "comparison": "One row a recipe: mean and standard deviation over n_seeds trainings. Choose by "
    "validation; test says what to expect of the one chosen. gigaflops are of one image's forward pass, a "
    "multiplication and an addition counted as two.",
    "differences": "One row a recipe and score: the mean difference to {first}, seed by seed, with its 95% t "
    "interval over seeds; p_value_holm is corrected for the number of recipes.",
    "class_recall": "One row a class: its recall on {split} by recipe, mean over seeds.",
    "training_time": "One row a training: how long it took on this machine, and on what. Runs side by side "
    "slow one another down.",
}
HOW_TO = (
    "No recipes are compared: that trains each of them once a seed. Name some of compare_models.recipes in "
    "compare_models.compared (params.yaml), the one to compare with first, and run again; or try it with "
    '`dvc exp run -S "compare_models.compared=[baseline,resnet50]"`.'
)


def compare_models(recipes: Path, *, parameters: CompareModelsParameters) -> Artifacts:
    """Compare the trainings that `recipes` holds in folders `<recipe>-<seed>`.

    Raises
    ------
    InputError
        If a training is not there.
    """
    compared = list(parameters.compared)
    if not compared:
        return _nothing_compared()
    folders = {(name, seed): recipes / f"{name}-{seed}" for name in compared for seed in parameters.seeds}
    predictions = {key: _read(folder / "predictions.parquet") for key, folder in folders.items()}
    trainings = pd.DataFrame(
        [
            {"recipe": name, "seed": seed, **scores_of(predictions[name, seed]), **_read_size(folder)}
            for (name, seed), folder in folders.items()
        ]
    )
    comparison = summarise_recipes(trainings, compared)
    differences = paired_differences(trainings, compared)
    split = "test" if trainings["test_accuracy"].notna().any() else "validation"
    recall = recall_by_class(predictions, split)
    figures = [plot_scores(trainings, differences, compared, score=f"{split}_accuracy")]
    if len(compared) > 1:
        figures.append(plot_class_recall(recall, compared, split=split))
    return Artifacts(
        summary=_summary(comparison, len(parameters.seeds)),
        metrics=_metrics(comparison, len(trainings)),
        tables={
            "comparison": comparison.round(4),
            "differences": differences.round(5),
            "class_recall": recall.round(4),
            "training_time": _times(folders),
        },
        captions={name: text.format(first=compared[0], split=split) for name, text in CAPTIONS.items()},
        figures=figures,
        notes=_notes(parameters, trainings),
    )


def _nothing_compared() -> Artifacts:
    return Artifacts(
        summary="no recipes compared",
        metrics={"n_recipes": 0, "n_trainings": 0},
        tables={name: pd.DataFrame(columns=["recipe"]) for name in CAPTIONS},
        notes=[HOW_TO],
    )


def _read(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise InputError(f"There is no {path}: its stage, train_recipe@{path.parent.name}, has not run.")
    return pd.read_parquet(path)


def _read_size(folder: Path) -> dict[str, float]:
    size = pd.read_json(folder / "metrics.json", typ="series")
    return {name: size[name] for name in ("n_parameters", "n_flops", "n_training_images", "n_epochs")}


def _times(folders: dict[tuple[str, int], Path]) -> pd.DataFrame:
    tables = [
        pd.read_csv(folder / "timing.csv").assign(recipe=name, seed=seed)
        for (name, seed), folder in folders.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    return table[["recipe", "seed", *(name for name in table if name not in ("recipe", "seed"))]]


def _summary(comparison: pd.DataFrame, n_seeds: int) -> str:
    text = f"{len(comparison)} recipes × {n_seeds} seeds"
    if comparison["validation_macro_f1"].isna().all():
        return text
    best = comparison.loc[comparison["validation_macro_f1"].idxmax()]
    return f"{text}, best on validation {best['recipe']} (macro-F1 {best['validation_macro_f1']:.3f})"


def _metrics(comparison: pd.DataFrame, n_trainings: int) -> dict[str, float]:
    metrics: dict[str, float] = {"n_recipes": len(comparison), "n_trainings": n_trainings}
    for row in comparison.itertuples():
        for score in ("validation_macro_f1", "test_accuracy"):
            metrics[f"{score}_{row.recipe}"] = getattr(row, score)
    return metrics


def _notes(parameters: CompareModelsParameters, trainings: pd.DataFrame) -> list[str]:
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


if __name__ == "__main__":
    run_stage(compare_models)
