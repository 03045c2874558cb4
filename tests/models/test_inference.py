import numpy as np
import pytest
import torch

from analysis.dataset.readable import readable_images
from models.inference import logits_of, predict_images

CPU = torch.device("cpu")
LEVELS = [0, 51, 102, 153, 204, 255]  # sixths of the grey scale: 0, 0.2 … 1


def test_probabilities_are_those_worked_out_by_hand(make_dataset, make_grey_classifier) -> None:
    images = readable_images(
        *make_dataset([("dark", "test", level) for level in LEVELS], classes=["dark", "light"])
    )
    classifier = make_grey_classifier(["dark", "light"], [0.0, 1.0], sharpness=3.0)
    found = predict_images(classifier, images, batch_images=100, device=CPU)
    grey = np.array(LEVELS) / 255
    light = 1 / (1 + np.exp(3 * (1 - grey) ** 2 - 3 * grey**2))
    np.testing.assert_allclose(found.probabilities[:, 1], light, atol=1e-4)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found.embeddings[:, 0], grey, atol=1e-4)
    assert found.probabilities.dtype == found.embeddings.dtype == np.float32


@pytest.mark.parametrize("batch_images", [1, 4, 6])
def test_rows_stay_in_order_whatever_the_batch_size(
    make_dataset, make_grey_classifier, batch_images: int
) -> None:
    images = readable_images(
        *make_dataset([("dark", "test", level) for level in LEVELS[::-1]], classes=["dark", "light"])
    )
    classifier = make_grey_classifier(["dark", "light"], [0.0, 1.0])
    found = predict_images(classifier, images, batch_images=batch_images, device=CPU)
    np.testing.assert_allclose(found.embeddings[:, 0], np.array(LEVELS[::-1]) / 255, atol=1e-4)


def test_no_more_images_pass_a_network_at_once_than_a_cpu_does_well_with(monkeypatch) -> None:
    monkeypatch.setattr("models.inference.CPU_PIXELS", 3 * 8 * 8)
    seen = []

    def network(images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        return images.mean(dim=(2, 3))

    levels = torch.arange(7.0)
    images = levels.reshape(-1, 1, 1, 1).expand(-1, 3, 8, 8)
    found = logits_of(network, images, batch_images=5, device=CPU)
    assert found[:, 0].tolist() == levels.tolist()
    assert seen == [3, 3, 1]
    assert len(logits_of(network, images[:1, :, :, :1].expand(2, -1, -1, 8), batch_images=1, device=CPU)) == 2
    assert seen[3:] == [1, 1]


def test_classifier_in_training_mode_still_predicts_as_evaluated(make_dataset, make_grey_classifier) -> None:
    images = readable_images(
        *make_dataset([("dark", "test", 51), ("dark", "test", 204)], classes=["dark", "light"])
    )
    classifier = make_grey_classifier(["dark", "light"], [0.0, 1.0]).train()
    found = predict_images(classifier, images, batch_images=2, device=CPU)
    np.testing.assert_allclose(found.embeddings[:, 0], [0.2, 0.8], atol=1e-4)


def test_no_images_give_no_rows(make_dataset, make_grey_classifier) -> None:
    images = readable_images(*make_dataset([("dark", "test", None)], classes=["dark", "light"]))
    found = predict_images(
        make_grey_classifier(["dark", "light"], [0, 1.0]), images, batch_images=2, device=CPU
    )
    assert (found.probabilities.shape, found.embeddings.shape) == ((0, 2), (0, 512))
