"""What do a pretrained network's features change, beside features of patches, in all that uses them?

    python benchmarks/features.py digits=- clothing=FOLDER cifar10=FOLDER ... [--network] [--out DIR]

Each dataset, `name=folder of class folders` (perhaps within split folders; `-` for scikit-learn's digits), is
audited twice, with `embed.backbone` patches and efficientnet_lite0, and again with `--strangers` pictures of
the other datasets among its own. What the audits say stands side by side, a Markdown table for each dataset.
benchmarks/README.md says how to read them. `--network` trains the baseline as well.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.datasets import load_digits

BACKBONES = ("patches", "efficientnet_lite0")
STAGES = ("linear_probe", "label_issues", "self_test", "feature_exploration", "latent_structure")
SUFFIXES = {".jpg", ".jpeg", ".png"}


def main() -> None:
    arguments = parse_arguments()
    datasets = dict(item.split("=", 1) for item in arguments.datasets)
    folders = {name: folder_of(name, folder, arguments.out) for name, folder in datasets.items()}
    for name, folder in folders.items():
        others = [other for other_name, other in folders.items() if other_name != name]
        columns = {}
        for backbone in BACKBONES:
            audit = arguments.out / f"{name}-{backbone}"
            run_audit(folder, audit, backbone, [*STAGES, *(["evaluate"] if arguments.network else [])])
            columns[backbone] = measures(audit, with_network=arguments.network)
            if others and arguments.strangers:
                mixed, strange = with_strangers(
                    folder, others, arguments.strangers, arguments.out / f"{name}+"
                )
                audit = arguments.out / f"{name}+{backbone}"
                run_audit(mixed, audit, backbone, ["latent_structure"])
                columns[backbone] |= strangers_found(audit, strange)
        print_table(name, pd.DataFrame(columns))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("datasets", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument(
        "--network", action="store_true", help="train the baseline too: minutes more a dataset"
    )
    parser.add_argument("--strangers", type=int, default=20, help="pictures of other datasets put among each")
    parser.add_argument("--out", type=Path, default=Path("build/features"), help="folder of the audits")
    return parser.parse_args()


def folder_of(name: str, folder: str, out: Path) -> Path:
    if folder != "-":
        return Path(folder)
    digits = load_digits()
    for i, (pixels, digit) in enumerate(zip(digits.images, digits.target, strict=True)):
        target = out / name / "images" / str(digit)
        target.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 255 / 16).astype(np.uint8)).save(target / f"{i:04d}.png")
    return out / name / "images"


def run_audit(folder: Path, audit: Path, backbone: str, stages: list[str]) -> None:
    deepsight = Path(sys.executable).with_name("deepsight")
    command = [str(deepsight), "audit", str(folder), "--out", str(audit)]
    command += ["--only", *stages, "--set", f"embed.backbone={backbone}"]
    print(" ".join(command), file=sys.stderr, flush=True)
    subprocess.run(command, check=True, stdout=sys.stderr)


def with_strangers(folder: Path, others: list[Path], n: int, target: Path) -> tuple[Path, set[str]]:
    """A copy of the dataset with `n` pictures of others among it, each of a random class; their names."""
    rng = np.random.default_rng(0)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    own = sorted(path for path in target.rglob("*") if path.suffix.lower() in SUFFIXES)
    places = rng.permutation(sorted({path.parent for path in own}))
    of_others = [
        sorted(path for path in other.rglob("*") if path.suffix.lower() in SUFFIXES) for other in others
    ]
    names = set()
    for i in range(n):
        pictures = of_others[i % len(of_others)]
        source = pictures[rng.integers(len(pictures))]
        copy = places[i % len(places)] / f"stranger_{i}{source.suffix}"
        shutil.copy(source, copy)
        names.add(copy.name)
    return target, names


# ---- what the audits say ----------------------------------------------------------------------------------


def measures(audit: Path, *, with_network: bool) -> dict[str, str]:
    results = audit / "analysis_outputs"
    metrics = {stage: read_json(results / stage / "metrics.json") for stage in ("embed", *STAGES)}
    probe, classes, map_ = (
        metrics[stage] for stage in ("linear_probe", "feature_exploration", "latent_structure")
    )
    features = pd.read_csv(results / "embed/features.csv").set_index("features")
    described = features.loc[metrics["embed"]["backbone"]]
    found = {
        "images": f"{metrics['embed']['n_embedded']:,}",
        "pixels a side": f"{metrics['embed']['input_px'] or 'thumbnails'}",
        "seconds of `embed`": f"{read_json(audit / '.deepsight/runs/embed.json')['seconds']:.0f}",
        "log loss, cross-validated": f"{described['log_loss']:.2f}",
        "linear probe: accuracy on test": interval(probe, "probe_test_accuracy"),
        "neighbours of the same label": f"{map_['label_purity_embeddings']:.1%}",
        "classes told apart (balanced accuracy)": f"{classes['balanced_accuracy']:.1%}",
        "the two classes most alike: AUROC": f"{classes['hardest_pair_auroc']:.3f}",
        "labels listed as they are": f"{metrics['label_issues']['n_issues']:,}",
        **planted_labels(results / "self_test"),
    }
    if with_network:
        found["network: accuracy on test"] = interval(
            read_json(results / "evaluate/metrics.json"), "test_accuracy"
        )
    return found


def planted_labels(folder: Path) -> dict[str, str]:
    trials = pd.read_csv(folder / "self_test.csv")
    trials = trials[trials["stage"] == "label_issues"]
    if trials.empty:
        return {}
    shares = {
        f"planted: {row['fault']}, found": f"{row['n_found']} of {row['n_planted']}"
        for _, row in trials.iterrows()
    }
    first = trials.iloc[0]
    shares["of the labels listed, planted"] = f"{first['n_right']} of {first['n_reported']}"
    scores = pd.read_csv(folder / "label_scores.csv").dropna(subset="mean_score")
    shares["score → share planted, by bins"] = ", ".join(
        f"{row['mean_score']:.2f} → {row['planted_share']:.2f} (n {row['n_labels']:.0f})"
        for _, row in scores[scores["score_from"] > 0].iterrows()
    )
    return shares


def strangers_found(audit: Path, strange: set[str]) -> dict[str, str]:
    findings = pd.read_parquet(audit / "analysis_outputs/latent_structure/findings.parquet")
    manifest = pd.read_parquet(audit / "data/manifest.parquet", columns=["item_id", "path"])
    names = manifest.set_index("item_id")["path"].map(lambda path: Path(path).name)
    listed = set(findings["item_id"].dropna().map(names))
    return {
        "strangers among the outliers": f"{len(listed & strange)} of {len(strange)}; {len(listed)} listed"
    }


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def interval(metrics: dict, name: str) -> str:
    value, low, high = (metrics[name + end] for end in ("", "_low", "_high"))
    return "no test split" if value is None else f"{value:.1%} ({low:.1%} to {high:.1%})"


def print_table(name: str, columns: pd.DataFrame) -> None:
    print(f"\n| {name} | " + " | ".join(columns) + " |\n|---|" + "---|" * columns.shape[1])
    for measure, row in columns.iterrows():
        print(f"| {measure} | " + " | ".join(row) + " |")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
