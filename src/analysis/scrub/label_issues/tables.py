"""The verdict as tables: of images, classes, pairs of classes and contradicting copies."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.scrub.label_issues.confident_learning import Verdict, normalised_margin, self_confidence
from analysis.statistics.proportions import proportion_of, wilson_interval

SCORES = ("score", "self_confidence", "normalised_margin")


def codes(labels: pd.Series, classes: list[str]) -> np.ndarray:
    return pd.Index(classes).get_indexer(labels.astype(object))


def tabulate_images(
    manifest: pd.DataFrame,
    images: pd.DataFrame,
    labels: np.ndarray,
    verdict: Verdict | None,
    classes: list[str],
) -> pd.DataFrame:
    """Every image of the manifest, the most doubtful label first; see `CAPTIONS`."""
    judged = pd.DataFrame({"item_id": images["item_id"][:0]})
    if verdict is not None:
        judged = pd.DataFrame(
            {
                "item_id": images["item_id"],
                "suggested_label": np.array(classes, dtype=object)[verdict.suggested],
                "score": verdict.score,
                "is_issue": verdict.is_issue,
                "self_confidence": self_confidence(labels, verdict.probabilities),
                "normalised_margin": normalised_margin(labels, verdict.probabilities),
            }
        )
    columns = ["path", "split", "label", "suggested_label", "score", "is_issue", "rank"]
    table = manifest[["item_id", "path", "split", "label"]].merge(judged, "left", "item_id", validate="1:1")
    table = table.reindex(columns=[*columns, "self_confidence", "normalised_margin", "item_id"])
    table["is_issue"] = table["is_issue"].eq(True)
    table = table.astype({"suggested_label": "string", "score": float})
    table["rank"] = table["score"].rank(ascending=False, method="first").astype("Int64")
    table = table.sort_values("rank", kind="stable", na_position="last", ignore_index=True)
    rounded = {name: table[name].astype("float64").round(4) for name in SCORES}
    return table.assign(**rounded)


def tabulate_class_noise(
    table: pd.DataFrame, labels: np.ndarray, verdict: Verdict | None, classes: list[str]
) -> pd.DataFrame:
    """One row per class: noise measured on its anchors, and doubtful labels; see `CAPTIONS`."""
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
            "n_items": np.bincount(labels, minlength=k)[:k],
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
    given, true = (codes(pairs[column], classes) for column in ("label", "suggested_label"))
    pairs["noise"] = verdict.noise[true, given].round(4) if verdict is not None else np.empty(0)
    return pairs.sort_values("n_issues", ascending=False, kind="stable", ignore_index=True)


def tabulate_contradictions(table: pd.DataFrame, duplicate_pairs: pd.DataFrame) -> pd.DataFrame:
    """Copies with different labels, with both scores; see `CAPTIONS`."""
    labelled = duplicate_pairs[duplicate_pairs["label_a"].notna() & duplicate_pairs["label_b"].notna()]
    pairs = labelled[labelled["label_a"].astype(str) != labelled["label_b"].astype(str)]
    score = table.set_index("item_id")["score"]
    columns = {
        "path_a": pairs["path_a"],
        "label_a": pairs["label_a"].astype("string"),
        "score_a": pairs["item_id_a"].map(score).astype(float),
        "path_b": pairs["path_b"],
        "label_b": pairs["label_b"].astype("string"),
        "score_b": pairs["item_id_b"].map(score).astype(float),
    }
    contradicting = pd.DataFrame(columns)
    surest = contradicting[["score_a", "score_b"]].max(axis=1)
    order = surest.sort_values(ascending=False, kind="stable").index
    return contradicting.loc[order].reset_index(drop=True)
