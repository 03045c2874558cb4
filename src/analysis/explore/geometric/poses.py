"""Pictures in other poses, and a descriptor in which a pose shows."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from analysis.explore.geometric.image_geometry import gradients

CELLS = 4  # a side
DIRECTIONS = 8  # of the gradient, all around: light above dark is another direction than dark above light
EMPTY_CELL = 1e-3  # luma; gradients that sum to less in a whole picture are noise


def turned(pictures: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Each picture (H, W, 3) turned about its middle by its angle; the border's pixels fill the corners."""
    height, width = pictures.shape[1:3]
    middle = ((width - 1) / 2, (height - 1) / 2)
    return np.stack(
        [
            cv2.warpAffine(
                picture,
                cv2.getRotationMatrix2D(middle, float(angle), 1.0),
                (width, height),
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            )
            for picture, angle in zip(pictures, degrees, strict=True)
        ]
    )


def quarter_turned(pictures: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Square pictures turned by 90°, to the left where `side` is 1, to the right where it is -1."""
    left = np.rot90(pictures, 1, axes=(1, 2))
    return np.where(side[:, None, None, None] > 0, left, left[:, ::-1, ::-1])


# name -> what it makes of pictures (n, H, W, 3); `side` (n,) of 1 and -1 decides which way each one turns
POSES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "horizontal_flip": lambda pictures, side: pictures[:, :, ::-1],
    "vertical_flip": lambda pictures, side: pictures[:, ::-1],
    "rotation_10": lambda pictures, side: turned(pictures, 10 * side),
    "rotation_90": quarter_turned,
    "rotation_180": lambda pictures, side: pictures[:, ::-1, ::-1],
}
POSE_NAMES = {
    "horizontal_flip": "horizontal flip",
    "vertical_flip": "vertical flip",
    "rotation_10": "rotation ±10°",
    "rotation_90": "rotation ±90°",
    "rotation_180": "rotation 180°",
}


def describe_pose(pictures: np.ndarray) -> np.ndarray:
    """(n, CELLS² × (DIRECTIONS + 3)) float32: where there are which gradients and colours.

    A histogram of oriented gradients (Dalal and Triggs 2005) as in SIFT, by square roots of shares
    (Arandjelović and Zisserman 2012), and mean colours. Only what lies in the inscribed circle counts: the
    corners of a turned picture are filled and would give it away.
    """
    n, height, width, _ = pictures.shape
    y, x = np.mgrid[:height, :width]
    radii = np.hypot((2 * y + 1) / height - 1, (2 * x + 1) / width - 1)
    circle = (radii <= 1).astype(np.float32)
    right, down = gradients(pictures)
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    towards = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    along = [_cell_sums(np.maximum(right * x + down * y, 0) * circle) for x, y in towards]
    shape = np.stack(along, axis=-1).reshape(n, -1)
    shape = np.sqrt(shape / (shape.sum(axis=1, keepdims=True) + EMPTY_CELL))
    covered = _cell_sums(circle[None])
    colours = np.stack([_cell_sums(pictures[..., c] * circle) / covered for c in range(3)], axis=-1)
    return np.concatenate([shape, colours.reshape(n, -1)], axis=1)


def _cell_sums(values: np.ndarray) -> np.ndarray:
    """(n, H, W) -> (n, CELLS, CELLS)"""
    n, height, width = values.shape
    return values.reshape(n, CELLS, height // CELLS, CELLS, width // CELLS).sum(axis=(2, 4))
