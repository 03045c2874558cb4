"""What a classifier says of the labelled images of one split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.statistics.classification import confusion_counts, per_class_scores


@dataclass(frozen=True)
class Judged:
    """Rows of `images` and `probabilities` belong together.

    Attributes
    ----------
    images
        `item_id`, `path`, `value_range`, `is_truncated`, `class_index`, `predicted_index` and `confidence`.
    probabilities
        (N, C), in the order of `classes`.
    """

    split: str
    images: pd.DataFrame
    probabilities: np.ndarray
    classes: list[str]

    @classmethod
    def of(cls, split: str, labelled: pd.DataFrame, probabilities: np.ndarray, classes: list[str]) -> Judged:
        """The split's part of `labelled`, whose index says which rows of `probabilities` are theirs."""
        images = labelled[labelled["split"] == split]
        return cls(split, images, probabilities[images.index], classes)

    @property
    def actual(self) -> np.ndarray:
        return self.images["class_index"].to_numpy()

    @property
    def predicted(self) -> np.ndarray:
        return self.images["predicted_index"].to_numpy()

    @property
    def confusion(self) -> np.ndarray:
        return confusion_counts(self.actual, self.predicted, n_classes=len(self.classes))

    @property
    def per_class(self) -> pd.DataFrame:
        return per_class_scores(self.confusion, self.classes)

    @property
    def recalls(self) -> dict[str, float]:
        """As metrics, one a class."""
        return {f"recall_{row.label}": row.recall for row in self.per_class.itertuples()}

    def most_confident_mistakes(self, n: int) -> pd.DataFrame:
        """At most `n` of the images that are not recognised, the surest first."""
        wrong = self.images[self.actual != self.predicted]
        return wrong.sort_values("confidence", ascending=False, kind="stable").head(n)
