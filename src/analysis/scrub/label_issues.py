"""Which labels are probably wrong?

Method: every labelled image gets class probabilities from a model that saw neither it nor a copy of it
(stratified cross-validation over the images of all splits together: a label can be wrong in any of them, and
one model for all judges them by one measure). Confident learning (Northcutt, Jiang and Chuang 2021, with
noise measured on anchors; see `confident_learning`) turns these into the probability that a label is wrong.
The default model is a perceptron on the embeddings: it ranks planted errors far better than a random forest
on the scan's measures and thumbnails, in less time (see benchmarks/README.md).

How the result misleads: what the model finds hard, it doubts. A rare view of a class, or a class that looks
like another, is doubted more than a common one; look before relabelling. Read everything beside
`out_of_sample_accuracy`: a weak model misses most errors, and measures too much noise in classes it cannot
tell apart. Errors that follow a rule (all huskies labelled wolf) are learnt by the model and not found. The
score takes the model at its word: where labels are nearly clean, most of the few listed are unusual pictures
with right labels, whatever their score.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from analysis.proportions import proportion_of, wilson_interval
from analysis.runner import run_stage
from analysis.scrub.confident_learning import (
    Verdict,
    judge,
    normalised_margin,
    self_confidence,
)
from analysis.scrub.label_issue_figures import (
    plot_class_noise,
    plot_noise_matrix,
    plot_scores,
    plot_suspects,
)
from analysis.stage import Artifacts, Figure, FindingKind, StageParameters, findings_of

MEASURED = ("ok", "truncated")  # of the scan's statuses, those with a picture
SCORES = ("score", "self_confidence", "normalised_margin")
NEARLY_CLEAN = 0.02  # estimated noise; below it, unusual pictures outnumber wrong labels
STRONG_ACCURACY, FAIR_ACCURACY = 0.9, 0.7  # of a model out of sample; between and below, words of caution

SUSPECTED_LABEL = FindingKind(
    "suspected_label_error",
    "Label that is probably wrong",
    "medium",
    "A wrong label teaches a model a falsehood in training, and in a test counts right answers as mistakes.",
    "Look at the picture; correct the label if it is wrong, test images first. The score is the probability "
    "that it is.",
)
NOISY_CLASS = FindingKind(
    "noisy_class",
    "Class many of whose labels are wrong",
    "high",
    "Even pictures that are typical of the class are often labelled otherwise: labelling did not follow a "
    "rule that can be seen in the pictures.",
    "Look at its suspected labels and at the class it is confused with; settle what distinguishes the two, "
    "then label both anew.",
)

CAPTIONS = {
    "label_issues": "One row an image, the most doubtful label first. score is the probability that the "
    "label is wrong, 1 surely; suggested_label is the class most probably right, often the given one. "
    "Without a score: images without a label or picture, or of a class with too few images to judge.",
    "class_noise": "One row a class. estimated_noise is the share of the pictures most surely of this class "
    "(n_anchors) that are labelled otherwise, with its 95% interval; it errs upwards where the model takes "
    "others for this class. n_issues counts doubtful labels among the images labelled so.",
    "confused_pairs": "One row a pair of classes with doubtful labels, most first: the label given, and the "
    "class the picture shows instead. noise is the estimated share of the latter that is labelled so.",
    "contradicting_copies": "One row a pair of copies with different labels: at least one is wrong. Probably "
    "the one with the higher score, the probability that the label is wrong by the looks of the picture.",
}


class LabelIssuesParameters(StageParameters):
    model: Literal["perceptron", "logistic_regression", "nearest_neighbours", "random_forest", "networks"]
    n_folds: Annotated[int, Field(ge=2, le=50)]
    min_score: Annotated[float, Field(ge=0, le=1)]
    anchor_fraction: Annotated[float, Field(gt=0, le=0.5)]
    max_class_noise: Annotated[float, Field(ge=0, le=1)]
    network_epochs: Annotated[int, Field(ge=1)]
    max_network_images: Annotated[int, Field(ge=100)]
    max_suspects_shown: Annotated[int, Field(ge=1, le=200)]


def label_issues(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    duplicates: pd.DataFrame,
    *,
    parameters: LabelIssuesParameters,
    seed: int,
) -> Artifacts:
    """Score the label of every image of every split, and doubt those that are probably wrong.

    Images of classes with fewer pictures than folds, those without a label or a picture stay rows without a
    score; they neither teach nor are judged.
    """
    images, classes, verdict = judge_labels(
        manifest, scan, thumbnails, embeddings, duplicates, parameters=parameters, seed=seed
    )
    return _artifacts(manifest, scan, duplicates, images, verdict, classes, parameters)


def judge_labels(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    duplicates: pd.DataFrame,
    *,
    parameters: LabelIssuesParameters,
    seed: int,
) -> tuple[pd.DataFrame, list[str], Verdict | None]:
    """The images that can be judged (`image_id`, `label`), their classes, and the verdict on each.

    There is none where fewer than two classes can be told apart.
    """
    images = _judgeable(manifest, scan, duplicates, n_folds=parameters.n_folds)
    labels, classes = pd.factorize(images["label"], sort=True)
    if len(classes) < 2:
        return images, list(classes), None
    probabilities = _out_of_sample(images, labels, scan, thumbnails, embeddings, parameters, seed)
    verdict = judge(
        labels, probabilities, anchor_fraction=parameters.anchor_fraction, min_score=parameters.min_score
    )
    return images, list(classes), verdict


def _judgeable(
    manifest: pd.DataFrame, scan: pd.DataFrame, duplicates: pd.DataFrame, *, n_folds: int
) -> pd.DataFrame:
    """Labelled, decoded images of classes with a picture for every fold; `group` is one for all copies."""
    images = manifest[["image_id", "label"]].assign(group=_groups(len(manifest), duplicates))
    is_usable = scan["status"].isin(MEASURED).to_numpy() & manifest["label"].notna().to_numpy()
    images = images[is_usable]
    n_pictures = images.groupby("label", observed=True)["group"].nunique()
    is_enough = images["label"].map(n_pictures).astype(float) >= n_folds
    return images[is_enough].reset_index(drop=True)


def _groups(n: int, duplicates: pd.DataFrame) -> np.ndarray:
    """A number for each image, the same for images that are copies of one another, however distantly."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ends = duplicates["image_id_a"].to_numpy(), duplicates["image_id_b"].to_numpy()
    links = coo_matrix((np.ones(len(duplicates)), ends), shape=(n, n))
    return connected_components(links, directed=False)[1]


def _out_of_sample(
    images: pd.DataFrame,
    labels: np.ndarray,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    parameters: LabelIssuesParameters,
    seed: int,
) -> np.ndarray:
    from analysis.scrub import label_models as models

    rows = images["image_id"].to_numpy()
    match parameters.model:
        case "perceptron":
            features, model = embeddings[rows], models.perceptron(seed=seed)
        case "logistic_regression":
            features, model = embeddings[rows], models.logistic_regression()
        case "nearest_neighbours":
            features, model = embeddings[rows], models.nearest_neighbours()
        case "random_forest":
            features = models.forest_features(scan.iloc[rows], thumbnails[rows])
            model = models.random_forest(seed=seed)
        case "networks":
            features = thumbnails[rows]
            model = models.small_networks(
                n_epochs=parameters.network_epochs, max_images=parameters.max_network_images, seed=seed
            )
    folds = models.assign_folds(labels, images["group"].to_numpy(), n_folds=parameters.n_folds, seed=seed)
    return models.cross_validate(features, labels, folds, model, n_classes=labels.max() + 1)


def _artifacts(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    duplicates: pd.DataFrame,
    images: pd.DataFrame,
    verdict: Verdict | None,
    classes: list[str],
    parameters: LabelIssuesParameters,
) -> Artifacts:
    """What is reported; without a verdict (fewer than two classes to tell apart) everything stays empty."""
    labels = _codes(images["label"], classes)
    table = tabulate_images(manifest, images, labels, verdict, classes)
    noise = tabulate_classes(table, labels, verdict, classes)
    pairs = tabulate_pairs(table, verdict, classes)
    contradicting = tabulate_contradictions(table, duplicates)
    metrics = _metrics(table, labels, verdict, contradicting)
    return Artifacts(
        summary=_summary(metrics),
        metrics=metrics,
        tables={
            "label_issues": table,
            "class_noise": noise,
            "confused_pairs": pairs,
            "contradicting_copies": contradicting,
        },
        captions=CAPTIONS,
        figures=[] if verdict is None else _figures(table, noise, verdict, classes, scan, parameters),
        findings=_findings(table, noise, contradicting, parameters),
        kinds=[SUSPECTED_LABEL, NOISY_CLASS],
        notes=_notes(manifest, scan, table, metrics, len(classes), parameters),
    )


def _codes(labels: pd.Series, classes: list[str]) -> np.ndarray:
    return pd.Index(classes).get_indexer(labels.astype(object))


def tabulate_images(
    manifest: pd.DataFrame,
    images: pd.DataFrame,
    labels: np.ndarray,
    verdict: Verdict | None,
    classes: list[str],
) -> pd.DataFrame:
    """Every image of the manifest, the most doubtful label first; see `CAPTIONS`."""
    judged = pd.DataFrame({"image_id": images["image_id"][:0]})
    if verdict is not None:
        judged = pd.DataFrame(
            {
                "image_id": images["image_id"],
                "suggested_label": np.array(classes, dtype=object)[verdict.suggested],
                "score": verdict.score,
                "is_issue": verdict.is_issue,
                "self_confidence": self_confidence(labels, verdict.probabilities),
                "normalised_margin": normalised_margin(labels, verdict.probabilities),
            }
        )
    columns = ["path", "split", "label", "suggested_label", "score", "is_issue", "rank"]
    table = manifest[["image_id", "path", "split", "label"]].merge(judged, "left", "image_id", validate="1:1")
    table = table.reindex(columns=[*columns, "self_confidence", "normalised_margin", "image_id"])
    table["is_issue"] = table["is_issue"].eq(True)
    table = table.astype({"suggested_label": "string", "score": float})
    table["rank"] = table["score"].rank(ascending=False, method="first").astype("Int64")
    table = table.sort_values("rank", kind="stable", na_position="last", ignore_index=True)
    rounded = {name: table[name].astype("float64").round(4) for name in SCORES}
    return table.assign(**rounded)


def tabulate_classes(
    table: pd.DataFrame, labels: np.ndarray, verdict: Verdict | None, classes: list[str]
) -> pd.DataFrame:
    """One row a class: noise measured on its anchors, and doubtful labels; see `CAPTIONS`."""
    k = len(classes) if verdict is not None else 0
    anchors = verdict.anchors if verdict is not None else np.zeros((0, 0), dtype=int)
    n_anchors, n_wrong = anchors.sum(axis=1), anchors.sum(axis=1) - np.diag(anchors)
    low, high = wilson_interval(n_wrong, n_anchors)
    others = anchors * ~np.eye(k, dtype=bool)
    name = np.array(classes, dtype=object)
    mistaken = name[others.argmax(axis=1)] if k else []
    n_issues = table.loc[table["is_issue"], "label"].astype(str).value_counts()
    noise = pd.DataFrame(
        {
            "label": name[:k],
            "n_images": np.bincount(labels, minlength=k)[:k],
            "n_issues": [int(n_issues.get(label, 0)) for label in classes[:k]],
            "estimated_noise": proportion_of(n_wrong, n_anchors).round(4),
            "noise_low": low.round(4),
            "noise_high": high.round(4),
            "n_anchors": n_anchors,
            "most_often_labelled": np.where(n_wrong > 0, mistaken, None),
        }
    )
    return noise.sort_values("estimated_noise", ascending=False, kind="stable", ignore_index=True)


def tabulate_pairs(table: pd.DataFrame, verdict: Verdict | None, classes: list[str]) -> pd.DataFrame:
    """Pairs of classes with doubtful labels, most first; see `CAPTIONS`."""
    doubted = table[table["is_issue"]].astype({"label": "string"})
    pairs = doubted.groupby(["label", "suggested_label"]).size().reset_index(name="n_issues")
    given, true = (_codes(pairs[column], classes) for column in ("label", "suggested_label"))
    pairs["noise"] = verdict.noise[true, given].round(4) if verdict is not None else np.empty(0)
    return pairs.sort_values("n_issues", ascending=False, kind="stable", ignore_index=True)


def tabulate_contradictions(table: pd.DataFrame, duplicates: pd.DataFrame) -> pd.DataFrame:
    """Copies with different labels, with both scores; see `CAPTIONS`."""
    labelled = duplicates[duplicates["label_a"].notna() & duplicates["label_b"].notna()]
    pairs = labelled[labelled["label_a"].astype(str) != labelled["label_b"].astype(str)]
    score = table.set_index("image_id")["score"]
    columns = {
        "path_a": pairs["path_a"],
        "label_a": pairs["label_a"].astype("string"),
        "score_a": pairs["image_id_a"].map(score).astype(float),
        "path_b": pairs["path_b"],
        "label_b": pairs["label_b"].astype("string"),
        "score_b": pairs["image_id_b"].map(score).astype(float),
    }
    contradicting = pd.DataFrame(columns)
    surest = contradicting[["score_a", "score_b"]].max(axis=1)
    order = surest.sort_values(ascending=False, kind="stable").index
    return contradicting.loc[order].reset_index(drop=True)


def _metrics(
    table: pd.DataFrame, labels: np.ndarray, verdict: Verdict | None, contradicting: pd.DataFrame
) -> dict[str, float]:
    n_judged = int(table["score"].notna().sum())
    n_issues = int(table["is_issue"].sum())
    measured = dict.fromkeys(("accuracy", "noise", "low", "high", "joint"), float("nan"))
    if verdict is not None:
        n_anchors = verdict.anchors.sum()
        n_wrong = n_anchors - np.trace(verdict.anchors)
        low, high = wilson_interval(n_wrong, n_anchors)
        measured = {
            "accuracy": float((verdict.probabilities.argmax(axis=1) == labels).mean()),
            "noise": float(n_wrong / n_anchors),
            "low": float(low),
            "high": float(high),
            "joint": float(1 - np.trace(verdict.joint)),
        }
    return {
        "n_issues": n_issues,
        "issue_fraction": n_issues / n_judged if n_judged else float("nan"),
        "out_of_sample_accuracy": measured["accuracy"],
        "estimated_noise": measured["noise"],
        "estimated_noise_low": measured["low"],
        "estimated_noise_high": measured["high"],
        "confident_joint_noise": measured["joint"],
        "n_contradicting_pairs": len(contradicting),
        "n_judged": n_judged,
        "n_not_judged": len(table) - n_judged,
    }


def _summary(metrics: dict[str, float]) -> str:
    if not metrics["n_judged"]:
        return "no label could be judged"
    return (
        f"{metrics['n_issues']:,} of {metrics['n_judged']:,} labels are probably wrong "
        f"(the model agrees with {metrics['out_of_sample_accuracy']:.1%} of them)"
    )


def _figures(
    table: pd.DataFrame,
    noise: pd.DataFrame,
    verdict: Verdict,
    classes: list[str],
    scan: pd.DataFrame,
    parameters: LabelIssuesParameters,
) -> list[Figure]:
    is_truncated = scan.set_index("image_id")["status"].eq("truncated")
    suspects = table[table["is_issue"]].head(parameters.max_suspects_shown)
    suspects = suspects.assign(is_truncated=suspects["image_id"].map(is_truncated))
    n_issues = int(table["is_issue"].sum())
    shown = [plot_suspects(suspects, n_issues)] if n_issues else []
    return [
        *shown,
        plot_class_noise(noise),
        plot_noise_matrix(verdict.noise, classes, n_anchors=int(verdict.anchors.sum())),
        plot_scores(table, min_score=parameters.min_score),
    ]


def _findings(
    table: pd.DataFrame, noise: pd.DataFrame, contradicting: pd.DataFrame, parameters: LabelIssuesParameters
) -> pd.DataFrame:
    doubted = table[table["is_issue"]]
    is_contradicted = doubted["path"].isin([*contradicting["path_a"], *contradicting["path_b"]])
    beside = np.where(is_contradicted, "; a copy of it has another label", "")
    noisy = noise[noise["noise_low"] > parameters.max_class_noise]
    return pd.concat(
        [
            findings_of(
                SUSPECTED_LABEL,
                image_id=doubted["image_id"],
                score=doubted["score"],
                detail=[
                    f"labelled '{row.label}', looks like '{row.suggested_label}'{also}"
                    for row, also in zip(doubted.itertuples(), beside, strict=True)
                ],
            ),
            findings_of(
                NOISY_CLASS,
                label=noisy["label"],
                score=noisy["estimated_noise"],
                detail=[
                    f"of the {row.n_anchors:,} pictures most surely of it {row.estimated_noise:.0%} are "
                    f"labelled otherwise (95% interval {row.noise_low:.0%} to {row.noise_high:.0%}), "
                    f"mostly '{row.most_often_labelled}'"
                    for row in noisy.itertuples()
                ],
            ),
        ],
        ignore_index=True,
    )


def _notes(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    table: pd.DataFrame,
    metrics: dict[str, float],
    n_classes: int,
    parameters: LabelIssuesParameters,
) -> list[str]:
    notes = []
    is_usable = scan["status"].isin(MEASURED).to_numpy() & manifest["label"].notna().to_numpy()
    if n_unusable := int((~is_usable).sum()):
        notes.append(f"{n_unusable:,} images have no label or no picture and were not judged.")
    if n_scarce := int(metrics["n_not_judged"]) - n_unusable:
        judged = set(table.loc[table["score"].notna(), "label"].astype(str))
        present = manifest.loc[is_usable, "label"].astype(str).unique()
        scarce = [label for label in present if label not in judged]
        notes.append(
            f"{n_scarce:,} images were not judged, of classes with fewer than {parameters.n_folds} "
            f"different pictures (label_issues.n_folds): {', '.join(scarce[:10])}"
            + (", …" if len(scarce) > 10 else ".")
        )
    if not metrics["n_judged"]:
        return [*notes, "Fewer than two classes have enough pictures, so no label was judged."]
    return [*notes, _trust(metrics, n_classes)]


def _trust(metrics: dict[str, float], n_classes: int) -> str:
    """In words, how far the model's word goes."""
    accuracy = metrics["out_of_sample_accuracy"]
    if accuracy >= STRONG_ACCURACY:
        verdict = "That is good enough for most wrong labels to be among those listed."
    elif accuracy >= FAIR_ACCURACY:
        verdict = "Expect it to miss many wrong labels; what it lists is worth a look."
    else:
        verdict = (
            "It is too weak to find most wrong labels: read what it lists as a sample of them, and the "
            "estimated noise as an upper bound."
        )
    if metrics["n_issues"] and metrics["estimated_noise_low"] < NEARLY_CLEAN:
        verdict += (
            " The labels are nearly clean: most of those listed may be unusual pictures, labelled rightly."
        )
    return (
        f"The model agrees with {accuracy:.1%} of the labels of images it had not seen (chance would be "
        f"about {1 / n_classes:.1%}). {verdict} The confident joint alone, which counts the model's own "
        f"mistakes too, would put the noise at {metrics['confident_joint_noise']:.1%}."
    )


if __name__ == "__main__":
    run_stage(label_issues)
