from __future__ import annotations

import pandas as pd

from analysis.contract import Artifacts, Figure, NothingToJudgeError
from analysis.interpret.hard_examples.agreement import tabulate_agreement, tabulate_label_doubts
from analysis.interpret.hard_examples.figures import (
    plot_class_hardness,
    plot_dataset_map,
    plot_hardest_by_loss,
    plot_hardest_by_margin,
    plot_pair_images,
)
from analysis.interpret.hard_examples.hardness import (
    CRITERIA,
    hardest_by,
    measure_hardness,
    rank_within,
    worth_repeating,
)
from analysis.interpret.hard_examples.notes import captions_of, metrics_of, notes_on, summary_of
from analysis.interpret.hard_examples.pairs import Pairs, with_pairs
from analysis.interpret.hard_examples.parameters import HardExamplesParameters
from analysis.statistics.proportions import proportion_of, wilson_interval


def hard_examples(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    predictions: pd.DataFrame,
    training_dynamics: pd.DataFrame,
    label_issues: pd.DataFrame,
    *,
    parameters: HardExamplesParameters,
) -> Artifacts:
    """Rank every labelled, predicted image, and compare the rankings with one another and with label doubts.

    Raises
    ------
    NothingToJudgeError
        If no image has both a label and a prediction.
    """
    images = measure_hardness(predictions, training_dynamics)
    if images.empty:
        raise NothingToJudgeError("no image has both a label and a prediction, which could be ranked")
    images = _with_doubts(images, label_issues)
    pairs, images = with_pairs(images, predictions, parameters.n_pairs)
    agreement = tabulate_agreement(images, parameters.hardest_fraction)
    doubts = tabulate_label_doubts(images, parameters.hardest_fraction)
    by_class = tabulate_class_hardness(images, parameters.hardest_fraction)
    images = images.assign(is_worth_repeating=worth_repeating(images, parameters.hardest_fraction))
    return Artifacts(
        summary=summary_of(images, by_class),
        metrics=metrics_of(images, agreement, doubts, pairs),
        tables={
            "hard_examples": _ranked(images),
            "hardest": _hardest(images, cleaned_manifest, parameters.n_listed),
            "confused_pairs": pairs.table.drop(columns=["first", "second"]).round(4),
            "agreement": agreement.round(4),
            "label_doubt": doubts.round(3),
        },
        captions=captions_of(pairs),
        figures=_figures(images, by_class, pairs, cleaned_manifest, scan, parameters),
        notes=notes_on(images, pairs),
    )


def _with_doubts(images: pd.DataFrame, label_issues: pd.DataFrame) -> pd.DataFrame:
    """`is_suspected` and `label_doubt` (0 to 1) of labels that `label_issues` judged and nobody changed."""
    judged = label_issues[["item_id", "label", "is_issue", "self_confidence"]]
    merged = images[["item_id"]].merge(judged, on="item_id", how="left", validate="1:1")
    is_same = merged["label"].astype(object).eq(images["label"].astype(object).to_numpy())
    return images.assign(
        is_suspected=merged["is_issue"].eq(True).to_numpy() & is_same.to_numpy(),
        label_doubt=(1 - merged["self_confidence"]).where(is_same).to_numpy(),
    )


def tabulate_class_hardness(images: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """One row per class, the hardest first: its share of hard images, and how training went with it.

    Returns
    -------
    DataFrame
        `label`, `n_items`, `n_hard`, `hard_fraction` with its Wilson interval; of the images trained on
        `n_trained_on`, `n_always_kept` (learnt and never forgotten), `n_forgotten`, `n_never_learnt`.
    """
    is_forgotten = images["n_forgetting_events"].gt(0).fillna(False)
    never = images["is_never_learnt"].eq(True).fillna(False)
    marked = images[["label"]].assign(
        n_items=1,
        n_hard=hardest_by(images["hardness_percentile"], fraction),
        n_trained_on=images["was_trained_on"],
        n_always_kept=images["was_trained_on"] & ~is_forgotten & ~never,
        n_forgotten=is_forgotten & ~never,
        n_never_learnt=never,
    )
    table = marked.groupby("label", observed=False).sum().astype(int).reset_index()
    low, high = wilson_interval(table["n_hard"].to_numpy(), table["n_items"].to_numpy())
    shares = {
        "hard_fraction": proportion_of(table["n_hard"], table["n_items"]),
        "hard_low": low,
        "hard_high": high,
    }
    table = table.assign(label=table["label"].astype(str), **shares)
    return table.sort_values("hard_fraction", ascending=False, kind="stable", ignore_index=True)


def _ranked(images: pd.DataFrame) -> pd.DataFrame:
    """The table for programs: measures, ranks (1 the hardest) and hardness."""
    distance = -images["pair_log_odds"].abs()
    by_pair = distance.groupby([images["pair"], images["split"]], observed=True)
    return images.assign(
        **{f"{name}_rank": rank_within(images[f"{name}_percentile"], images) for name in CRITERIA},
        pair_rank=by_pair.rank(method="min", ascending=False).astype("Int64"),
    ).drop(columns=[column for column in images if column.endswith("_percentile")])


def _hardest(images: pd.DataFrame, manifest: pd.DataFrame, n: int) -> pd.DataFrame:
    """The table for people."""
    worst = images.sort_values(["hardness", "loss"], ascending=False, kind="stable").head(n)
    paths = manifest.set_index("item_id")["path"]
    return pd.DataFrame(
        {
            "path": paths.loc[worst["item_id"]].to_numpy(),
            "split": worst["split"].to_numpy(),
            "label": worst["label"].to_numpy(),
            "predicted_label": worst["predicted_label"].to_numpy(),
            "loss": worst["loss"].round(3).to_numpy(),
            "n_forgetting_events": worst["n_forgetting_events"].to_numpy(),
            "area_under_margin": worst["area_under_margin"].round(2).to_numpy(),
            "hardness": worst["hardness"].round(3).to_numpy(),
            "label_doubted": worst["is_suspected"].map({True: "yes", False: "no"}).to_numpy(),
        }
    )


def _figures(
    images: pd.DataFrame,
    by_class: pd.DataFrame,
    pairs: Pairs,
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    parameters: HardExamplesParameters,
) -> list[Figure]:
    measured = scan.set_index("item_id").loc[images["item_id"]]
    pictured = images.assign(
        path=manifest.set_index("item_id")["path"].loc[images["item_id"]].to_numpy(),
        value_range=measured["value_range"].to_numpy(object),
        is_truncated=measured["status"].eq("truncated").to_numpy(),
    )
    trained_on, others = (pictured[pictured["was_trained_on"] == was] for was in (True, False))
    figures = [plot_class_hardness(by_class, parameters.hardest_fraction)]
    if len(trained_on):
        figures += [plot_dataset_map(trained_on), plot_hardest_by_margin(trained_on, parameters.n_shown)]
    if len(others):
        figures.append(plot_hardest_by_loss(others, parameters.n_shown))
    if len(pairs.table):
        near = pictured[pictured["split"] == pairs.judged]
        figures.append(plot_pair_images(near, pairs.table, split=pairs.judged))
    return figures
