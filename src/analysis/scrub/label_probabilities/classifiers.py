"""Out-of-sample class probabilities of images, by several models of different price.

Each model is a function of the rows to train on, their labels and the rows to predict, to class probabilities
(n, n_classes). Labels are integers in [0, n_classes), all of which occur among those to train on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import faiss
import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torchvision.transforms import Normalize

from analysis.cores import available_cores
from analysis.progress import progress
from models.augmentation.images import random_shift
from models.inference import PREDICTED_TOGETHER, logits_of
from models.networks.classifier import in_unit_range
from models.networks.efficientnet_lite import N_FEATURES, EfficientNetLite0
from models.networks.packaged_weights import MEAN, STD, packaged_state
from models.seeding import seeded_torch
from models.training.devices import prepare_device

FitPredict = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
N_TREES = 100
FOREST_THUMBNAIL_PX = 8
INVERSE_REGULARISATION = 0.003  # for features of unit variance; AUROC is flat from a fifth to ten times of it
N_NEIGHBOURS = 30
NEIGHBOUR_TEMPERATURE = 0.1  # a neighbour's vote weighs e times as much for each 0.1 of cosine similarity
N_HIDDEN = 512  # twice as many take half as long again, for one point more of accuracy on CIFAR-10
LEARNING_RATE = 0.002  # of untrained layers, at the peak of its cycle
PRETRAINED_RATE = 0.0003  # of pretrained layers
NETWORK_PX = 96  # side of the images that networks see
NETWORK_BATCH_IMAGES = 32
MAX_SHIFT_PX = 9  # they are moved by up to so much in training


def assign_folds(labels: np.ndarray, groups: np.ndarray, *, n_folds: int, seed: int) -> np.ndarray:
    """A fold of each image (n,): each class dealt out evenly, images of one group all in one fold.

    A group goes where its first image goes, so that no copy of an image teaches a model what to say of it.
    scikit-learn's StratifiedGroupKFold does the same in minutes where there are 60,000 groups.
    """
    rng = np.random.default_rng(seed)
    is_first = np.zeros(len(labels), dtype=bool)
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    is_first[first] = True
    shuffled = rng.permutation(np.flatnonzero(is_first))
    dealt = shuffled[
        np.argsort(labels[shuffled], kind="stable")
    ]  # class after class, so that shares differ by 1
    fold = np.empty(len(labels), dtype=np.int64)
    fold[dealt] = np.arange(len(dealt)) % n_folds
    return fold[first][group]


def cross_validate(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    model: FitPredict,
    *,
    n_classes: int,
    is_taught: np.ndarray | None = None,
    description: str = "label models",
) -> np.ndarray:
    """Probabilities (n, n_classes) for each fold's images, by a model trained on the other folds.

    Of those it is taught only the ones marked in `is_taught` (n,), if given.
    """
    probabilities = np.full((len(labels), n_classes), 1 / n_classes)
    for fold in progress(np.unique(folds), description=description, unit="folds"):
        is_held_out = folds == fold
        is_seen = ~is_held_out if is_taught is None else ~is_held_out & is_taught
        seen, dense_labels = np.unique(labels[is_seen], return_inverse=True)
        if len(seen) > 1:  # else there is nothing to tell apart, and all classes stay equally probable
            predicted = np.zeros((is_held_out.sum(), n_classes))
            predicted[:, seen] = model(features[is_seen], dense_labels, features[is_held_out])
            probabilities[is_held_out] = predicted
    return probabilities


# ---- features ---------------------------------------------------------------------------------------------


def forest_features(scan: pd.DataFrame, thumbnails: np.ndarray) -> np.ndarray:
    """The scan's measures, colour histograms and the thumbnails at 8×8 pixels, one row per image."""
    measures = scan.select_dtypes("floating").to_numpy(np.float32)
    histograms = np.stack(scan["histogram"].to_numpy())
    side = thumbnails.shape[1] // FOREST_THUMBNAIL_PX
    blocks = thumbnails.reshape(len(scan), FOREST_THUMBNAIL_PX, side, FOREST_THUMBNAIL_PX, side, 3)
    small = blocks.mean(axis=(2, 4), dtype=np.float32)  # (n, 8, 4, 8, 4, 3) -> (n, 8, 8, 3)
    return np.hstack([measures, histograms, small.reshape(len(scan), -1)])


# ---- models -----------------------------------------------------------------------------------------------


def random_forest(*, seed: int) -> FitPredict:
    def fit_predict(features: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> np.ndarray:
        forest = RandomForestClassifier(
            N_TREES,
            min_samples_leaf=min(5, 1 + len(labels) // 1000),
            max_samples=0.5,
            n_jobs=available_cores(),
            random_state=seed,
        )
        return forest.fit(features, labels).predict_proba(queries)

    return fit_predict


def logistic_regression() -> FitPredict:
    def fit_predict(features: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> np.ndarray:
        scale = features.shape[1] ** 0.5  # unit vectors have a variance of 1 / d
        classifier = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=500)
        with threadpool_limits(1):  # more threads wait for one another, and sums would depend on their number
            return classifier.fit(features * scale, labels).predict_proba(queries * scale)

    return fit_predict


def nearest_neighbours() -> FitPredict:
    def fit_predict(features: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> np.ndarray:
        faiss.omp_set_num_threads(available_cores())
        index = faiss.IndexFlatIP(features.shape[1])
        index.add(np.ascontiguousarray(features))
        similarity, nearest = index.search(np.ascontiguousarray(queries), min(N_NEIGHBOURS, len(features)))
        n_classes = labels.max() + 1
        # the share of each class in training counts as one more neighbour, so that none is impossible
        votes = np.tile(np.bincount(labels) / len(labels), (len(queries), 1))
        weights = np.exp((similarity - similarity[:, :1]) / NEIGHBOUR_TEMPERATURE)
        np.add.at(votes, (np.arange(len(queries))[:, None], labels[nearest]), weights)
        return votes.reshape(-1, n_classes) / votes.sum(axis=1, keepdims=True)

    return fit_predict


def perceptron(*, seed: int) -> FitPredict:
    """One hidden layer on standardised embeddings, with half of it dropped at random in training."""
    device = prepare_device("cpu")  # on a GPU, dropout would be drawn from a generator of its own
    torch.set_num_threads(
        1
    )  # so small a network gains nothing by more, and sums would depend on their number

    def fit_predict(features: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> np.ndarray:
        scale = features.shape[1] ** 0.5  # unit vectors have a variance of 1 / d
        inputs, n_classes = torch.from_numpy(features * scale), labels.max() + 1
        batch_images = int(np.clip(len(labels) // 16, 16, 256))
        n_epochs = max(10, -(-200 * batch_images // len(labels)))  # at least 200 steps
        with seeded_torch(seed):
            network = nn.Sequential(
                nn.Linear(inputs.shape[1], N_HIDDEN),
                nn.ReLU(),
                nn.Dropout(0.5),
                nn.Linear(N_HIDDEN, n_classes),
            ).to(device)
            train_network(
                network,
                lambda rows: inputs[rows],
                labels,
                n_epochs=n_epochs,
                batch_images=batch_images,
                weight_decay=0.3,
                rng=np.random.default_rng(seed),
            )
        network.eval()
        with torch.inference_mode():
            return network(torch.from_numpy(queries * scale)).softmax(dim=1).numpy()

    return fit_predict


def fine_tuned_networks(*, n_epochs: int, max_images: int, seed: int) -> FitPredict:
    """EfficientNet-Lite0, all of whose packaged weights learn on; features are uint8 (n, 3, H, W)."""
    device = prepare_device("auto")

    def fit_predict(features: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(seed)
        chosen = rng.permutation(len(labels))[:max_images]
        images = torch.from_numpy(features)
        backbone = EfficientNetLite0()
        backbone.load_state_dict(packaged_state())
        with seeded_torch(seed):
            head = nn.Linear(N_FEATURES, labels.max() + 1)
        network = nn.Sequential(Normalize(MEAN, STD), backbone, head)
        network = network.to(device, memory_format=torch.channels_last)
        train_network(
            network,
            lambda rows: in_unit_range(random_shift(images[chosen[rows]], rng, max_px=MAX_SHIFT_PX)).to(
                device
            ),
            labels[chosen],
            n_epochs=n_epochs,
            batch_images=NETWORK_BATCH_IMAGES,
            weight_decay=0.05,
            rng=rng,
            rates={backbone: PRETRAINED_RATE, head: LEARNING_RATE},
        )
        network.eval()
        logits = logits_of(network, torch.from_numpy(queries), batch_images=PREDICTED_TOGETHER, device=device)
        return logits.softmax(dim=1).cpu().numpy()

    return fit_predict


def train_network(
    network: nn.Module,
    inputs_of: Callable[[np.ndarray], Tensor],
    labels: np.ndarray,
    *,
    n_epochs: int,
    batch_images: int,
    weight_decay: float,
    rng: np.random.Generator,
    rates: Mapping[nn.Module, float] | None = None,
) -> None:
    """Cross-entropy by AdamW, the learning rate rising and falling once; `inputs_of` rows makes a batch.

    `rates` are the peaks of parts of the network; without them all of it has `LEARNING_RATE`.
    """
    n_batches = max(1, len(labels) // batch_images)
    peaks = rates or {network: LEARNING_RATE}
    groups = [{"params": part.parameters(), "lr": rate} for part, rate in peaks.items()]
    optimizer = torch.optim.AdamW(groups, weight_decay=weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=list(peaks.values()), total_steps=n_epochs * n_batches
    )
    targets = torch.from_numpy(labels)
    network.train()
    for _ in range(n_epochs):
        for rows in np.array_split(rng.permutation(len(labels)), n_batches):
            logits = network(inputs_of(rows))
            loss = torch.nn.functional.cross_entropy(logits, targets[rows].to(logits.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
