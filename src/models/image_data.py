"""Images as tensors: which of them can be used, decoding, and batches.

An image is decoded once into uint8 at the network's input size, the whole of it squeezed into a square, so
that nothing at its border is cut off. Batches are then cut out of one tensor, on the GPU that trains if it
has room for it, and augmented there. What fits nowhere is decoded while the batches before it are in use.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, distributed
from tqdm import tqdm

from analysis.cores import available_cores
from analysis.images import ImageError, open_as_seen
from analysis.stage import InputError
from models.input_size import READABLE

INTERPOLATIONS = {  # by the names of the stage `interpolation`
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
MAX_DECODING_THREADS = 8  # each holds a whole picture; beyond this, Python's lock leaves little to gain
N_DECODED_TOGETHER = 4096  # images on their way to where they are kept
N_BATCHES_AHEAD = 2  # decoded and waiting while one is trained on
GIGABYTE = 10**9
CPU = torch.device("cpu")


class Batch(NamedTuple):
    """What one training step takes.

    Attributes
    ----------
    images
        uint8 (N, 3, H, W).
    labels
        int64 (N,): class indices, as the dataset has them.
    targets
        What the loss compares with: `labels`, or float (N, C) where images are mixed.
    rows
        int64 (N,): places of the images in the table that the store was made of.
    """

    images: Tensor
    labels: Tensor
    targets: Tensor
    rows: Tensor


# images uint8 (N, 3, H, W) and labels int64 (N,) -> images and targets as in `Batch`
Augment = Callable[[Tensor, Tensor, np.random.Generator], tuple[Tensor, Tensor]]


def readable_images(manifest: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    """The manifest's rows with a picture, in its order, but for those that `clean` has dropped.

    Returns
    -------
    DataFrame
        `image_id`, `path`, `label`, `split`, `is_truncated` and `class_index`: the label's place among
        the manifest's classes, −1 where there is none.
    """
    images = manifest[["image_id", "path", "label", "split"]].assign(
        is_truncated=scan["status"].eq("truncated").to_numpy(),
        class_index=manifest["label"].cat.codes.astype(np.int64),
    )
    return images[scan["status"].isin(READABLE).to_numpy() & is_left(manifest)].reset_index(drop=True)


def is_left(manifest: pd.DataFrame) -> np.ndarray:
    """Mask of the rows that `clean` has not dropped."""
    return manifest["status"].ne("dropped").to_numpy()


def left_out_note(manifest: pd.DataFrame, scan: pd.DataFrame) -> str:
    """In words, how many images of the manifest are dropped, have no picture or no label; empty if none."""
    is_readable = scan["status"].isin(READABLE).to_numpy()
    is_dropped = ~is_left(manifest)
    reasons = {
        "are dropped by `clean`": is_dropped,
        "cannot be read": ~is_readable & ~is_dropped,
        "have no label": is_readable & ~is_dropped & manifest["label"].isna().to_numpy(),
    }
    counts = {reason: int(mask.sum()) for reason, mask in reasons.items()}
    if not sum(counts.values()):
        return ""
    said = ", ".join(f"{n:,} {reason}" for reason, n in counts.items() if n)
    return f"{sum(counts.values()):,} of {len(manifest):,} images are left out: {said}."


def stratified_sample(images: pd.DataFrame, n: int, *, rng: np.random.Generator) -> pd.DataFrame:
    """At most `n` rows, in their order, each class in its proportion and none lost while `n` allows it."""
    if len(images) <= n:
        return images
    shuffled = images.iloc[rng.permutation(len(images))]
    by_class = shuffled.groupby("class_index")["class_index"]
    # 0 for each class's first image, so that every class has one before any has its full share
    place = by_class.cumcount() / by_class.transform("size")
    return images.loc[place.sort_values(kind="stable").index[:n].sort_values()].reset_index(drop=True)


def decode(
    images: pd.DataFrame, *, input_px: int, interpolation: str = "bilinear", progress: tqdm | None = None
) -> Tensor:
    """The pictures of `images` (`path`, `is_truncated`) -> uint8 (N, 3, input_px, input_px).

    `interpolation` is one of `INTERPOLATIONS`, all with antialiasing but "nearest".

    Raises
    ------
    InputError
        If one cannot be read: the file changed after it was scanned.
    """
    tensor = torch.empty((len(images), 3, input_px, input_px), dtype=torch.uint8)
    pixels = tensor.permute(0, 2, 3, 1).numpy()  # (N, 3, H, W) -> (N, H, W, 3), the same memory

    def fill(place: int, path: str, is_truncated: bool) -> None:
        pixels[place] = _decode_one(path, is_truncated, input_px, INTERPOLATIONS[interpolation])

    n_threads = min(available_cores(), MAX_DECODING_THREADS)
    # each opening silences Pillow's warnings and restores the filters, which threads would do to one another
    with warnings.catch_warnings(), ThreadPoolExecutor(n_threads) as pool:
        warnings.simplefilter("ignore")
        for _ in pool.map(fill, range(len(images)), images["path"], images["is_truncated"]):
            if progress is not None:
                progress.update()
    return tensor


def _decode_one(path: str, is_truncated: bool, input_px: int, kernel: Image.Resampling) -> np.ndarray:
    try:
        picture = open_as_seen(path, allow_truncated=is_truncated)
    except ImageError as error:
        raise InputError(
            f"{path} could be read when it was scanned, but not now ({error}). Run the scan again."
        ) from error
    return np.asarray(picture.resize((input_px, input_px), kernel, reducing_gap=2.0))


class ImageStore:
    """The pictures of `images` by row number: decoded once and kept, or decoded anew when asked for.

    Parameters
    ----------
    home
        The device that keeps them as uint8; None keeps none. See `home_of`.
    """

    def __init__(
        self,
        images: pd.DataFrame,
        *,
        input_px: int,
        home: torch.device | None,
        description: str,
        interpolation: str = "bilinear",
    ) -> None:
        self.images = images
        self.size = {"input_px": input_px, "interpolation": interpolation}
        self.kept = None if home is None else self._decode_all(home, description)

    def _decode_all(self, home: torch.device, description: str) -> Tensor:
        """In parts, so that what is kept on a GPU need not fit into memory as a whole."""
        kept = torch.empty((len(self), 3, *[self.size["input_px"]] * 2), dtype=torch.uint8, device=home)
        with tqdm(total=len(self), desc=description, unit="image", leave=False) as progress:
            for start in range(0, len(self), N_DECODED_TOGETHER):
                part = slice(start, start + N_DECODED_TOGETHER)
                kept[part] = decode(self.images.iloc[part], **self.size, progress=progress)
        return kept

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: np.ndarray) -> Tensor:
        """uint8 (len(rows), 3, H, W)"""
        if self.kept is not None:
            return self.kept[torch.from_numpy(rows).to(self.kept.device)]
        return decode(self.images.iloc[rows], **self.size)

    def batches(self, parts: Sequence[np.ndarray]) -> Iterator[Tensor]:
        """The pictures of each of `parts`; what is not kept is decoded while the ones before it are used."""
        if self.kept is not None:
            yield from map(self.__getitem__, parts)
            return
        waiting: deque[Future[Tensor]] = deque()
        # decoding changes the filters of warnings, of which there is one set for all threads
        with warnings.catch_warnings(), ThreadPoolExecutor(1) as background:
            try:
                for part in parts:
                    waiting.append(background.submit(self.__getitem__, part))
                    if len(waiting) > N_BATCHES_AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                background.shutdown(wait=False, cancel_futures=True)  # of an iteration that is broken off


def home_of(n_bytes: int, *, device: torch.device, cache_gigabytes: float) -> torch.device | None:
    """Where decoded images are kept: on the GPU that trains, in memory, or (None) nowhere.

    On the GPU they may fill half of what is free, which leaves the rest to the network; in memory
    `cache_gigabytes` (10⁹ bytes).
    """
    if device.type == "cuda" and n_bytes <= torch.cuda.mem_get_info()[0] / 2:
        return device
    return torch.device("cpu") if n_bytes <= cache_gigabytes * GIGABYTE else None


class Batches:
    """Batches of images and class indices, each row once an iteration.

    Batches are of equal size, give or take one image, so that none is too small for batch normalisation.
    Where several processes train together, each gets its part of every batch.

    Parameters
    ----------
    seed
        Rows are shuffled anew in each epoch by this seed and the epoch's number; None keeps their order.
    augment
        Changes a batch, drawing from the epoch's generator; only with a seed.
    device
        Where batches are augmented and handed out.
    """

    def __init__(
        self,
        store: ImageStore,
        *,
        batch_images: int,
        seed: int | None = None,
        augment: Augment | None = None,
        device: torch.device = CPU,
    ) -> None:
        self.store = store
        self.labels = torch.from_numpy(store.images["class_index"].to_numpy())
        self.n_batches = -(-len(store) // batch_images)
        self.seed = seed
        self.augment = augment
        self.device = device
        self.epoch = 0

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[Batch]:
        self.epoch += 1
        return self.of_epoch(self.epoch - 1)

    def of_epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of any epoch, from 0, as often as asked for."""
        rank, n_ranks = _rank()
        rng = None if self.seed is None else np.random.default_rng([self.seed, epoch])
        order = np.arange(len(self.store)) if rng is None else rng.permutation(len(self.store))
        if rng is not None and rank:  # the same order, other draws
            rng = np.random.default_rng([self.seed, epoch, rank])
        parts = [whole[rank::n_ranks] for whole in np.array_split(order, self.n_batches)]
        for part, images in zip(parts, self.store.batches(parts), strict=True):
            yield self._batch(torch.from_numpy(part), images.to(self.device), rng)

    def _batch(self, rows: Tensor, images: Tensor, rng: np.random.Generator | None) -> Batch:
        labels = self.labels[rows].to(self.device)
        targets = labels
        if self.augment and rng:
            images, targets = self.augment(images, labels, rng)
        return Batch(images, labels, targets, rows.to(self.device))


def _rank() -> tuple[int, int]:
    """This process's number among those that train together, and how many they are."""
    if not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()
