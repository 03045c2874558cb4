"""How a picture is laid out: the directions of its contours, its symmetry, and where its detail lies.

Everything is measured on thumbnails smoothed by `SMOOTHING_PX`. What is finer than that is the grid of
pixels as often as it is the subject: an 8×8 picture enlarged to 32×32 is all right angles.
"""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd

FROM_SCAN = ["edge_density", "flip_difference_horizontal", "flip_difference_vertical"]
MEAN_MEASURES = [
    *FROM_SCAN,
    "symmetry_horizontal",
    "symmetry_vertical",
    "symmetry_half_turn",
    "centre_x",
    "centre_y",
]
SMOOTHING_PX = 2.0  # standard deviation of the Gaussian, of 32 pixels: leaves 0.7% of a pattern of period 4
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # of ITU-R BT.601, as in the scan
PLAIN_BELOW = 1e-3  # sum of gradients in a picture; smoothing leaves rounding errors on a plain one
DIRECTION_BINS = 18  # of 10° each, centred on 0°, 10°, …, 170°


def smoothed(thumbnails: np.ndarray) -> np.ndarray:
    """uint8 (n, H, W, 3) -> float32 in [0, 1] of the same shape, smoothed."""
    pictures = np.empty(thumbnails.shape, dtype=np.float32)
    for picture, thumbnail in zip(pictures, thumbnails, strict=True):
        cv2.GaussianBlur(np.divide(thumbnail, 255, dtype=np.float32), (0, 0), SMOOTHING_PX, dst=picture)
    return pictures


def gradients(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Change of luma a pixel to the right and downwards, each (n, H, W)."""
    luma = pictures @ LUMA
    return np.gradient(luma, axis=2), np.gradient(luma, axis=1)


def measure_geometry(pictures: np.ndarray) -> pd.DataFrame:
    """One row per picture.

    Returns
    -------
    DataFrame
        `orientation_x`, `orientation_y`: the mean direction of contours as a vector of length 0 (none
        prevails) to 1 (all run one way) in doubled angles, as 0° and 180° are one direction (Mardia and
        Jupp 2000); `symmetry_horizontal`, `symmetry_vertical`, `symmetry_half_turn`: correlation with the
        picture mirrored left to right, upside down and turned by 180°, 1 is symmetric; `centre_x`,
        `centre_y`: mean place of the gradient's magnitude, 0 left or top, 1 right or bottom. NaN in a
        plain picture.
    """
    right, down = gradients(pictures)
    magnitude = np.hypot(right, down)
    total = magnitude.sum(axis=(1, 2))
    total = np.where(total > PLAIN_BELOW, total, np.nan)
    height, width = magnitude.shape[1:]
    weight = np.maximum(magnitude, 1e-12)
    luma = pictures @ LUMA
    return pd.DataFrame(
        {
            # a contour runs across its gradient: half a turn in doubled angles, which is a minus sign; angles
            # count anticlockwise and rows downwards, which is another one for y
            "orientation_x": ((down**2 - right**2) / weight).sum(axis=(1, 2)) / total,
            "orientation_y": (2 * right * down / weight).sum(axis=(1, 2)) / total,
            "symmetry_horizontal": _correlation(luma, luma[:, :, ::-1]),
            "symmetry_vertical": _correlation(luma, luma[:, ::-1]),
            "symmetry_half_turn": _correlation(luma, luma[:, ::-1, ::-1]),
            "centre_x": (magnitude.sum(axis=1) @ (np.arange(width) + 0.5)) / total / width,
            "centre_y": (magnitude.sum(axis=2) @ (np.arange(height) + 0.5)) / total / height,
        }
    )


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first = first - first.mean(axis=(1, 2), keepdims=True)
    second = second - second.mean(axis=(1, 2), keepdims=True)
    variance = (first**2).mean(axis=(1, 2))  # the other's too: it holds the same pixels
    return (first * second).mean(axis=(1, 2)) / np.where(variance > 1e-10, variance, np.nan)


def direction_histograms(pictures: np.ndarray) -> np.ndarray:
    """(n, DIRECTION_BINS) shares of the gradient's magnitude by the direction of contours; NaN if plain.

    Bin 0 is horizontal, bin 9 vertical, those between rise to the right.
    """
    right, down = gradients(pictures)
    magnitude = np.hypot(right, down)
    direction = np.arctan2(-down, right) + np.pi / 2
    bins = np.rint(direction / np.pi * DIRECTION_BINS).astype(int) % DIRECTION_BINS
    rows = np.arange(len(pictures))[:, None, None] * DIRECTION_BINS
    sums = np.bincount((rows + bins).ravel(), weights=magnitude.ravel(), minlength=rows.size * DIRECTION_BINS)
    sums = sums.reshape(len(pictures), DIRECTION_BINS)
    totals = sums.sum(axis=1, keepdims=True)
    return sums / np.where(totals > PLAIN_BELOW, totals, np.nan)
