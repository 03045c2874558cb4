"""Sampled predictions, and where the classifier found its evidence for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Attributed:
    """Pictures and their attribution maps.

    Attributes
    ----------
    images
        Row i is of picture i: `item_id`, `label`, `class_index`, `predicted_label`, `predicted_index`,
        `confidence`, `is_right`.
    pixels
        uint8 (N, H, W, 3), as the classifier sees them.
    maps
        By method, float32 (N, H, W), for the predicted class.
    actual_maps
        float32 (N, H, W) by the first method, for the actual class.
    layer, layer_cells
        Where Grad-CAM is taken, and the cells along a side of its map there.
    """

    images: pd.DataFrame
    pixels: np.ndarray
    maps: dict[str, np.ndarray]
    actual_maps: np.ndarray
    layer: str
    layer_cells: int

    @property
    def method(self) -> str:
        """The first one named."""
        return next(iter(self.maps))

    @property
    def right(self) -> np.ndarray:
        """Row numbers of the right predictions."""
        return np.flatnonzero(self.images["is_right"])

    @property
    def side_px(self) -> int:
        return self.pixels.shape[1]
