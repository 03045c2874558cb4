from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.explore.feature_exploration.figures import (
    plot_alike_pairs,
    plot_class_features,
    plot_separability,
    plot_similarity,
)
from analysis.explore.feature_exploration.findings import (
    INDISTINGUISHABLE,
    UNVARIED,
    find_indistinguishable,
    find_unvaried,
)
from analysis.explore.feature_exploration.notes import CAPTIONS, metrics_of, notes_on, summary_of
from analysis.explore.feature_exploration.parameters import FeatureExplorationParameters
from analysis.explore.feature_exploration.separability import (
    class_recall,
    fisher_ratios,
    held_out_distances,
    pair_aurocs,
    silhouettes,
)
from analysis.explore.feature_exploration.similarity import (
    class_spreads,
    frechet_distances,
    mean_cosines,
    principal_components,
)
from analysis.statistics.rank_tests import holm, kruskal_wallis

MAX_PAIRS = 5000  # compared in full; of more, those whose embeddings have the most similar means


def feature_exploration(
    manifest: pd.DataFrame,
    scan: pd.DataFrame,
    thumbnails: np.ndarray,
    embeddings: np.ndarray,
    picture_features: pd.DataFrame,
    *,
    parameters: FeatureExplorationParameters,
    seed: int,
) -> Artifacts:
    """Compare the classes on the sample of images that the stage `visual_features` has measured."""
    images, n_few = images_of_enough(manifest, picture_features["item_id"], min_images=parameters.min_images)
    classes = list(images["label"].cat.categories)
    codes = images["label"].cat.codes.to_numpy().astype(int)
    features = picture_features.set_index("item_id").loc[images.index]
    # row after row in memory, however a file was read: the last digit of sums depends on it
    features = pd.DataFrame(np.ascontiguousarray(features), columns=features.columns)
    standardised = _standardised(features)
    spaces = {
        "embedding": np.asarray(embeddings[images.index], dtype=float),
        "feature": standardised.to_numpy(dtype=float),
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
        summary=summary_of(tables, len(images)),
        metrics=metrics_of(tables, findings, len(images)),
        tables=tables,
        captions=CAPTIONS,
        figures=_figures(images, thumbnails, standardised, spaces, distances, cosines, tables, parameters),
        findings=pd.concat(findings, ignore_index=True),
        kinds=(INDISTINGUISHABLE, UNVARIED),
        notes=notes_on(manifest, scan, images, n_few, parameters),
        unjudged=""
        if classes
        else f"classes of {parameters.min_images} images or more are compared, and there is none",
    )


def images_of_enough(
    manifest: pd.DataFrame, item_ids: pd.Series, *, min_images: int
) -> tuple[pd.DataFrame, int]:
    """Those of the images whose classes have enough (`label`, `split`), and how many classes have too few.

    The index is the image's row in the manifest, the thumbnails and the embeddings.
    """
    sample = manifest.set_index("item_id").loc[item_ids, ["label", "split"]]
    sample["label"] = sample["label"].cat.rename_categories(str)
    n_images = sample["label"].value_counts()
    is_enough = sample["label"].map(n_images).astype(int) >= min_images
    sample = sample[is_enough.to_numpy()]
    n_few = int((n_images < min_images).sum())
    return sample.assign(label=sample["label"].cat.remove_unused_categories()), n_few


def _standardised(features: pd.DataFrame) -> pd.DataFrame:
    """Mean 0 and standard deviation 1; a value that a small picture lacks becomes the mean."""
    spread = features.std(ddof=0)
    return ((features - features.mean()) / spread.where(spread > 1e-9)).fillna(0)


def compare_pairs(
    spaces: dict[str, np.ndarray],
    distances: dict[str, np.ndarray],
    cosines: dict[str, np.ndarray],
    codes: np.ndarray,
    classes: list[str],
    *,
    seed: int,
) -> pd.DataFrame:
    """One row per pair of classes, that told apart worst first."""
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
    """One row per class, in the dataset's order."""
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
    """One row per feature, that which the class explains best first."""
    medians = features.groupby(codes).median()
    rows = []
    for feature in features:
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


def _figures(
    images: pd.DataFrame,
    thumbnails: np.ndarray,
    features: pd.DataFrame,
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
    by_class = plot_class_features(features, codes, classes, tables["features"])
    if len(classes) == 1:
        return [by_class]
    pictures = np.asarray(thumbnails[images.index])
    hardest = tables["class_pairs"].head(parameters.n_pairs_shown)
    recalls = {name: class_recall(distances[name], codes) for name in spaces}
    return [
        plot_alike_pairs(hardest, pictures, images["label"].to_numpy(), distances["embedding"], classes),
        plot_separability(recalls, classes),
        plot_similarity(cosines, classes),
        by_class,
    ]
