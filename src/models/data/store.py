"""Images decoded once and kept, on the GPU that trains if it has room for them."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analysis.progress import progress
from models.data.decoding import N_DECODED_TOGETHER, decode

N_BATCHES_AHEAD = 2  # decoded and waiting while one is trained on
GIGABYTE = 10**9
CPU = torch.device("cpu")


class ImageStore:
    """The pictures of `images` by row number: decoded once and kept, or decoded anew when asked for.

    Parameters
    ----------
    home
        The device that keeps them as uint8; None keeps none. See `cache_device_of`.
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
        with progress(description=description, unit="images", total=len(self)) as bar:
            for start in range(0, len(self), N_DECODED_TOGETHER):
                part = slice(start, start + N_DECODED_TOGETHER)
                kept[part] = decode(self.images.iloc[part], **self.size, bar=bar)
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


def cache_device_of(n_bytes: int, *, device: torch.device, cache_gigabytes: float) -> torch.device | None:
    """Where decoded images are kept: on the GPU that trains, in memory, or (None) nowhere.

    On the GPU they may fill half of what is free, which leaves the rest to the network; in memory
    `cache_gigabytes` (10⁹ bytes).
    """
    if device.type == "cuda" and n_bytes <= torch.cuda.mem_get_info()[0] / 2:
        return device
    return torch.device("cpu") if n_bytes <= cache_gigabytes * GIGABYTE else None
