import numpy as np
import pytest

from models.losses.class_weights import class_weights

COUNTS = np.array([900, 90, 10, 0])


@pytest.mark.parametrize("scheme", ["none", "balanced", "effective_number"])
def test_mean_weight_over_the_images_is_one_and_an_absent_class_has_none(scheme: str) -> None:
    weights = class_weights(COUNTS, scheme).numpy()
    assert (weights * COUNTS).sum() / COUNTS.sum() == pytest.approx(1)
    assert weights[3] == 0


def test_balanced_classes_weigh_alike_in_sum() -> None:
    weights = class_weights(COUNTS, "balanced").numpy()
    assert (weights * COUNTS)[:3] == pytest.approx(1000 / 3)


def test_effective_number_is_that_of_the_paper_and_lies_between_the_others() -> None:
    weights = class_weights(COUNTS, "effective_number").numpy()
    effective = [(1 - 0.999**n) / (1 - 0.999) for n in (900, 90, 10)]
    assert weights[2] / weights[0] == pytest.approx(effective[0] / effective[2], rel=1e-5)
    assert 1 < weights[2] / weights[0] < 90


def test_equal_classes_weigh_one_in_every_scheme() -> None:
    for scheme in ("none", "balanced", "effective_number"):
        assert class_weights(np.array([7, 7]), scheme).tolist() == pytest.approx([1, 1])
