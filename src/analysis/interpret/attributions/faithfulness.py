"""Whether a map names the pixels that matter: the score as they are taken away, and as they are put in.

Deletion and insertion after Petsiuk et al. (2018). What is taken away is replaced by the blurred image, in
both: a plain colour would add edges, which are evidence in themselves and none of the network's training.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.functional import gaussian_blur

from analysis.interpret.attributions.explained_images import Explained
from analysis.progress import progress
from analysis.statistics.proportions import Z_95
from models.networks.classifier import ImageClassifier, in_unit_range

BLUR_FRACTION = 1 / 8  # standard deviation of the blur, of the image's side
MEASURES = ("deletion", "insertion")
AREA_COLUMNS = ("auc", "auc_random", "difference", "difference_low", "difference_high")


def check_removal(
    explained: Explained, rows: np.ndarray, *, n_steps: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curves by each method and by random order of the same coarseness, and the areas under them.

    Returns
    -------
    curves
        One row per `method`, `order` ("map", "random"), `measure` ("deletion", "insertion") and `fraction` of
        the pixels: `mean` probability of the predicted class over `n_images`, and its `standard_error`.
    areas
        One row per `method` and `measure`: `n_images`, `auc` by the map, `auc_random`, their paired
        `difference` and the ends of its 95% interval (normal approximation).
    """
    curves, areas = [], []
    for method, maps in explained.maps.items():
        rng = np.random.default_rng(seed)  # the same random order whichever methods are asked for
        side_px = explained.side_px
        cells = explained.layer_cells if method == "gradcam" else side_px
        orders = {"map": maps[rows], "random": random_maps(len(rows), cells=cells, side_px=side_px, rng=rng)}
        found = {
            order: _curves_by(explained, rows, pixel_ranks(values, rng=rng), n_steps=n_steps)
            for order, values in orders.items()
        }
        for measure in MEASURES:
            curves += [_curve_rows(found[order][measure], method, order, measure) for order in orders]
            areas.append(
                {"method": method, "measure": measure}
                | _compare_areas(*(area_under(found[order][measure]) for order in orders))
            )
    return pd.concat(curves, ignore_index=True), pd.DataFrame(areas)


def _curves_by(
    explained: Explained, rows: np.ndarray, ranks: np.ndarray, *, n_steps: int
) -> dict[str, np.ndarray]:
    return removal_curves(
        explained.classifier,
        explained.tensors(rows),
        explained.images["predicted_index"].to_numpy()[rows],
        ranks,
        n_steps=n_steps,
        batch_images=explained.batch_images,
    )


def _curve_rows(curves: np.ndarray, method: str, order: str, measure: str) -> pd.DataFrame:
    n, n_points = curves.shape
    spread = curves.std(axis=0, ddof=1) if n > 1 else np.full(n_points, np.nan)
    return pd.DataFrame(
        {
            "measure": measure,
            "method": method,
            "order": order,
            "fraction": np.linspace(0, 1, n_points),
            "mean": curves.mean(axis=0) if n else np.nan,
            "standard_error": spread / np.sqrt(max(n, 1)),
            "n_images": n,
        }
    )


def _compare_areas(by_map: np.ndarray, by_chance: np.ndarray) -> dict[str, float]:
    n = len(by_map)
    if n == 0:
        return {"n_images": 0} | dict.fromkeys(AREA_COLUMNS, np.nan)
    difference = by_map - by_chance
    half = Z_95 * difference.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    mean = difference.mean()
    values = by_map.mean(), by_chance.mean(), mean, mean - half, mean + half
    return {"n_images": n} | dict(zip(AREA_COLUMNS, map(float, values), strict=True))


def blurred_baseline(images: Tensor) -> Tensor:
    """Float images (N, 3, H, W), blurred so far that of shapes a hint is left."""
    sigma = BLUR_FRACTION * images.shape[-1]
    # three standard deviations to each side hold the kernel; its reflection reaches no farther than the side
    radius = min(round(3 * sigma), images.shape[-1] - 1)
    return gaussian_blur(images, [2 * radius + 1] * 2, [sigma] * 2)


def pixel_ranks(maps: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """int64 (N, H, W): the place of each pixel among its map's, 0 for the highest; ties at random."""
    flat = maps.reshape(len(maps), maps.shape[1] * maps.shape[2])
    order = np.lexsort((rng.random(flat.shape), -flat), axis=1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(flat.shape[1])[None, :], axis=1)
    return ranks.reshape(maps.shape)


def random_maps(n: int, *, cells: int, side_px: int, rng: np.random.Generator) -> np.ndarray:
    """Random maps (n, side_px, side_px) as coarse as those they are compared with: of cells × cells."""
    coarse = torch.from_numpy(rng.random((n, 1, cells, cells)))
    fine = functional.interpolate(coarse, (side_px, side_px), mode="bilinear", align_corners=False)
    return fine[:, 0].numpy()


@torch.inference_mode()
def removal_curves(
    classifier: ImageClassifier,
    pixels: Tensor,
    targets: np.ndarray,
    ranks: np.ndarray,
    *,
    n_steps: int,
    batch_images: int,
) -> dict[str, np.ndarray]:
    """The target class's probability of images uint8 (N, 3, H, W) as pixels go and come by `ranks` (N, H, W).

    Returns
    -------
    dict
        `deletion` and `insertion`, each (N, n_steps + 1): from none to all of the pixels blurred, or sharp.
    """
    n, n_pixels = len(pixels), ranks.shape[1] * ranks.shape[2]
    curves = {name: np.empty((n, n_steps + 1), dtype=np.float32) for name in MEASURES}
    with progress(description="deletion and insertion", unit="images", total=n) as bar:
        for start in range(0, n, batch_images):
            rows = slice(start, start + batch_images)
            device = next(classifier.parameters()).device
            sharp = in_unit_range(pixels[rows].to(device))
            blur = blurred_baseline(sharp)
            place = torch.from_numpy(ranks[rows]).to(device)[:, None]  # (N, H, W) -> (N, 1, H, W)
            classes = torch.from_numpy(targets[rows]).to(device)
            for step in range(n_steps + 1):
                is_chosen = place < step * n_pixels / n_steps
                for name, image in (
                    ("deletion", torch.where(is_chosen, blur, sharp)),
                    ("insertion", torch.where(is_chosen, sharp, blur)),
                ):
                    curves[name][rows, step] = _probability(classifier, image, classes)
            bar.update(len(sharp))
    return curves


def _probability(classifier: ImageClassifier, images: Tensor, classes: Tensor) -> np.ndarray:
    return classifier(images).softmax(dim=1).gather(1, classes[:, None])[:, 0].cpu().numpy()


def area_under(curves: np.ndarray) -> np.ndarray:
    """Area under each curve (N, n_steps + 1) over the fraction of pixels, by trapezia: (N,) in [0, 1]."""
    return np.trapezoid(curves, dx=1 / (curves.shape[1] - 1), axis=1)
