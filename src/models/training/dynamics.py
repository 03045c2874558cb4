"""How each training image was predicted while the network learnt it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

MEASURES = ("n_epochs", "n_learnt", "margin", "probability", "probability_squared", "loss")


class TrainingDynamics:
    """Counts and sums over epochs for the images of one table, by their row.

    Images are judged as they come in a training batch: augmented, by the weights of that moment.
    """

    def __init__(self, n_images: int) -> None:
        self.n_images = n_images
        self.epoch: Tensor | None = None  # (M, N) of the present epoch, 0 where an image was not seen yet
        # arrays, not tensors, of which processes that are started from this one would all write to the same
        self.sums = np.zeros((len(MEASURES), n_images))
        self.was_right = np.zeros(n_images, dtype=bool)
        self.n_forgetting_events = np.zeros(n_images, dtype=int)
        self.first_learnt_epoch = np.zeros(n_images, dtype=int)  # 0: never
        self.n_finished_epochs = 0

    @torch.no_grad()
    def record(self, rows: Tensor, logits: Tensor, labels: Tensor) -> None:
        """What a batch's logits (N, C) say of the images in `rows` (N,) with class indices `labels` (N,)."""
        if self.epoch is None:
            self.epoch = torch.zeros(len(MEASURES), self.n_images, device=logits.device)
        logits = logits.float()
        log_probability = logits.log_softmax(dim=1).gather(1, labels[:, None])[:, 0]
        others = logits.scatter(1, labels[:, None], -torch.inf).amax(dim=1)
        margin = logits.gather(1, labels[:, None])[:, 0] - others
        probability = log_probability.exp()
        seen, right = torch.ones_like(margin), (margin > 0).to(margin.dtype)
        self.epoch[:, rows] = torch.stack(
            [seen, right, margin, probability, probability**2, -log_probability]
        )

    def end_epoch(self, add_up: Callable[[Tensor], Tensor] = lambda values: values) -> None:
        """Close the epoch. `add_up` sums over processes that train together, each with its own images."""
        epoch = add_up(self.epoch).cpu().numpy()
        is_seen, is_right = epoch[0] > 0, epoch[1] > 0
        self.n_finished_epochs += 1
        self.sums += epoch
        self.n_forgetting_events += is_seen & self.was_right & ~is_right
        self.first_learnt_epoch[(self.first_learnt_epoch == 0) & is_right] = self.n_finished_epochs
        self.was_right = np.where(is_seen, is_right, self.was_right)
        self.epoch = None

    def state_dict(self) -> dict[str, Tensor | int]:
        """All there is to go on from, between epochs."""
        return {
            name: torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }

    def load_state_dict(self, state: dict[str, Tensor | int]) -> None:
        vars(self).update(
            {name: value.numpy() if isinstance(value, Tensor) else value for name, value in state.items()}
        )

    def table(self, item_id: pd.Series) -> pd.DataFrame:
        """One row per image, in the order of `item_id`.

        Returns
        -------
        DataFrame
            `n_epochs` in which the image was seen; `n_learnt_epochs` of them in which it was right;
            `n_forgetting_events`: right, and wrong the next time (Toneva et al. 2019); `first_learnt_epoch`,
            null if never; means over its epochs: `area_under_margin` (the label's logit minus the largest
            other one, Pleiss et al. 2020), `mean_probability` of the label, `mean_loss` in nats; and
            `std_probability` over epochs, the variability of Swayamdipta et al. (2020).
        """
        sums = dict(zip(MEASURES, self.sums, strict=True))
        n = np.where(sums["n_epochs"] > 0, sums["n_epochs"], np.nan)
        mean_probability = sums["probability"] / n
        variance = sums["probability_squared"] / n - mean_probability**2
        first = pd.Series(self.first_learnt_epoch).astype("Int64")
        return pd.DataFrame(
            {
                "item_id": item_id.to_numpy(),
                "n_epochs": sums["n_epochs"].astype(int),
                "n_learnt_epochs": sums["n_learnt"].astype(int),
                "n_forgetting_events": self.n_forgetting_events,
                "first_learnt_epoch": first.mask(first == 0),
                "area_under_margin": sums["margin"] / n,
                "mean_probability": mean_probability,
                "std_probability": variance.clip(min=0) ** 0.5,
                "mean_loss": sums["loss"] / n,
            }
        )
