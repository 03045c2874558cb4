"""Image files as uint8 tensors at the network's input size: the whole of each squeezed into a square."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from analysis.cores import available_cores
from analysis.dataset.images import open_scanned
from analysis.progress import Progress

INTERPOLATIONS = {  # by the names of the stage `interpolation`
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
MAX_DECODING_THREADS = 8  # each holds a whole picture; beyond this, Python's lock leaves little to gain
N_DECODED_TOGETHER = 4096  # images on their way to where they are kept


def decode(
    images: pd.DataFrame, *, input_px: int, interpolation: str = "bilinear", bar: Progress | None = None
) -> Tensor:
    """The pictures of `images` (`path`, `value_range`, `is_truncated`) -> uint8 (N, 3, input_px, input_px).

    `interpolation` is one of `INTERPOLATIONS`, all with antialiasing but "nearest".

    Raises
    ------
    InputError
        If one cannot be read: the file changed after it was scanned.
    """
    tensor = torch.empty((len(images), 3, input_px, input_px), dtype=torch.uint8)
    pixels = tensor.permute(0, 2, 3, 1).numpy()  # (N, 3, H, W) -> (N, H, W, 3), the same memory

    def fill(place: int, path: str, value_range: str | None, is_truncated: bool) -> None:
        picture = open_scanned(path, value_range=value_range, allow_truncated=is_truncated)
        pixels[place] = np.asarray(picture.resize((input_px, input_px), kernel, reducing_gap=2.0))

    kernel = INTERPOLATIONS[interpolation]
    columns = (images[name] for name in ("path", "value_range", "is_truncated"))
    n_threads = min(available_cores(), MAX_DECODING_THREADS)
    # each opening silences Pillow's warnings and restores the filters, which threads would do to one another
    with warnings.catch_warnings(), ThreadPoolExecutor(n_threads) as pool:
        warnings.simplefilter("ignore")
        for _ in pool.map(fill, range(len(images)), *columns):
            if bar is not None:
                bar.update()
    return tensor
