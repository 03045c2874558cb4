import numpy as np
import torch

from analysis.dataset.readable import readable_images
from analysis.model.baseline_resnet.augmentation_figures import MAX_CLASSES, N_VERSIONS, plot_augmented
from models.data.batches import Batches
from models.data.store import ImageStore

CPU = torch.device("cpu")


def batches_of(make_dataset, n_classes: int, augment=None) -> Batches:
    """Two plain images of each class, whose level is ten times its number."""
    rows = [(f"class $_{i:02d}", "train", 10 * i) for i in range(n_classes) for _ in range(2)]
    images = readable_images(*make_dataset(rows))
    return Batches(
        ImageStore(images, input_px=8, home=CPU, description=""), batch_images=4, seed=0, augment=augment
    )


def invert_and_mix(
    images: torch.Tensor, labels: torch.Tensor, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    targets = torch.nn.functional.one_hot(labels, 3) * 0.75
    targets[:, 1] += 0.25
    return 255 - images, targets


def levels(figure) -> np.ndarray:
    return np.array([ax.get_images()[0].get_array().data[0, 0, 0] for ax in figure.drawing.axes])


def test_each_row_is_one_class_first_as_it_is_then_augmented(make_dataset) -> None:
    classes = [f"class $_{i:02d}" for i in range(3)]
    figure = plot_augmented(batches_of(make_dataset, 3, invert_and_mix), classes, seed=0)
    shown = levels(figure).reshape(3, N_VERSIONS + 1).astype(int)
    assert shown[:, 0].tolist() == [0, 10, 20]
    assert (shown[:, 1:] == 255 - shown[:, :1]).all()
    captions = [ax.texts[0].get_text() for ax in figure.drawing.axes]
    assert captions[:2] == ["class $_00", "class $_00 0.75\nclass $_01 0.25"]
    assert captions[N_VERSIONS + 2] == "class $_01 1.00"
    assert figure.table["label"].tolist() == np.repeat(classes, N_VERSIONS + 1).tolist()
    figure.drawing.canvas.draw()


def test_many_classes_are_spread_over_a_few_rows_which_the_caption_says(make_dataset) -> None:
    figure = plot_augmented(batches_of(make_dataset, 21), [str(i) for i in range(21)], seed=0)
    assert levels(figure)[:: N_VERSIONS + 1].tolist() == [0, 40, 80, 120, 160, 200]
    assert f"Shown are {MAX_CLASSES} of 21 classes" in figure.caption


def test_same_seed_draws_the_same_sheet(make_dataset) -> None:
    first, same = (plot_augmented(batches_of(make_dataset, 2), ["a", "b"], seed=3) for _ in range(2))
    assert (levels(first) == levels(same)).all()
