"""By what do the classes differ, which are most alike, and how well can they be told apart?

Method: a sample, the same number of images of each class, is measured by features made by hand: contrast and
edges over a Gaussian pyramid, colour in CIELAB, local binary patterns (Ojala et al. 2002), grey-level
co-occurrence (Haralick et al. 1973). How much of a feature the class explains is eta squared of the
Kruskal-Wallis test, corrected for the number of tests (Holm 1979). Classes are told apart by a linear
discriminant with shrunk covariance (Ledoit and Wolf 2004) in five-fold cross-validation, on these features
and on the embeddings, which were made without labels: what holds for both is the images' doing, not the
method's. Pairs of classes are compared by the cosine of their means, by the Fréchet distance of their
embeddings with its small-sample bias extrapolated away (Chong and Forsyth 2020), and by AUROC.

How the result misleads: a linear discriminant is weaker than a trained network, so classes it confuses may
yet be learnt; it is the order of the classes and pairs that carries over. Classes may be easy for a wrong
reason, such as another camera: see image_stats. Copies of an image in two folds make a class look easier.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from pydantic import Field

from analysis.class_sample import balanced_sample
from analysis.explore.class_separability import (
    N_FOLDS,
    class_recall,
    fisher_ratios,
    held_out_distances,
    pair_aurocs,
    silhouettes,
)
from analysis.explore.class_similarity import (
    class_spreads,
    frechet_distances,
    mean_cosines,
    principal_components,
)
from analysis.explore.feature_charts import (
    plot_alike_pairs,
    plot_class_features,
    plot_separability,
    plot_similarity,
)
from analysis.explore.significance import holm, kruskal_wallis
from analysis.explore.visual_features import FEATURES, measure_images
from analysis.runner import run_stage
from analysis.stage import Artifacts, Figure, FindingKind, StageParameters, findings_of

MEASURED = ("ok", "truncated")  # of the scan's statuses, those with a picture: training sees these too
MAX_PAIRS = 5000  # compared in full; of more, those whose embeddings have the most similar means

INDISTINGUISHABLE = FindingKind(
    "classes_indistinguishable",
    "Two classes that cannot be told apart",
    "medium",
    "Neither features made by hand nor embeddings tell their images apart better than a coin nearly does: "
    "the labels may say something that the images do not show.",
    "Look at images of both side by side. Merge the classes, or mend how they were labelled, or find out "
    "what tells them apart that the images lack (resolution, context).",
)
UNVARIED = FindingKind(
    "class_without_variety",
    "Class whose images are all alike",
    "medium",
    "A model learns these few pictures rather than the class, and fails on the next one that differs.",
    "Look whether they are copies or frames of one scene, and collect images from other places and times.",
)

CAPTIONS = {
    "separability": "One row a class. recall is the share of its images recognised from their embeddings "
    "among all classes alike (95% interval), feature_recall from features made by hand. fisher_ratio says "
    "how far its images stand out (1: two standard deviations between the means of its own and others), "
    "silhouette whether they lie together (1) or among others (below 0). pair_auroc is how well it is told "
    "from most_alike, the class it is most easily taken for: 0.5 not at all, 1 perfectly.",
    "class_pairs": "One row a pair of classes, the hardest first. auroc says how well the two are told apart "
    "(95% interval), by embeddings or features, whichever does better. The cosines compare the classes' "
    "means, seen from the mean of all: 1 is the same, below 0 opposite. frechet_distance is between the "
    "distributions of their embeddings.",
    "features": "One row a feature. eta_squared is the part of its variation (in ranks) that the class "
    "explains: 0.01 is small, 0.06 medium, 0.14 large. The classes with the lowest and highest median stand "
    "beside it.",
}


class FeatureExplorationParameters(StageParameters):
    """Size of the sample and thresholds of the findings; see params.yaml."""

    max_images: int = Field(ge=10)
    min_images: int = Field(ge=2 * N_FOLDS)
    max_indistinguishable_auroc: float = Field(ge=0.5, le=1)
    unvaried_below: float = Field(ge=0, le=1)
    n_pairs_shown: int = Field(ge=1, le=12)


def feature_exploration(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    *,
    parameters: FeatureExplorationParameters,
    seed: int,
) -> Artifacts:
    """Compare the classes on a balanced sample of the labelled training images.

    Without a training split the sample is of all splits.
    """
    images, n_few = sample_images(manifest, scan, embeddings, parameters, seed)
    classes = list(images["label"].cat.categories)
    codes = images["label"].cat.codes.to_numpy().astype(int)
    features = measure_images(images["path"])
    spaces = {
        "embedding": np.asarray(embeddings[images.index], dtype=float),
        "feature": _standardised(features),
    }
    distances = {
        name: held_out_distances(points, codes, len(classes), seed=seed) for name, points in spaces.items()
    }
    cosines = {name: mean_cosines(points, codes, len(classes)) for name, points in spaces.items()}
    pairs = compare_pairs(spaces, distances, cosines, codes, classes, seed=seed)
    tables = {
        "separability": tabulate_separability(spaces, distances, pairs, codes, classes),
        "class_pairs": pairs,
        "features": explain_features(features, codes, classes),
    }
    spreads = class_spreads(spaces["embedding"], codes, len(classes))
    findings = [
        find_indistinguishable(pairs, parameters.max_indistinguishable_auroc),
        find_unvaried(spreads, classes, parameters.unvaried_below),
    ]
    return Artifacts(
        summary=_summary(tables, len(images)),
        metrics=_metrics(tables, findings, len(images)),
        tables=tables,
        captions=CAPTIONS,
        figures=_figures(images, thumbnails, spaces, distances, cosines, tables, parameters),
        findings=pd.concat(findings, ignore_index=True),
        kinds=(INDISTINGUISHABLE, UNVARIED),
        notes=_notes(manifest, scan, images, n_few, parameters),
    )


def sample_images(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    embeddings: np.ndarray,
    parameters: FeatureExplorationParameters,
    seed: int,
) -> tuple[pd.DataFrame, int]:
    """A sample of the classes that have enough images (`path`, `label`), and how many classes have too few.

    The index is the image's row in the manifest, the thumbnails and the embeddings.
    """
    images = manifest[["path", "label", "split"]].reset_index(drop=True)
    images["label"] = images["label"].astype("category")  # Parquet forgets the type of a column of blanks
    images["label"] = images["label"].cat.rename_categories(str)
    is_usable = scan["status"].isin(MEASURED).to_numpy() & images["label"].notna().to_numpy()
    images = images[is_usable & ~np.isnan(embeddings[:, 0])]
    is_training = images["split"].eq("train")
    images = images[is_training] if is_training.any() else images
    sample = images.iloc[
        balanced_sample(images["label"].cat.codes.to_numpy(), parameters.max_images, seed=seed)
    ]
    n_images = sample["label"].value_counts()
    is_enough = sample["label"].map(n_images).astype(int) >= parameters.min_images
    sample = sample[is_enough.to_numpy()]
    n_few = int((n_images < parameters.min_images).sum())
    return sample.assign(label=sample["label"].cat.remove_unused_categories()), n_few


def _standardised(features: pd.DataFrame) -> np.ndarray:
    """Mean 0 and standard deviation 1; a value that a small picture lacks becomes the mean."""
    spread = features.std(ddof=0)
    return ((features - features.mean()) / spread.where(spread > 1e-9)).fillna(0).to_numpy(dtype=float)


def compare_pairs(
    spaces: dict[str, np.ndarray],
    distances: dict[str, np.ndarray],
    cosines: dict[str, np.ndarray],
    codes: np.ndarray,
    classes: list[str],
    *,
    seed: int,
) -> pd.DataFrame:
    """One row a pair of classes, that told apart worst first."""
    pairs = list(combinations(range(len(classes)), 2))
    if len(pairs) > MAX_PAIRS:
        pairs = sorted(pairs, key=lambda pair: -cosines["embedding"][pair])[:MAX_PAIRS]
    by_embedding, by_feature = (pair_aurocs(distances[name], codes, pairs) for name in spaces)
    is_better = by_embedding["auroc"].ge(by_feature["auroc"])
    table = by_embedding.where(is_better, by_feature)
    first, second = ([pair[k] for pair in pairs] for k in (0, 1))
    table.insert(0, "label_a", [classes[code] for code in first])
    table.insert(1, "label_b", [classes[code] for code in second])
    for name, cosine in cosines.items():
        table[f"{name}_cosine"] = cosine[first, second] if pairs else []
    components = principal_components(spaces["embedding"]) if pairs else np.empty((0, 1))
    table["frechet_distance"] = frechet_distances(components, codes, pairs, seed=seed)
    return table.sort_values("auroc", kind="stable", ignore_index=True)


def tabulate_separability(
    spaces: dict[str, np.ndarray],
    distances: dict[str, np.ndarray],
    pairs: pd.DataFrame,
    codes: np.ndarray,
    classes: list[str],
) -> pd.DataFrame:
    """One row a class, in the dataset's order."""
    table = class_recall(distances["embedding"], codes)
    table.insert(0, "label", classes)
    table.insert(1, "n_images", np.bincount(codes, minlength=len(classes)))
    table["feature_recall"] = class_recall(distances["feature"], codes)["recall"]
    table["fisher_ratio"] = fisher_ratios(distances["embedding"], codes)
    table["silhouette"] = silhouettes(spaces["embedding"], codes, len(classes))
    swapped = pairs.rename(columns={"label_a": "label_b", "label_b": "label_a"})
    hardest = pd.concat([pairs, swapped]).sort_values("auroc", kind="stable").drop_duplicates("label_a")
    hardest = hardest.rename(columns={"label_a": "label", "label_b": "most_alike", "auroc": "pair_auroc"})
    return table.merge(hardest[["label", "most_alike", "pair_auroc"]], on="label", how="left", validate="1:1")


def explain_features(features: pd.DataFrame, codes: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """One row a feature, that which the class explains best first."""
    medians = features.groupby(codes).median()
    rows = []
    for feature in FEATURES:
        values = features[feature].to_numpy()
        is_known = np.isfinite(values)
        test = kruskal_wallis(values[is_known], codes[is_known])
        ends = {"lowest_class": "", "lowest_median": np.nan, "highest_class": "", "highest_median": np.nan}
        if is_known.any():
            low, high = medians[feature].idxmin(), medians[feature].idxmax()
            ends = dict(
                zip(
                    ends,
                    [classes[low], medians[feature][low], classes[high], medians[feature][high]],
                    strict=True,
                )
            )
        rows.append({"feature": feature, "n_images": int(is_known.sum()), **test, **ends})
    table = pd.DataFrame(rows).drop(columns="kruskal_h")
    table["p_value"] = holm(table["p_value"])
    table = table.rename(columns={"p_value": "p_value_holm"})
    return table.sort_values("eta_squared", ascending=False, kind="stable", ignore_index=True)


def find_indistinguishable(pairs: pd.DataFrame, max_auroc: float) -> pd.DataFrame:
    """One finding a pair whose better AUROC is surely below the threshold, under its first class."""
    flagged = pairs[pairs["auroc_high"].lt(max_auroc)]
    detail = [
        f"not told from '{row.label_b}' better than with AUROC {row.auroc:.2f} ({row.auroc_low:.2f} to "
        f"{row.auroc_high:.2f}; 0.5 is chance)"
        for row in flagged.itertuples()
    ]
    score = 1 - 2 * (flagged["auroc"] - 0.5).clip(lower=0)
    return findings_of(INDISTINGUISHABLE, label=flagged["label_a"], score=score, detail=detail)


def find_unvaried(spreads: np.ndarray, classes: list[str], unvaried_below: float) -> pd.DataFrame:
    """One finding a class whose images lie much closer together than those of most classes."""
    share = pd.Series(spreads, index=classes, dtype=float)
    share = share / share.median() if len(share.dropna()) > 2 else share * np.nan
    flagged = share[share < unvaried_below]
    detail = [f"its images differ {value:.0%} as much as those of most classes" for value in flagged]
    return findings_of(UNVARIED, label=flagged.index, score=1 - flagged, detail=detail)


def _metrics(
    tables: dict[str, pd.DataFrame], findings: list[pd.DataFrame], n_images: int
) -> dict[str, float]:
    separability, pairs, features = (tables[name] for name in ("separability", "class_pairs", "features"))
    hardest = pairs.head(1).reindex(columns=["auroc", "embedding_cosine", "frechet_distance"]).mean()
    return {
        "balanced_accuracy": separability["recall"].mean(),
        "feature_balanced_accuracy": separability["feature_recall"].mean(),
        "chance_accuracy": 1 / len(separability) if len(separability) else np.nan,
        "lowest_recall": separability["recall"].min(),
        "hardest_pair_auroc": hardest["auroc"],
        "hardest_pair_cosine": hardest["embedding_cosine"],
        "hardest_pair_frechet_distance": hardest["frechet_distance"],
        "n_indistinguishable_pairs": len(findings[0]),
        "n_unvaried_classes": len(findings[1]),
        "silhouette_mean": separability["silhouette"].mean(),
        "largest_eta_squared": features["eta_squared"].max(),
        "n_classes": len(separability),
        "n_images": n_images,
    }


def _figures(
    images: pd.DataFrame,
    thumbnails: np.ndarray,
    spaces: dict[str, np.ndarray],
    distances: dict[str, np.ndarray],
    cosines: dict[str, np.ndarray],
    tables: dict[str, pd.DataFrame],
    parameters: FeatureExplorationParameters,
) -> list[Figure]:
    classes = list(images["label"].cat.categories)
    if not classes:
        return []
    codes = images["label"].cat.codes.to_numpy()
    features = plot_class_features(spaces["feature"], codes, classes, tables["features"])
    if len(classes) == 1:
        return [features]
    pictures = np.asarray(thumbnails[images.index])
    hardest = tables["class_pairs"].head(parameters.n_pairs_shown)
    recalls = {name: class_recall(distances[name], codes) for name in spaces}
    return [
        plot_alike_pairs(hardest, pictures, images["label"].to_numpy(), distances["embedding"], classes),
        plot_separability(recalls, classes),
        plot_similarity(cosines, classes),
        features,
    ]


def _summary(tables: dict[str, pd.DataFrame], n_images: int) -> str:
    pairs, separability = tables["class_pairs"], tables["separability"]
    text = f"{len(separability):,} classes on {n_images:,} images"
    if pairs.empty:
        return text
    hardest = pairs.iloc[0]
    return (
        f"{text}, {separability['recall'].mean():.0%} told apart; most alike: {hardest['label_a']} and "
        f"{hardest['label_b']} (AUROC {hardest['auroc']:.2f})"
    )


def _notes(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    images: pd.DataFrame,
    n_few: int,
    parameters: FeatureExplorationParameters,
) -> list[str]:
    notes = []
    if n_few:
        notes.append(
            f"{n_few:,} of the classes have fewer than {parameters.min_images} images in the sample and are "
            "left out (feature_exploration.min_images, max_images)."
        )
    if images.empty:
        return [*notes, "No class has enough readable, labelled images to compare."]
    is_usable = scan["status"].isin(MEASURED).to_numpy() & manifest["label"].notna().to_numpy()
    where = "of training" if images["split"].eq("train").all() else "of all splits"
    notes.append(
        f"Measured on {len(images):,} of {int(is_usable.sum()):,} readable, labelled images, {where}, the "
        "same number of each class where there are enough (feature_exploration.max_images)."
    )
    if images["label"].nunique() == 1:
        notes.append("With one class there is nothing to tell it from.")
    return notes


if __name__ == "__main__":
    run_stage(feature_exploration)
