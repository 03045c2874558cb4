from __future__ import annotations

import pandas as pd

from analysis.interpret.hard_examples.pairs import Pairs
from analysis.interpret.judged_images import split_note
from analysis.statistics.proportions import proportion_of

CAPTIONS = {
    "hard_examples": "One row per labelled, readable image: loss in nats, forgetting events and area under "
    "the margin (null if not trained on), its ranks (1 the hardest) and hardness (0 to 1) among images of "
    "its split, the confused pair it is nearest to and the log odds of its label against the "
    "pair's other class. is_worth_repeating: what retrain_on_hard would show more often.",
    "hardest": "The images with the highest hardness, which is their mean percentile by loss, forgetting and "
    "area under the margin within their split, 1 the hardest. label_doubted says whether label_issues lists "
    "the label as probably wrong: look at these first, and relabel rather than train on them harder.",
    "confused_pairs": "One row per pair of classes, most confused first. confusion is the mean probability "
    "that an image of one is given of being the other ({chosen_on}). n_mistaken of the n_items of the two "
    "({judged}) were taken for one another, with the 95% interval of their share; for n_ambiguous neither "
    "class got more than three times the probability of the other.",
    "agreement": "One row two rankings of the same images. spearman is 1 if they agree, 0 if they have "
    "nothing in common; shared_fraction the share of the images hardest by either that are hardest by both. "
    "label_doubt ranks by the out-of-sample probability of the label in label_issues.",
    "label_doubt": "Are hard images those with doubtful labels? One row per ranking: of n_items, n_hard are "
    "the hardest by it, n_suspected have a label that label_issues lists, n_both are both. The odds ratio is "
    "1 if these have nothing to do with each other.",
}


def captions_of(pairs: Pairs) -> dict[str, str]:
    facts = {"chosen_on": pairs.chosen_on, "judged": pairs.judged}
    return {name: text.format(**facts) for name, text in CAPTIONS.items()}


def summary_of(images: pd.DataFrame, by_class: pd.DataFrame) -> str:
    n_trained_on = int(images["was_trained_on"].sum())
    hardest = by_class["label"].iloc[0]
    return (
        f"{len(images):,} images ranked, {by_class['n_never_learnt'].sum():,} of {n_trained_on:,} trained on "
        f"never learnt and {by_class['n_forgotten'].sum():,} forgotten, the hardest class is {hardest}"
    )


def metrics_of(
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
        "n_items": len(images),
        "n_trained_on": int(n_trained_on),
    }


def notes_on(images: pd.DataFrame, pairs: Pairs) -> list[str]:
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
