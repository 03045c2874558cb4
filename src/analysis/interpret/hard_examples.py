"""Which images are hard for the classifier, do the ways to say so agree, and are their labels right?

Method: three rankings. By loss: the negative log-likelihood of the label under the trained classifier, in
every split. By training: how often an image was right in one epoch and wrong in the next (forgetting events,
Toneva et al. 2019; never learnt counts as most), and the area under the margin (mean over epochs of the
label's logit minus the largest other; Pleiss et al. 2020). By confused pair: for the two classes that the
classifier takes for one another most (by its probabilities on validation), the images nearest to the boundary
between them. Hardness is the mean of the percentiles by loss, forgetting and margin, each among images of the
same split: ranks because the three have different units and heavy tails, their plain mean because nothing on
a new dataset says which to trust more. The agreement of the rankings is Spearman's correlation and the share
of the hardest images that two of them have in common. The odds ratio sets hard images against those whose
label `label_issues` doubts.

With `retrain`, a network is trained again from the same start, to which the images hard in training and those
nearest to the boundaries of the confused pairs are shown more often, but for those with a doubted label; it
is held against a control that sees as many more images drawn at random.

How the result misleads: hard for this classifier is not hard for a person, nor for a larger network. A wrong
label is hard too, and is often learnt by heart in the end: then its loss is low, its margin is not. Training
harder on such images teaches errors, so relabel them first. `label_issues` uses another model, but it too
finds rare views doubtful, so overlap is no proof. Few epochs leave few chances to forget. Pleiss et al. find
the margin below which a label is wrong by giving some images to a class that does not exist; training here
has no such class, so that only the order of margins can be read, not their sign. A second training is one
training: another seed may turn the sign of a small gain, whatever its interval over images says. The
intervals treat images as independent; that of a correlation is approximate where most images tie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from analysis.interpret.hard_example_figures import (
    plot_class_hardness,
    plot_dataset_map,
    plot_hardest_by_loss,
    plot_hardest_by_margin,
    plot_pair_images,
)
from analysis.interpret.hard_example_mining import compare_training, hard_to_repeat, tabulate_gains
from analysis.interpret.hardness import (
    CRITERIA,
    compare_rankings,
    confused_pairs,
    hardest_by,
    log_probabilities,
    measure_hardness,
    nearest_pair,
    odds_ratio,
    rank_within,
    tabulate_pairs,
)
from analysis.interpret.judged_images import split_note, split_to_judge
from analysis.proportions import proportion_of, wilson_interval
from analysis.runner import run_stage
from analysis.stage import Artifacts, Figure, InputError, StageParameters
from models.baseline_resnet import BaselineResnetParameters

CAPTIONS = {
    "hard_examples": "One row a labelled, readable image: loss in nats, forgetting events and area under the "
    "margin (null if not trained on), its ranks (1 the hardest) and hardness (0 to 1) among images of its "
    "split, the confused pair it is nearest to and the log odds of its label against the pair's other class.",
    "hardest": "The images with the highest hardness, which is their mean percentile by loss, forgetting and "
    "area under the margin within their split, 1 the hardest. label_doubted says whether label_issues lists "
    "the label as probably wrong: look at these first, and relabel rather than train on them harder.",
    "confused_pairs": "One row a pair of classes, most confused first. confusion is the mean probability "
    "that an image of one is given of being the other ({chosen_on}). n_mistaken of the n_images of the two "
    "({judged}) were taken for one another, with the 95% interval of their share; for n_ambiguous neither "
    "class got more than three times the probability of the other.",
    "agreement": "One row two rankings of the same images. spearman is 1 if they agree, 0 if they have "
    "nothing in common; shared_fraction the share of the images hardest by either that are hardest by both. "
    "label_doubt ranks by the out-of-sample probability of the label in label_issues.",
    "mining": "One row a split and group of classes: accuracy of a network that saw the hard images "
    "{n_repeats} times more often, and of its control, which saw as many more images at random; gain is the "
    "difference on the same images, with its 95% interval (Newcombe 1998), p_value_holm that of McNemar's "
    "test. Validation chose the pairs and the epochs: believe test.",
    "label_doubt": "Are hard images those with doubtful labels? One row a ranking: of n_images, n_hard are "
    "the hardest by it, n_suspected have a label that label_issues lists, n_both are both. The odds ratio is "
    "1 if these have nothing to do with each other.",
}


class HardExamplesParameters(StageParameters):
    retrain: bool
    n_repeats: Annotated[int, Field(ge=1, le=20)]
    hardest_fraction: Annotated[float, Field(gt=0, le=0.5)]
    n_pairs: Annotated[int, Field(ge=1, le=20)]
    n_listed: Annotated[int, Field(ge=1, le=10_000)]
    n_shown: Annotated[int, Field(ge=1, le=200)]


@dataclass(frozen=True)
class Pairs:
    """The confused pairs, the split they were chosen on and the one they are described on."""

    table: pd.DataFrame
    chosen_on: str
    judged: str


def hard_examples(
    cleaned_manifest: pd.DataFrame,
    scan: pd.DataFrame,
    predictions: pd.DataFrame,
    training_dynamics: pd.DataFrame,
    label_issues: pd.DataFrame,
    normalisation: pd.DataFrame,
    methods: pd.DataFrame,
    augmentations: pd.DataFrame,
    thumbnails: np.ndarray,
    *,
    parameters: HardExamplesParameters,
    baseline_resnet: BaselineResnetParameters,
    seed: int,
) -> Artifacts:
    """Rank every labelled, predicted image, and compare the rankings with one another and with label doubts.

    `normalisation` and what stands after it serve the second training alone.

    Raises
    ------
    InputError
        If no image has both a label and a prediction.
    """
    images = measure_hardness(predictions, training_dynamics)
    if images.empty:
        raise InputError("No image has both a label and a prediction: there is nothing to rank.")
    images = _with_doubts(images, label_issues)
    pairs, images = _with_pairs(images, predictions, parameters.n_pairs)
    agreement = _agreement(images, parameters.hardest_fraction)
    doubts = _label_doubts(images, parameters.hardest_fraction)
    by_class = tabulate_classes(images, parameters.hardest_fraction)
    gains = _retrain(
        images,
        pairs,
        (cleaned_manifest, scan, normalisation, methods, augmentations, thumbnails),
        parameters=parameters,
        baseline=baseline_resnet,
        seed=seed,
    )
    return Artifacts(
        summary=_summary(images, by_class),
        metrics=_metrics(images, agreement, doubts, pairs),
        tables={
            "hard_examples": _ranked(images),
            "hardest": _hardest(images, cleaned_manifest, parameters.n_listed),
            "confused_pairs": pairs.table.drop(columns=["first", "second"]).round(4),
            "agreement": agreement.round(4),
            "label_doubt": doubts.round(3),
            "mining": gains.round(4),
        },
        captions=_captions(pairs, gains, parameters.n_repeats),
        figures=_figures(images, by_class, pairs, cleaned_manifest, scan, parameters),
        notes=_notes(images, pairs),
    )


def _with_doubts(images: pd.DataFrame, label_issues: pd.DataFrame) -> pd.DataFrame:
    """`is_suspected` and `label_doubt` (0 to 1) of labels that `label_issues` judged and nobody changed."""
    judged = label_issues[["image_id", "label", "is_issue", "self_confidence"]]
    merged = images[["image_id"]].merge(judged, on="image_id", how="left", validate="1:1")
    is_same = merged["label"].astype(object).eq(images["label"].astype(object).to_numpy())
    return images.assign(
        is_suspected=merged["is_issue"].eq(True).to_numpy() & is_same.to_numpy(),
        label_doubt=(1 - merged["self_confidence"]).where(is_same).to_numpy(),
    )


def _with_pairs(images: pd.DataFrame, predictions: pd.DataFrame, n_pairs: int) -> tuple[Pairs, pd.DataFrame]:
    """The most confused pairs, chosen without the test split, and each image's place between them."""
    judged = predictions.set_index("image_id").loc[images["image_id"]]
    held_out = judged[judged["split"] == "validation"]
    chosen_on = "validation" if len(held_out) else split_to_judge(judged)
    chosen = judged[judged["split"] == chosen_on]
    pairs = confused_pairs(
        np.exp(log_probabilities(chosen)),
        chosen["label"].cat.codes.to_numpy(),
        list(judged["label"].cat.categories),
        n_pairs=n_pairs,
    )
    split = split_to_judge(judged)
    described = tabulate_pairs(pairs, judged[judged["split"] == split])
    near = nearest_pair(judged, pairs).set_axis(images.index)
    images = images.assign(pair=near["pair"], pair_log_odds=near["pair_log_odds"])
    table = described.assign(first=pairs["first"], second=pairs["second"])
    return Pairs(table, chosen_on, split), images


def _retrain(
    images: pd.DataFrame,
    pairs: Pairs,
    tables: tuple[pd.DataFrame | np.ndarray, ...],
    *,
    parameters: HardExamplesParameters,
    baseline: BaselineResnetParameters,
    seed: int,
) -> pd.DataFrame:
    """What a second training on the hard images gains, if one is asked for; see `hard_example_mining`."""
    if not (parameters.retrain and images["was_trained_on"].any()):
        return pd.DataFrame(columns=["split"])
    is_hard = hardest_by(images["hardness_percentile"], parameters.hardest_fraction)
    predictions = compare_training(
        *tables,
        trained_on=images.loc[images["was_trained_on"], "image_id"],
        repeated=hard_to_repeat(images, is_hard, parameters.hardest_fraction),
        n_repeats=parameters.n_repeats,
        baseline=baseline,
        seed=seed,
    )
    return tabulate_gains(predictions, {*pairs.table["first_label"], *pairs.table["second_label"]})


def _captions(pairs: Pairs, gains: pd.DataFrame, n_repeats: int) -> dict[str, str]:
    """Without that of the second training if there was none: the report shows no empty table."""
    facts = {"chosen_on": pairs.chosen_on, "judged": pairs.judged, "n_repeats": n_repeats}
    return {name: text.format(**facts) for name, text in CAPTIONS.items() if name != "mining" or len(gains)}


def _agreement(images: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """Of images trained on all rankings, of others those two that they have."""
    tables = []
    for kind, members, criteria in _kinds_of(images):
        columns = {f"{name}_percentile": name for name in criteria}
        percentiles = members[[*columns]].rename(columns=columns)
        percentiles["label_doubt"] = members["label_doubt"].rank(pct=True)
        table = compare_rankings(percentiles, fraction)
        table.insert(0, "images", kind)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _label_doubts(images: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """For each ranking, whether its hardest images are those with suspected labels."""
    rows = []
    for kind, members, criteria in _kinds_of(images):
        for name in dict.fromkeys([*criteria, "hardness"] if len(criteria) > 1 else criteria):
            is_hard = hardest_by(members[f"{name}_percentile"], fraction)
            counts = odds_ratio(is_hard, members["is_suspected"])
            rows.append({"images": kind, "ranking": name, "n_images": len(members), **counts})
    return pd.DataFrame(rows)


def _kinds_of(images: pd.DataFrame) -> list[tuple[str, pd.DataFrame, tuple[str, ...]]]:
    """The images trained on and the others, each with the criteria that rank them."""
    trained_on = images["was_trained_on"]
    return [("trained on", images[trained_on], CRITERIA), ("not trained on", images[~trained_on], ("loss",))]


def tabulate_classes(images: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """One row a class, the hardest first: its share of hard images, and how training went with it.

    Returns
    -------
    DataFrame
        `label`, `n_images`, `n_hard`, `hard_fraction` with its Wilson interval; of the images trained on
        `n_trained_on`, `n_always_kept` (learnt and never forgotten), `n_forgotten`, `n_never_learnt`.
    """
    is_forgotten = images["n_forgetting_events"].gt(0).fillna(False)
    never = images["is_never_learnt"].eq(True).fillna(False)
    marked = images[["label"]].assign(
        n_images=1,
        n_hard=hardest_by(images["hardness_percentile"], fraction),
        n_trained_on=images["was_trained_on"],
        n_always_kept=images["was_trained_on"] & ~is_forgotten & ~never,
        n_forgotten=is_forgotten & ~never,
        n_never_learnt=never,
    )
    table = marked.groupby("label", observed=False).sum().astype(int).reset_index()
    low, high = wilson_interval(table["n_hard"].to_numpy(), table["n_images"].to_numpy())
    shares = {
        "hard_fraction": proportion_of(table["n_hard"], table["n_images"]),
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
    paths = manifest.set_index("image_id")["path"]
    return pd.DataFrame(
        {
            "path": paths.loc[worst["image_id"]].to_numpy(),
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
    pictured = images.assign(
        path=manifest.set_index("image_id")["path"].loc[images["image_id"]].to_numpy(),
        is_truncated=scan.set_index("image_id")["status"].loc[images["image_id"]].eq("truncated").to_numpy(),
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


def _summary(images: pd.DataFrame, by_class: pd.DataFrame) -> str:
    n_trained_on = int(images["was_trained_on"].sum())
    hardest = by_class["label"].iloc[0]
    return (
        f"{len(images):,} images ranked, {by_class['n_never_learnt'].sum():,} of {n_trained_on:,} trained on "
        f"never learnt and {by_class['n_forgotten'].sum():,} forgotten, the hardest class is {hardest}"
    )


def _metrics(
    images: pd.DataFrame, agreement: pd.DataFrame, doubts: pd.DataFrame, pairs: Pairs
) -> dict[str, float]:
    never = images["is_never_learnt"].eq(True).fillna(False)
    n_trained_on = images["was_trained_on"].sum()
    rho = agreement[agreement["images"] == "trained on"].set_index(["first", "second"])
    doubt = doubts[doubts["images"] == "trained on"].set_index("ranking").loc["hardness"]
    n_forgotten = (images["n_forgetting_events"].gt(0).fillna(False) & ~never).sum()
    return {
        "never_learnt_fraction": float(proportion_of(never.sum(), n_trained_on)),
        "forgotten_fraction": float(proportion_of(n_forgotten, n_trained_on)),
        "largest_confusion": pairs.table["confusion"].max(),
        "spearman_loss_margin": rho.loc[("loss", "margin"), "spearman"],
        "spearman_loss_forgetting": rho.loc[("loss", "forgetting"), "spearman"],
        "spearman_forgetting_margin": rho.loc[("forgetting", "margin"), "spearman"],
        "spearman_margin_label_doubt": rho.loc[("margin", "label_doubt"), "spearman"],
        "n_never_learnt_suspected": int((never & images["is_suspected"]).sum()),
        "doubt_odds_ratio": doubt["odds_ratio"],
        "doubt_odds_ratio_low": doubt["odds_ratio_low"],
        "doubt_odds_ratio_high": doubt["odds_ratio_high"],
        "n_images": len(images),
        "n_trained_on": int(n_trained_on),
    }


def _notes(images: pd.DataFrame, pairs: Pairs) -> list[str]:
    never = images["is_never_learnt"].eq(True).fillna(False)
    n_left_out = int((images["split"].eq("train") & ~images["was_trained_on"]).sum())
    notes = [split_note(pairs.judged)]
    if not images["was_trained_on"].any():
        notes.append(
            "Nothing is known of how training went (the classifier's weights come from elsewhere): images "
            "are ranked by loss and by confused pair alone."
        )
    elif n_left_out:
        notes.append(
            f"{n_left_out:,} training images were not trained on (baseline_resnet.max_training_images): they "
            "are ranked by loss and by confused pair, among themselves."
        )
    if pairs.table.empty:
        notes.append(f"The {pairs.chosen_on} split has images of one class alone: no pair can be confused.")
    if not images["is_suspected"].any():
        notes.append(
            "label_issues lists no label as probably wrong: hard images are hard, not mislabelled, as far as "
            "can be told, and there is no odds ratio."
        )
    if n := int((never & images["is_suspected"]).sum()):
        notes.append(
            f"{n:,} images were never learnt and have a label that label_issues lists: relabel these first."
        )
    return [note for note in notes if note]


if __name__ == "__main__":
    run_stage(hard_examples)
