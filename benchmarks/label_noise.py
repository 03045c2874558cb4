"""How well are wrong labels found, by each model, and beside cleanlab on the same probabilities?

    python benchmarks/label_noise.py --images FOLDER [--peers PYTHON]

`--images` is a folder of class folders (perhaps within split folders) with images whose labels are right,
such as CIFAR-10's; `--peers` the Python of an environment of its own with cleanlab. Labels are made wrong on
purpose: symmetric noise gives a label any other class, class-dependent noise always the next one ("pair
flipping", Han et al. 2018), noise by the picture what an observer takes it for that sees the random forest's
measures alone, on the pictures of which it is least sure (after Xia et al. 2020). Prints tables in Markdown.
benchmarks/README.md says how to read them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from sklearn.metrics import average_precision_score, roc_auc_score

from analysis.obtain.embed.parameters import EmbedParameters
from analysis.obtain.embed.stage import embed
from analysis.obtain.scan.stage import scan
from analysis.scrub.label_issues.confident_learning import judge
from analysis.scrub.label_probabilities import classifiers as label_models
from analysis.scrub.label_probabilities.out_of_sample import predict_out_of_sample
from analysis.scrub.label_probabilities.parameters import LabelProbabilitiesParameters

REPOSITORY = Path(__file__).resolve().parents[1]
SECTIONS = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
PARAMETERS = {
    "embed": EmbedParameters.model_validate(SECTIONS["embed"]),
    "label_probabilities": LabelProbabilitiesParameters.model_validate(SECTIONS["label_probabilities"]),
}
MODELS = ("auto", "perceptron", "logistic_regression", "nearest_neighbours", "random_forest", "networks")
KINDS = {"symmetric": "symmetric", "dependent": "class-dependent", "picture": "by the picture"}
MIN_SCORE = 0.4

# Prints, as JSON, cleanlab's scores (1 is surely wrong) and its issues for probabilities in an .npz file.
CLEANLAB = """
import json, sys
import numpy as np
from cleanlab.count import compute_confident_joint, estimate_joint
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

content = np.load(sys.argv[1])
labels, probabilities = content["labels"], content["probabilities"]
scores = {
    method: (1 - get_label_quality_scores(labels, probabilities, method=method)).tolist()
    for method in ("self_confidence", "normalized_margin")
}
issues = {
    by: find_label_issues(labels, probabilities, filter_by=by, n_jobs=1).tolist()
    for by in ("prune_by_noise_rate", "confident_learning")
}
joint = estimate_joint(labels, probabilities, confident_joint=compute_confident_joint(labels, probabilities))
print(json.dumps({"scores": scores, "issues": issues, "noise": 1 - float(np.trace(joint))}))
"""


def main() -> None:
    arguments = parse_arguments()
    dataset = read_dataset(arguments.images, arguments.n)
    print(f"{len(dataset.labels):,} images of {arguments.images.name}, {arguments.seeds} seeds.", flush=True)
    rows = [
        measure(dataset, model, kind, rate, seed, arguments.peers)
        for model in arguments.models
        for kind in arguments.kinds
        for rate in arguments.rates
        if rate > 0 or kind == arguments.kinds[0]  # no noise is of no kind
        for seed in range(arguments.seeds)
    ]
    results = pd.DataFrame(rows)
    keys = ["model", "noise", "rate"]
    means = results[results["rate"] > 0].drop(columns="seed").groupby(keys, sort=False).mean()
    print_table(
        "Ranking: how well scores tell wrong labels from right ones", means, "AUROC", "AP", "accuracy"
    )
    print_table("Scores: what they say, and what is so", means, "mean score", "wrong")
    print_table(
        "Lists: labels listed as wrong, and the noise estimated", means, "precision", "recall", "noise"
    )
    clean = results[results["rate"] == 0].groupby("model", sort=False).mean(numeric_only=True)
    if len(clean):
        print_table("Labels as they are", clean, "listed", "noise")
    if arguments.seeds > 1:
        print_table("Standard deviation over seeds", results.groupby(keys, sort=False).std(), "AUROC", "AP")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder of class folders")
    parser.add_argument("--peers", type=Path, help="Python of an environment with cleanlab")
    parser.add_argument("--n", type=int, default=5_000, help="images, as many of each class (default: 5000)")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["auto"])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--rates", nargs="+", type=float, default=[0, 0.05, 0.1, 0.2, 0.4])
    parser.add_argument("--seeds", type=int, default=1, help="of noise, folds and models (default: 1)")
    return parser.parse_args()


# ---- images and noise -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dataset:
    """The pipeline's tables of some images, their right labels, and what a weak observer takes them for."""

    manifest: pd.DataFrame
    scan: pd.DataFrame
    thumbnails: np.ndarray
    embeddings: np.ndarray
    labels: np.ndarray
    observed: np.ndarray  # (n, n_classes)


def read_dataset(folder: Path, n: int) -> Dataset:
    """`n` images, as many of each class, described by the pipeline's own stages."""
    files = pd.DataFrame({"path": sorted([*folder.rglob("*.jpg"), *folder.rglob("*.png")])})
    files["label"] = [path.parent.name for path in files["path"]]
    n_of_class = min(n // files["label"].nunique(), files["label"].value_counts().min())
    chosen = files.groupby("label").sample(n_of_class, random_state=0)
    manifest = chosen.astype({"path": str, "label": "category"}).reset_index(drop=True)
    manifest = manifest.assign(
        item_id=manifest.index,
        bytes=[Path(path).stat().st_size for path in manifest["path"]],
        content_hash=None,
        status="ok",
        split=pd.Categorical(["train"] * len(manifest)),
    )
    parts = list(scan(manifest))
    scanned = pd.concat([part["scan"] for part in parts], ignore_index=True)
    thumbnails = np.concatenate([part["thumbnails"] for part in parts])
    started = time.perf_counter()
    embedded = embed(manifest, scanned, thumbnails, parameters=PARAMETERS["embed"], seed=0)
    print(f"{embedded.summary}: {time.perf_counter() - started:.0f} s", flush=True)
    labels = manifest["label"].cat.codes.to_numpy(np.int64)
    features = label_models.forest_features(scanned, thumbnails)
    folds = label_models.assign_folds(labels, np.arange(len(labels)), n_folds=5, seed=0)
    forest = label_models.random_forest(seed=0)
    observed = label_models.cross_validate(features, labels, folds, forest, n_classes=labels.max() + 1)
    return Dataset(manifest, scanned, thumbnails, embedded.tables["embeddings"], labels, observed)


def make_noise(dataset: Dataset, kind: str, rate: float, seed: int) -> np.ndarray:
    """The labels with exactly that share of them wrong."""
    rng, labels = np.random.default_rng([seed, 1]), dataset.labels
    n_classes, n_wrong = labels.max() + 1, round(rate * len(labels))
    noisy = labels.copy()
    if kind == "picture":
        others = dataset.observed + 1e-9
        others[np.arange(len(labels)), labels] = 0
        unsure = others.sum(axis=1) ** 2  # the more an observer is in doubt
        wrong = rng.choice(len(labels), n_wrong, replace=False, p=unsure / unsure.sum())
        steps = (others[wrong] / others[wrong].sum(axis=1, keepdims=True)).cumsum(axis=1)
        noisy[wrong] = (steps > rng.random(n_wrong)[:, None]).argmax(axis=1)
        return noisy
    wrong = rng.permutation(len(labels))[:n_wrong]
    step = rng.integers(1, n_classes, len(wrong)) if kind == "symmetric" else 1
    noisy[wrong] = (labels[wrong] + step) % n_classes
    return noisy


# ---- measures ---------------------------------------------------------------------------------------------


def measure(dataset: Dataset, model: str, kind: str, rate: float, seed: int, peers: Path | None) -> dict:
    labels = dataset.labels
    given = make_noise(dataset, kind, rate, seed)
    categories = dataset.manifest["label"].cat.categories
    manifest = dataset.manifest.assign(label=pd.Categorical.from_codes(given, categories=categories))
    started, cpu_started = time.perf_counter(), time.process_time()
    probabilities = predict_out_of_sample(
        manifest,
        dataset.scan,
        dataset.thumbnails,
        dataset.embeddings,
        pd.DataFrame({name: pd.Series(dtype="int64") for name in ("item_id_a", "item_id_b")}),
        parameters=PARAMETERS["label_probabilities"].model_copy(update={"model": model}),
        seed=seed,
    ).probabilities
    verdict = judge(given, probabilities, anchor_fraction=0.02, min_score=MIN_SCORE)
    is_wrong = given != labels
    row = {
        "model": model,
        "noise": KINDS[kind],
        "rate": rate,
        "seed": seed,
        "accuracy, true labels": (verdict.probabilities.argmax(axis=1) == labels).mean(),
        "CPU seconds": time.process_time() - cpu_started,
        "seconds": time.perf_counter() - started,
        **ranking("DeepSight", verdict.score, is_wrong),
        **listing("DeepSight", verdict.is_issue, is_wrong),
        "noise, DeepSight": 1 - np.trace(verdict.anchors) / verdict.anchors.sum(),
        **calibration(verdict.score, is_wrong),
    }
    return row | (beside_cleanlab(peers, given, probabilities, is_wrong) if peers else {})


def calibration(score: np.ndarray, is_wrong: np.ndarray) -> dict[str, float]:
    """Of the labels with scores in each range, the mean score and the share that is wrong."""
    shares = {}
    for low, high in pairwise((0.05, 0.2, 0.4, 0.6, 0.8, 1.001)):
        here = (score >= low) & (score < high)
        name = f"{low:.2f} to {min(high, 1):.2f}"
        shares[f"mean score, {name}"] = score[here].mean() if here.any() else np.nan
        shares[f"wrong, {name}"] = is_wrong[here].mean() if here.any() else np.nan
    return shares


def ranking(name: str, score: np.ndarray, is_wrong: np.ndarray) -> dict[str, float]:
    if not is_wrong.any():
        return {f"AUROC, {name}": np.nan, f"AP, {name}": np.nan}
    return {
        f"AUROC, {name}": roc_auc_score(is_wrong, score),
        f"AP, {name}": average_precision_score(is_wrong, score),
    }


def listing(name: str, is_issue: np.ndarray, is_wrong: np.ndarray) -> dict[str, float]:
    return {
        f"listed, {name}": is_issue.sum(),
        f"precision, {name}": is_wrong[is_issue].mean() if is_issue.any() else np.nan,
        f"recall, {name}": is_issue[is_wrong].mean() if is_wrong.any() else np.nan,
    }


def beside_cleanlab(peers: Path, given: np.ndarray, probabilities: np.ndarray, is_wrong: np.ndarray) -> dict:
    # a forest or a count of neighbours may say 0, which cleanlab's margin takes as well as ours
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "probabilities.npz"
        np.savez(file, labels=given, probabilities=probabilities)
        command = [str(peers), "-W", "ignore", "-c", CLEANLAB, str(file)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    row: dict[str, float] = {"noise, cleanlab": found["noise"]}
    for method, score in found["scores"].items():
        row |= ranking(f"cleanlab {method}", np.array(score), is_wrong)
    for by, is_issue in found["issues"].items():
        row |= listing(f"cleanlab {by}", np.array(is_issue), is_wrong)
    return row


def print_table(title: str, means: pd.DataFrame, *measures: str) -> None:
    columns = [column for measure in measures for column in means if column.startswith(measure)]
    if "AUROC" in measures and "CPU seconds" in means:
        columns.append("CPU seconds")
    print(f"\n{title}:\n")
    shown = means[columns].dropna(how="all").reset_index()
    print("| " + " | ".join(shown) + " |\n|" + "---|" * len(shown.columns))
    for row in shown.itertuples(index=False):
        print("| " + " | ".join(cell(value, name) for value, name in zip(row, shown, strict=True)) + " |")
    sys.stdout.flush()


def cell(value: object, column: str) -> str:
    if isinstance(value, str):
        return value
    if column == "rate":
        return f"{value:.0%}"
    return f"{value:,.0f}" if column.startswith(("listed", "CPU")) else f"{value:.3f}"


if __name__ == "__main__":
    main()
