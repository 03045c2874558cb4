"""What training takes for granted of its data, checked once before it starts."""

from __future__ import annotations

import pandas as pd
import torch

from models.data.batches import Batch, Batches
from models.networks.classifier import in_unit_range

CONTRACT_COLUMNS = ["batches", "check", "expected", "found", "is_met"]
CONTRACT_CAPTION = (
    "What training takes for granted of its data, checked once before it started: on the first batch, and "
    "in the last two rows on all training images. Training starts only with sound batches; a class without "
    "training images is never predicted, and copies of validation or test images are left out of training."
)


def check_contract(
    training: Batches, validation: Batches | None, *, n_classes: int, input_px: int, n_leaked: int
) -> pd.DataFrame:
    """One row per check, with `CONTRACT_COLUMNS`.

    Parameters
    ----------
    n_leaked
        Training images that are also in validation or test, which the caller has left out.

    Raises
    ------
    ValueError
        If a batch is not as the network takes it: a fault of the program, not of the dataset.
    """
    named = {"training": training} | ({"validation": validation} if validation else {})
    rows = [
        {"batches": name, **row}
        for name, batches in named.items()
        for row in check_batch(next(batches.of_epoch(0)), n_classes=n_classes, input_px=input_px)
    ]
    breaches = [
        f"{row['batches']}: {row['check']} should be {row['expected']}, found {row['found']}"
        for row in rows
        if not row["is_met"]
    ]
    if breaches:
        raise ValueError("The batches are not what the network takes. " + "; ".join(breaches))
    rows += [{"batches": "training", **row} for row in _check_images(training, n_classes, n_leaked)]
    return pd.DataFrame(rows, columns=CONTRACT_COLUMNS)


def check_batch(batch: Batch, *, n_classes: int, input_px: int) -> list[dict[str, object]]:
    """One row per check of the batch itself."""
    images, labels = batch.images, batch.labels
    n, shape = len(labels), tuple(images.shape)
    pixels = in_unit_range(images)
    lowest, highest = pixels.min().item(), pixels.max().item()
    first, last = labels.min().item(), labels.max().item()
    return [
        _row(
            "shape of images", f"({n}, 3, {input_px}, {input_px})", shape, shape == (n, 3, input_px, input_px)
        ),
        _row("type of images", torch.uint8, images.dtype, images.dtype == torch.uint8),
        _row("pixels", "0 to 1", f"{lowest:.3g} to {highest:.3g}", lowest >= 0 and highest <= 1),
        _row("type of labels", torch.int64, labels.dtype, labels.dtype == torch.int64),
        _row("labels", f"0 to {n_classes - 1}", f"{first} to {last}", first >= 0 and last < n_classes),
        _check_targets(batch, n_classes),
    ]


def _check_targets(batch: Batch, n_classes: int) -> dict[str, object]:
    """Targets are the labels or, where images are mixed, finite shares (N, C) that sum to 1."""
    targets = batch.targets
    if not targets.is_floating_point():
        return _row("targets", "the labels", "the labels", torch.equal(targets, batch.labels))
    sums = targets.sum(dim=1)
    is_met = (
        targets.shape == (len(batch.labels), n_classes)
        and bool(targets.isfinite().all() and (targets >= 0).all())
        and torch.allclose(sums, torch.ones_like(sums), atol=1e-4)
    )
    found = f"sums of {sums.min().item():.4g} to {sums.max().item():.4g}"
    return _row("targets", f"shares of {n_classes} classes that sum to 1", found, is_met)


def _check_images(training: Batches, n_classes: int, n_leaked: int) -> list[dict[str, object]]:
    """One row per check of the training images as a whole."""
    n_present = len(training.labels.unique())
    copies = f"{n_leaked:,}, left out" if n_leaked else "0"
    return [
        _row("classes with images", n_classes, n_present, n_present == n_classes),
        _row("copies of validation or test images", 0, copies, n_leaked == 0),
    ]


def _row(check: str, expected: object, found: object, is_met: bool) -> dict[str, object]:
    text = {"expected": str(expected), "found": str(found)}
    return {
        "check": check,
        **{key: value.removeprefix("torch.") for key, value in text.items()},
        "is_met": is_met,
    }
