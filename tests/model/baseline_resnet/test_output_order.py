import numpy as np
import pytest

from analysis.model.baseline_resnet.notes import ignored_notes, order_notes
from analysis.model.baseline_resnet.output_order import OtherOrder, other_order

N_EACH = 20


def found(confusion: np.ndarray) -> OtherOrder | None:
    """For exact counts (class, output) of predictions."""
    codes, outputs = (np.repeat(axis.ravel(), confusion.ravel()) for axis in np.indices(confusion.shape))
    shuffled = np.random.default_rng(0).permutation(len(codes))
    return other_order(codes[shuffled], outputs[shuffled], n_classes=len(confusion), seed=0)


def predictions(output_of_class: list[int], *, n_right: int) -> np.ndarray:
    """A class's images fall `n_right` into its output, the others in turn into all others."""
    n = len(output_of_class)
    confusion = np.full((n, n), (N_EACH - n_right) // (n - 1))
    confusion[np.arange(n), output_of_class] = n_right
    return confusion


@pytest.mark.parametrize("order", [[1, 0], [1, 2, 0], [0, 2, 1, 3], [3, 2, 1, 0, 4, 5, 6, 7, 8, 9]])
def test_other_order_of_a_sound_network_is_found(order: list[int]) -> None:
    other = found(predictions(order, n_right=N_EACH))
    assert other.output_of_class.tolist() == order
    n_kept = sum(place == output for place, output in enumerate(order))
    assert (other.n, other.n_right_as_given, other.n_right_by_match) == (
        N_EACH * len(order),
        N_EACH * n_kept,
        N_EACH * len(order),
    )


@pytest.mark.parametrize("n", [2, 3, 10])
def test_right_order_is_left_alone(n: int) -> None:
    for n_right in (N_EACH, 14, 11):
        assert found(predictions(list(range(n)), n_right=n_right)) is None


def test_bad_network_is_not_taken_for_a_sound_one_in_another_order() -> None:
    assert found(np.full((4, 4), 5)) is None  # guesses
    assert found(np.array([[0, 0, 20]] * 3)) is None  # always the last
    assert found(predictions([1, 2, 3, 0], n_right=8)) is None  # gains by a match, and is wrong even so
    rng = np.random.default_rng(0)
    for _ in range(50):  # each class has outputs that it falls into more often, none by half
        assert found(rng.multinomial(N_EACH, rng.dirichlet(np.full(8, 2.0)), size=8)) is None


@pytest.mark.parametrize("n", [3, 10])
def test_network_that_takes_every_grade_for_the_next_is_not_accused(n: int) -> None:
    confusion = np.zeros((n, n), dtype=int)
    confusion[np.arange(n), np.minimum(np.arange(n) + 1, n - 1)] = N_EACH
    assert found(confusion) is None


def test_few_images_say_nothing() -> None:
    codes = np.array([0, 0, 1, 1, 1])
    assert other_order(codes, 1 - codes, n_classes=2, seed=0) is None
    assert other_order(codes[:0], codes[:0], n_classes=2, seed=0) is None


def test_note_gives_the_setting_that_would_be_right() -> None:
    other = OtherOrder(np.array([1, 2, 0]), n=60, n_right_as_given=3, n_right_by_match=57)
    (note,) = order_notes(other, ["b", "a", "it's"], None)
    # sorted by name the outputs are a, b, it's; class b has the output that is taken for a, and so on
    assert """--set 'baseline_resnet.checkpoint_classes=["b", "it'"'"'s", "a"]'.""" in note
    assert "3 are right as it stands, 57 would be" in note
    (note,) = order_notes(other, ["b", "a", "it's"], ["x", "it's", "b", "a"])
    assert """["x", "a", "it'"'"'s", "b"]""" in note
    assert order_notes(None, ["a", "b"], None) == []


def test_tensors_left_out_are_counted_by_kind() -> None:
    ignored = ["criterion.weight", "optimizer.0", "optimizer.1"]
    (note,) = ignored_notes(ignored)
    assert note.startswith("3 tensors of the checkpoint")
    assert note.endswith("left out: optimizer (2), criterion.weight.")
    assert ignored_notes([]) == []
