"""How many planted copies `data_quality` finds, how many of its pairs are right, and how long it takes.

    python benchmarks/duplicates.py DATASET [--images N] [--planted N] [--hashes N]

DATASET is a folder of images. Of N of them, some get a copy under each change; the stage's own search then
runs over all. Printed per change: recall, and precision over the pairs that involve a planted copy or its
original. A pair of a copy with a natural copy of its original counts as right: the stage run without the
planted copies says which those are.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.images import open_as_seen
from analysis.parameters import read_parameters
from analysis.scrub.candidates import candidate_pairs, hash_pairs, without_borders
from analysis.scrub.verification import verify

Picture = NDArray[np.uint8]
Change = Callable[[Picture, np.random.Generator], Picture]


def recompressed(picture: Picture, rng: np.random.Generator, *, quality: int = 50) -> Picture:
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


def resized(picture: Picture, rng: np.random.Generator) -> Picture:
    factor = 2 ** rng.uniform(-1, 1)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=method)


def brightness(picture: Picture, rng: np.random.Generator) -> Picture:
    return _as_bytes(picture * (1 + rng.choice([-0.2, 0.2])))


def contrast(picture: Picture, rng: np.random.Generator) -> Picture:
    return _as_bytes((picture - picture.mean()) * (1 + rng.choice([-0.2, 0.2])) + picture.mean())


def cropped(picture: Picture, rng: np.random.Generator) -> Picture:
    size = np.array(picture.shape[:2])
    cut = rng.uniform(0, 0.1, 2) * size
    start = np.round(cut * rng.uniform(0, 1, 2)).astype(int)
    stop = np.round(size - cut).astype(int) + start
    return picture[start[0] : stop[0], start[1] : stop[1]]


def shifted(picture: Picture, rng: np.random.Generator) -> Picture:
    """By up to 3 pixels of 32, with black where the picture ends."""
    x, y = rng.integers(-3, 4, 2) * picture.shape[1] / 32
    return _warped(picture, np.array([[1, 0, x], [0, 1, y]]))


def rotated(picture: Picture, rng: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    return _warped(picture, cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-3, 3), 1))


def mirrored(picture: Picture, rng: np.random.Generator) -> Picture:
    return picture[:, ::-1]


def hue_shifted(picture: Picture, rng: np.random.Generator) -> Picture:
    """By 15 to 60 degrees."""
    hsv = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2HSV)
    turn = int(rng.choice([-1, 1]) * rng.integers(8, 31))  # OpenCV counts half degrees
    hsv[..., 0] = (hsv[..., 0].astype(int) + turn) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def bordered(picture: Picture, rng: np.random.Generator) -> Picture:
    """Black or white, 1 to 3 pixels of 32 wide, around the whole picture."""
    width = int(rng.integers(1, 4)) * picture.shape[1] // 32
    colour = [int(rng.choice([0, 255]))] * 3
    return cv2.copyMakeBorder(picture, *[width] * 4, cv2.BORDER_CONSTANT, value=colour)


CHANGES: dict[str, Change] = {
    change.__name__: change
    for change in (
        recompressed,
        resized,
        brightness,
        contrast,
        cropped,
        shifted,
        rotated,
        mirrored,
        hue_shifted,
        bordered,
    )
}


def _as_bytes(values: NDArray) -> Picture:
    return np.clip(values, 0, 255).astype(np.uint8)


def _warped(picture: Picture, warp: NDArray) -> Picture:
    return cv2.warpAffine(np.ascontiguousarray(picture), warp.astype(np.float32), picture.shape[1::-1])


def thumbnail(picture: Picture) -> Picture:
    return cv2.resize(np.ascontiguousarray(picture), (32, 32), interpolation=cv2.INTER_AREA)


def perceptual_hashes(thumbnails: Picture) -> NDArray[np.uint64]:
    """As `scan` computes them, but from the thumbnails."""
    hashes = []
    for picture in thumbnails:
        low = cv2.dct(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32))[:8, :8]
        hashes.append(np.packbits(low > np.median(low)).view(">u8")[0])
    return np.array(hashes, dtype=np.uint64)


def found_pairs(thumbnails: Picture, parameters: dict) -> pd.DataFrame:
    pictures, _ = without_borders(thumbnails)
    candidates = candidate_pairs(
        pictures,
        perceptual_hashes(thumbnails),
        n_neighbours=parameters["n_neighbours"],
        max_hamming_distance=parameters["max_hamming_distance"],
        seed=0,
    )
    verified = verify(pictures, candidates, seed=0, n_workers=parameters["n_workers"])
    return verified[verified["score"] >= parameters["min_score"]]


def planted_copies(paths: list[Path], n_each: int) -> tuple[list[Picture], pd.DataFrame]:
    """Copies of pictures drawn at random, saved as JPEG of quality 90 after the change."""
    rng = np.random.default_rng(1)
    originals = rng.choice(len(paths), (len(CHANGES), n_each), replace=False)
    copies, rows = [], []
    for (name, change), chosen in zip(CHANGES.items(), originals, strict=True):
        for original in chosen:
            picture = np.asarray(open_as_seen(paths[original]))
            changed = recompressed(change(picture, rng), rng, quality=90)
            rows.append({"change": name, "original": original, "copy": len(paths) + len(copies)})
            copies.append(thumbnail(changed))
    return copies, pd.DataFrame(rows)


def recall_and_precision(
    natural: pd.DataFrame, found: pd.DataFrame, planted: pd.DataFrame, n_images: int
) -> pd.DataFrame:
    """Per change; a pair is right if it joins a copy to its original or to a natural copy of that."""
    of_copy = dict(zip(planted["copy"], planted["original"], strict=True))
    right = set(map(tuple, natural[["row_a", "row_b"]].to_numpy()))
    right |= {(i, i) for i in range(n_images)}
    pairs = found[["row_a", "row_b"]].to_numpy()
    pairs = pairs[pairs[:, 1] >= n_images]
    root = np.sort([[of_copy.get(image, image) for image in pair] for pair in pairs], axis=1)
    is_right = np.array([tuple(pair) in right for pair in root])
    direct = set(map(tuple, pairs))
    rows = []
    for change, group in planted.groupby("change", sort=False):
        hits = [(a, b) in direct for a, b in zip(group["original"], group["copy"], strict=True)]
        involved = np.isin(pairs, group["copy"]).any(axis=1)
        rows.append([change, len(group), np.mean(hits), involved.sum(), is_right[involved].mean()])
    return pd.DataFrame(rows, columns=["change", "n_planted", "recall", "n_pairs", "precision"])


def time_hashes(n: int) -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, n, dtype=np.uint64)
    n_copies = n // 100
    bit = np.uint64(1) << rng.integers(0, 64, (n_copies, 5), dtype=np.uint64)
    hashes[-n_copies:] = hashes[:n_copies] ^ np.bitwise_xor.reduce(bit, axis=1)
    started = time.perf_counter()
    pairs = hash_pairs(hashes, max_distance=5)
    seconds = time.perf_counter() - started
    expected = set(zip(range(n_copies), range(n - n_copies, n), strict=True))
    recall = len(expected & set(map(tuple, pairs[:, :2].tolist()))) / n_copies
    print(f"{n:,} hashes: all pairs within 5 bits in {seconds:.1f} s, recall of planted {recall:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--planted", type=int, default=500, help="copies under each change")
    parser.add_argument("--hashes", type=int, default=1_000_000)
    arguments = parser.parse_args()
    parameters = read_parameters()["data_quality"]
    paths = sorted(arguments.dataset.rglob("*.jpg"))
    chosen = np.sort(np.random.default_rng(0).permutation(len(paths))[: arguments.images])
    paths = [paths[i] for i in chosen]
    thumbnails = np.stack([thumbnail(np.asarray(open_as_seen(path))) for path in paths])
    started = time.perf_counter()
    natural = found_pairs(thumbnails, parameters)
    seconds = time.perf_counter() - started
    print(f"{len(paths):,} images: {len(natural):,} near copies in {seconds:.1f} s")
    copies, planted = planted_copies(paths, arguments.planted)
    found = found_pairs(np.concatenate([thumbnails, np.stack(copies)]), parameters)
    print(recall_and_precision(natural, found, planted, len(paths)).round(3).to_string(index=False))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    time_hashes(arguments.hashes)


if __name__ == "__main__":
    main()
