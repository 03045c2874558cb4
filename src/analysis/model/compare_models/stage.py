from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.contract import Artifacts, InputError
from analysis.model.compare_models.comparison import (
    paired_differences,
    recall_by_class,
    scores_of,
    summarise_recipes,
)
from analysis.model.compare_models.figures import plot_class_recall, plot_scores
from analysis.model.compare_models.notes import CAPTIONS, HOW_TO, metrics_of, notes_on, summary_of
from analysis.model.compare_models.parameters import CompareModelsParameters


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
        summary=summary_of(comparison, len(parameters.seeds)),
        metrics=metrics_of(comparison, len(trainings)),
        tables={
            "comparison": comparison.round(4),
            "differences": differences.round(5),
            "class_recall": recall.round(4),
            "training_time": _times(folders),
        },
        captions={name: text.format(first=compared[0], split=split) for name, text in CAPTIONS.items()},
        figures=figures,
        notes=notes_on(parameters, trainings),
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
