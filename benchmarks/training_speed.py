"""How fast does training go, and prediction, beside a plain DataLoader loop? How long to 94% on CIFAR-10?

    python benchmarks/training_speed.py FOLDER [--n 4000] [--epochs 3] [--runs 5]
    python benchmarks/training_speed.py FOLDER --to-94

FOLDER holds `train/<class>/` and `test/<class>/`, such as CIFAR-10. The plain loop is what torchvision's
tutorials write: ImageFolder, transforms.v2 on each image, a DataLoader with the number of workers that is
fastest here; network, optimiser, schedule and precision are the same. `--to-94` needs a GPU.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torchvision
from scipy import stats
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from models.augmentation.images import Augmentation
from models.data.batches import Batches
from models.data.store import ImageStore, cache_device_of
from models.inference import predict_images
from models.networks.classifier import ImageClassifier
from models.seeding import seeded_torch
from models.training.devices import prepare_device
from models.training.hardware import Hardware
from models.training.loop import train
from models.training.module import Objective
from models.training.phases import PARTS, Phase

PX = 32
MAX_SHIFT_PX = 4
LEARNING_RATE, WEIGHT_DECAY = 0.002, 0.05
TARGET_ACCURACY = 0.94


def main() -> None:
    arguments = parse_arguments()
    device = prepare_device("auto")
    if arguments.to_94:
        if device.type != "cuda":
            sys.exit("There is no GPU here, so the time to 94% was not measured.")
        measure_time_to_94(arguments, device)
    else:
        compare(arguments, device)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="with train/<class>/ and test/<class>/")
    parser.add_argument("--n", type=int, default=4000, help="images to train on, and to predict")
    parser.add_argument("--epochs", type=int, help="of a training (default: 3, to 94%%: 30)")
    parser.add_argument("--batch-images", type=int, help="images a step (default: 64, to 94%%: 512)")
    parser.add_argument("--runs", type=int, default=5, help="pairs of runs, in turn")
    parser.add_argument("--to-94", action="store_true", help="train on all images until the test says 94%%")
    return parser.parse_args()


# ---- beside a plain loop ----------------------------------------------------------------------------------


def compare(arguments: argparse.Namespace, device: torch.device) -> None:
    epochs, batch_images = arguments.epochs or 3, arguments.batch_images or 64
    images = listed(arguments.folder / "train", arguments.n)
    classes = sorted(images["label"].unique())
    n_workers = fastest_workers(images, classes, batch_images, device)
    programs = {
        "training": (
            lambda: fit(images, classes, epochs, batch_images, device),
            lambda: fit_plainly(images, classes, epochs, batch_images, device, n_workers),
            epochs * len(images),
        ),
        "inference": (
            lambda: predict_images(new_classifier(classes), images, batch_images=256, device=device),
            lambda: predict_plainly(images, classes, device, n_workers),
            len(images),
        ),
    }
    print(
        f"{machine(device)}. {len(images):,} images at {PX} px, {epochs} epochs, batches of {batch_images};"
    )
    print(
        f"DataLoader with {n_workers} workers, the fastest number here. Medians of {arguments.runs} pairs:\n"
    )
    print("| | DeepSight | plain loop | times as fast (95% interval) |")
    print("|---|---|---|---|")
    for name, (ours, plain, n) in programs.items():
        print(comparison_row(name, ours, plain, n, arguments.runs), flush=True)


def comparison_row(
    name: str, ours: Callable[[], object], plain: Callable[[], object], n_images: int, n_runs: int
) -> str:
    """Both in turn; the ratio is the geometric mean of pairs, its interval Student's t of the logarithms."""
    pairs = np.array([(timed(ours), timed(plain)) for _ in range(n_runs)])
    ratios = np.log(pairs[:, 1] / pairs[:, 0])
    margin = stats.t.ppf(0.975, n_runs - 1) * stats.sem(ratios) if n_runs > 1 else np.nan
    low, middle, high = np.exp(ratios.mean() + np.array([-margin, 0, margin]))
    rates = [f"{n_images / statistics.median(seconds):,.0f} images/s" for seconds in pairs.T]
    return f"| {name} | {rates[0]} | {rates[1]} | {middle:.2f} ({low:.2f} to {high:.2f}) |"


def timed(program: Callable[[], object]) -> float:
    started = time.perf_counter()
    program()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def fastest_workers(images: pd.DataFrame, classes: list[str], batch_images: int, device: torch.device) -> int:
    n_cores = len(os.sched_getaffinity(0))
    some = images.sample(min(len(images), 20 * batch_images), random_state=0)
    seconds = {
        n: timed(lambda n=n: fit_plainly(some, classes, 1, batch_images, device, n))
        for n in sorted({0, 1, n_cores // 2, n_cores})
    }
    return min(seconds, key=seconds.get)


def listed(folder: Path, n: int | None) -> pd.DataFrame:
    """`n` images drawn at random (None: all), as `models.data` takes them."""
    paths = sorted(folder.glob("*/*"))
    if not paths:
        sys.exit(f"{folder} holds no class folders with images.")
    images = pd.DataFrame({"path": [str(path) for path in paths], "label": [p.parent.name for p in paths]})
    images = images if n is None or n >= len(images) else images.sample(n, random_state=0)
    codes = images["label"].astype("category").cat.codes.astype(np.int64)
    return images.assign(class_index=codes, is_truncated=False).reset_index(drop=True)


def new_classifier(classes: list[str], *, keep_resolution: bool = False) -> ImageClassifier:
    with seeded_torch(0):
        return ImageClassifier(
            architecture="resnet18",
            classes=classes,
            input_px=PX,
            keep_resolution=keep_resolution,
            mean=[0.5] * 3,
            std=[0.25] * 3,
        )


def fit(
    images: pd.DataFrame,
    classes: list[str],
    epochs: int,
    batch_images: int,
    device: torch.device,
    *,
    keep_resolution: bool = False,
    label_smoothing: float = 0.0,
) -> ImageClassifier:
    """As the stage `baseline_resnet` trains, decoding included."""
    classifier = new_classifier(classes, keep_resolution=keep_resolution)
    home = cache_device_of(len(images) * 3 * PX**2, device=device, cache_gigabytes=4)
    store = ImageStore(images, input_px=PX, home=home, description="decoding")
    augment = Augmentation({-1: torch.ones(len(classes), dtype=torch.bool)}, MAX_SHIFT_PX, None)
    batches = Batches(store, batch_images=batch_images, seed=0, augment=augment, device=device)
    with tempfile.TemporaryDirectory() as folder:
        train(
            classifier,
            batches,
            None,
            phases=[Phase("all layers", epochs, dict.fromkeys(PARTS, LEARNING_RATE))],
            patience=epochs,
            weight_decay=WEIGHT_DECAY,
            objective=Objective(label_smoothing),
            hardware=Hardware(device, precision="bf16-mixed" if device.type == "cuda" else "32-true"),
            dvclive=Path(folder, "dvclive"),
            checkpoints=Path(folder, "checkpoints"),
        )
    return classifier


def loader(
    images: pd.DataFrame, *, is_training: bool, batch_images: int, n_workers: int, device: torch.device
) -> DataLoader:
    resize = [v2.ToImage(), v2.Resize((PX, PX), antialias=True)]
    augment = [v2.RandomCrop(PX, padding=MAX_SHIFT_PX, padding_mode="edge"), v2.RandomHorizontalFlip()]
    transform = v2.Compose(
        [*resize, *(augment if is_training else []), v2.ToDtype(torch.float32, scale=True)]
    )
    dataset = ImageFolder(Path(images["path"][images.index[0]]).parents[1], transform)
    place = {path: i for i, (path, _) in enumerate(dataset.samples)}
    return DataLoader(
        Subset(dataset, [place[path] for path in images["path"]]),
        batch_size=batch_images,
        shuffle=is_training,
        num_workers=n_workers,
        persistent_workers=n_workers > 0,
        pin_memory=device.type == "cuda",
    )


@contextlib.contextmanager
def precision_of(device: torch.device) -> Iterator[None]:
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        yield


def fit_plainly(
    images: pd.DataFrame,
    classes: list[str],
    epochs: int,
    batch_images: int,
    device: torch.device,
    n_workers: int,
) -> None:
    classifier = new_classifier(classes).to(device, memory_format=torch.channels_last).train()
    batches = loader(images, is_training=True, batch_images=batch_images, n_workers=n_workers, device=device)
    optimizer = torch.optim.AdamW(
        classifier.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=LEARNING_RATE, total_steps=epochs * len(batches)
    )
    for _ in range(epochs):
        for pixels, labels in batches:
            pixels = pixels.to(device, memory_format=torch.channels_last, non_blocking=True)
            with precision_of(device):
                loss = nn.functional.cross_entropy(classifier(pixels), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


@torch.inference_mode()
def predict_plainly(
    images: pd.DataFrame, classes: list[str], device: torch.device, n_workers: int
) -> torch.Tensor:
    classifier = new_classifier(classes).to(device).eval()
    batches = loader(images, is_training=False, batch_images=256, n_workers=n_workers, device=device)
    return torch.cat([classifier(pixels.to(device)).softmax(dim=1).cpu() for pixels, _ in batches])


# ---- to 94% -----------------------------------------------------------------------------------------------


def measure_time_to_94(arguments: argparse.Namespace, device: torch.device) -> None:
    """Seconds, and energy of the GPU, of a whole training from files to weights, and what the test says."""
    training, test = (listed(arguments.folder / split, None) for split in ("train", "test"))
    classes = sorted(training["label"].unique())
    epochs, batch_images = arguments.epochs or 30, arguments.batch_images or 512
    print(f"{machine(device)}. ResNet18 at full resolution, {epochs} epochs, batches of {batch_images}:\n")
    print("| run | seconds | watt-hours of the GPU | test accuracy | 94% reached |")
    print("|---|---|---|---|---|")
    for run in range(arguments.runs):
        with power_meter() as watts:
            started = time.perf_counter()
            classifier = fit(
                training, classes, epochs, batch_images, device, keep_resolution=True, label_smoothing=0.1
            )
            seconds = time.perf_counter() - started
        probabilities = predict_images(classifier, test, batch_images=512, device=device).probabilities
        accuracy = (probabilities.argmax(axis=1) == test["class_index"]).mean()
        energy = f"{statistics.mean(watts) * seconds / 3600:.2f}" if watts else "not measured"
        reached = "yes" if accuracy >= TARGET_ACCURACY else "no"
        print(f"| {run + 1} | {seconds:.1f} | {energy} | {accuracy:.2%} | {reached} |", flush=True)


@contextlib.contextmanager
def power_meter() -> Iterator[list[float]]:
    """Fills the list with the GPU's power draw in watts, ten times a second; empty without nvidia-smi."""
    command = [
        "nvidia-smi",
        "--id=0",
        "--query-gpu=power.draw",
        "--format=csv,noheader,nounits",
        "-lms",
        "100",
    ]
    watts: list[float] = []
    try:
        meter = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        yield watts
        return
    with meter:
        yield watts
        meter.terminate()
        watts += [float(line) for line in meter.stdout if line.strip().replace(".", "", 1).isdigit()]


def machine(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu()
    return f"{name}, torch {torch.__version__}, torchvision {torchvision.__version__}"


def cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(": ")[1] for line in lines if "model name" in line]
    return f"{len(os.sched_getaffinity(0))} cores of {next(iter(models), platform.machine())}"


if __name__ == "__main__":
    main()
