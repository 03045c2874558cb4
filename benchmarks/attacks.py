"""How strong are the attacks of `robustness_deepdive` beside those of torchattacks, Foolbox and captum?

    python benchmarks/attacks.py --workspace FOLDER

`--workspace` is a folder in which the pipeline has run up to `evaluate`. Prints tables in Markdown.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import foolbox
import pandas as pd
import torch
import torchattacks
from captum.robust import PGD
from torch import Tensor

from analysis.dataset.readable import readable_images
from analysis.interpret.attack_trials.attack_sweep import sweep
from analysis.interpret.attack_trials.attacks import Norm, Target, cross_entropies
from analysis.interpret.judged_images import sample_of_judged
from models.data.decoding import decode
from models.networks.checkpoint import load_classifier
from models.networks.classifier import in_unit_range

EPSILONS: dict[Norm, list[float]] = {
    "linf": [size / 255 for size in (1, 2, 4, 8, 16)],
    "l2": [0.125, 0.25, 0.5, 1, 2],
}
N_STEPS = 10
Attack = Callable[[Tensor, Tensor, float], Tensor]  # images, labels, ε -> perturbed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--n-images", type=int, default=100, help="of the test split, the same of each class")
    arguments = parser.parse_args()
    os.chdir(arguments.workspace)  # the manifest's paths lead from there
    target, images, labels = load(arguments.n_images)
    is_right = target.predict(images) == labels
    print(
        f"{len(images)} images, {int(is_right.sum())} right untouched; still right after an attack within ε:"
    )
    for norm in EPSILONS:
        compare(target, images[is_right], labels[is_right], norm)


def load(n_images: int) -> tuple[Target, Tensor, Tensor]:
    manifest, scan = (pd.read_parquet(f"data/{name}.parquet") for name in ("cleaned_manifest", "scan"))
    rows, _ = sample_of_judged(readable_images(manifest, scan), n_images, seed=0)
    classifier = load_classifier(Path("analysis_outputs/baseline_resnet/model.pt")).requires_grad_(False)
    pixels = decode(rows, input_px=classifier.input_px, interpolation=classifier.interpolation)
    labels = torch.from_numpy(rows["class_index"].to_numpy())
    return Target(classifier, batch_images=128), in_unit_range(pixels), labels


def compare(target: Target, images: Tensor, labels: Tensor, norm: Norm) -> None:
    """Print one row per attack: images still right at each ε, and CPU seconds of all of them."""
    shown = [f"{e * 255:g}/255" if norm == "linf" else f"{e:g}" for e in EPSILONS[norm]]
    print(f"\n| {norm} | {' | '.join(shown)} | CPU s |\n|---|{'---:|' * (len(shown) + 1)}")
    for n_restarts in (1, 5):
        started = time.process_time()
        settings = {"n_steps": N_STEPS, "n_restarts": n_restarts, "seed": 0}
        result = sweep(target, images, labels, norm=norm, epsilons=EPSILONS[norm], **settings)
        n_standing = len(images) - result.n_broken("pgd")
        print_row(f"DeepSight, {n_restarts} + 1 starts", n_standing.tolist(), time.process_time() - started)
    for name, attack in peers(target, norm).items():
        started, n_standing = time.process_time(), []
        torch.manual_seed(0)
        for epsilon in EPSILONS[norm]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # captum warns that it asks for gradients
                perturbed = attack(images.clone(), labels, epsilon)
            n_standing.append(int((target.predict(perturbed.detach()) == labels).sum()))
        print_row(name, n_standing, time.process_time() - started)


def peers(target: Target, norm: Norm) -> dict[str, Attack]:
    """Each takes `N_STEPS` steps of ε / 4; from a random start, but for captum."""
    classifier = target.classifier
    theirs = torchattacks.PGD if norm == "linf" else torchattacks.PGDL2
    kind = foolbox.attacks.LinfPGD if norm == "linf" else foolbox.attacks.L2PGD
    model = foolbox.PyTorchModel(classifier, bounds=(0, 1))

    def by_torchattacks(images: Tensor, labels: Tensor, epsilon: float) -> Tensor:
        return theirs(classifier, eps=epsilon, alpha=2.5 * epsilon / N_STEPS, steps=N_STEPS)(images, labels)

    def by_foolbox(images: Tensor, labels: Tensor, epsilon: float) -> Tensor:
        return kind(rel_stepsize=2.5 / N_STEPS, steps=N_STEPS)(model, images, labels, epsilons=epsilon)[1]

    def by_captum(images: Tensor, labels: Tensor, epsilon: float) -> Tensor:
        attack = PGD(classifier, cross_entropies, lower_bound=0.0, upper_bound=1.0)
        form = "Linf" if norm == "linf" else "L2"  # from the image: its random start in L2 fails on batches
        return attack.perturb(images, epsilon, 2.5 * epsilon / N_STEPS, N_STEPS, labels, norm=form)

    return {"torchattacks": by_torchattacks, "Foolbox": by_foolbox, "captum": by_captum}


def print_row(name: str, n_standing: list[int], seconds: float) -> None:
    print(f"| {name} | {' | '.join(map(str, n_standing))} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
