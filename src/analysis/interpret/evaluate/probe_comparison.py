"""The network beside a linear head on the embeddings, image by image."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.contract import Artifacts, Figure
from analysis.drawing.class_axis import class_positions, label_class_axis, note_on_shown, short_label
from analysis.drawing.style import ACCENT, MUTED, WARNING, new_figure
from analysis.interpret.evaluate.findings import below_probe, find_below_probe
from analysis.interpret.evaluate.judged import Judged
from analysis.statistics.paired import accuracy_gain, mcnemar_p_value, newcombe_interval
from analysis.statistics.proportions import proportion_of

CAPTION = (
    "One row per class, over the judged images: the share that the network recognises (recall) and that a "
    "linear head on the embeddings does (probe_recall); gain is the probe's minus the network's, with its "
    "95% interval."
)
NOT_COMPARED = "The network is not compared with the linear probe, which has not predicted these images."


def judge_probe(judged: Judged, probe_predictions: pd.DataFrame | None, *, backbone: str) -> Artifacts:
    """What the probe has over the network on the same images; nothing where it did not predict them.

    A probe's training images are predicted by cross-validation, which the network's are not.
    """
    is_comparable = probe_predictions is not None and judged.split != "train"
    said = probe_predictions if is_comparable else pd.DataFrame({"item_id": [], "predicted_label": []})
    images = judged.images[["item_id", "label", "class_index"]].assign(
        network=judged.predicted == judged.actual
    )
    images = images.merge(said[["item_id", "predicted_label"]], on="item_id", validate="1:1")
    images["probe"] = images["predicted_label"].astype(str) == images["label"].astype(str)
    network, probe = (images[name].to_numpy(bool) for name in ("network", "probe"))
    gain, low, high = accuracy_gain(network, probe)
    per_class = _by_class(images, judged.classes)
    n = len(images)
    accuracies = (float(proportion_of(network.sum(), n)), float(proportion_of(probe.sum(), n)))
    kind = below_probe(backbone, accuracies=accuracies, n=n, split=judged.split, gain=(gain, low, high))
    p_value = mcnemar_p_value((probe & ~network).sum(), (network & ~probe).sum(), n)
    return Artifacts(
        metrics={
            "probe_gain": gain,
            "probe_gain_low": low,
            "probe_gain_high": high,
            "probe_gain_p_value": float(p_value),
        },
        tables={"probe_comparison": per_class.round(4)},
        captions={"probe_comparison": CAPTION},
        figures=[plot_probe(per_class, split=judged.split)] if n else [],
        findings=find_below_probe(kind, per_class, is_sure=low > 0),
        kinds=[kind],
        notes=[] if n else [NOT_COMPARED],
    )


def _by_class(images: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """Recall of both for the classes with images, in the order of `classes`."""
    codes, network, probe = (images[name].to_numpy() for name in ("class_index", "network", "probe"))

    def count(mask: np.ndarray) -> np.ndarray:
        return np.bincount(codes[mask.astype(bool)].astype(int), minlength=len(classes))

    n, n_both = count(np.ones(len(codes))), count(network & probe)
    low, high = newcombe_interval(count(probe) - n_both, count(network) - n_both, n, n_both=n_both)
    table = pd.DataFrame(
        {
            "label": classes,
            "n_items": n,
            "recall": proportion_of(count(network), n),
            "probe_recall": proportion_of(count(probe), n),
            "gain": proportion_of(count(probe) - count(network), n),
            "gain_low": low,
            "gain_high": high,
        }
    )
    return table[table["n_items"] > 0].reset_index(drop=True)


def plot_probe(per_class: pd.DataFrame, *, split: str) -> Figure:
    """Recall of network and probe, joined by a line; where the probe gains most first."""
    ranked = per_class.sort_values("gain", ascending=False, kind="stable", ignore_index=True)
    shown = ranked.iloc[class_positions(len(ranked))]
    drawing, axes = new_figure(width=8, height=1.5 + 0.26 * len(shown))
    ax, places = axes[0, 0], range(len(shown))
    ax.hlines(places, shown["recall"], shown["probe_recall"], color=MUTED, linewidth=2, alpha=0.6)
    ax.scatter(shown["recall"], places, color=ACCENT, s=34, zorder=3, label="network")
    ax.scatter(shown["probe_recall"], places, color=WARNING, marker="D", s=28, zorder=4, label="linear probe")
    label_class_axis(ax, [f"{short_label(row.label, 18)} ({row.n_items:,})" for row in shown.itertuples()])
    ax.set(xlabel="recall", title=f"{split} (n = {per_class['n_items'].sum():,})")
    drawing.legend(loc="outside upper right", ncols=2)
    return Figure(
        name="probe_comparison",
        title="What a linear head on the embeddings recognises",
        caption="Recall of each class by the network and by a linear head on the embeddings, over the same "
        "images (their number in brackets). A diamond at the right of its dot is a class that the network "
        "should do better on: its images can be told apart without it."
        + note_on_shown(len(shown), len(ranked), "those with the largest gain and the largest loss"),
        drawing=drawing,
        table=shown,
    )
