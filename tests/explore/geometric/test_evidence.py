import numpy as np
import pytest

from analysis.explore.geometric.evidence import paired_difference
from analysis.explore.geometric.poses import POSES, describe_pose, quarter_turned, turned

RNG = np.random.default_rng(0)
PICTURES = RNG.random((6, 32, 32, 3), dtype=np.float32)


def test_difference_of_shares_by_hand() -> None:
    first, second = (
        np.array([1, 1, 1, 0, 0, 0, 0, 1], dtype=bool),
        np.array([1, 0, 0, 0, 1, 0, 0, 1], dtype=bool),
    )
    # two images only in the first, one only in the second, half an image added to each: (2.5 - 1.5) / 10
    low, high = paired_difference(first, second)
    assert (low + high) / 2 == pytest.approx(0.1)
    assert (high - low) / 2 == pytest.approx(1.959964 * np.sqrt((0.4 - 0.01) / 10))


def test_difference_of_equal_shares_still_has_a_width() -> None:
    low, high = paired_difference(np.ones(20, dtype=bool), np.ones(20, dtype=bool))
    assert low < 0 < high


def test_each_pose_moves_every_pixel_where_it_belongs() -> None:
    side = np.ones(6, dtype=int)
    posed = {name: pose(PICTURES, side) for name, pose in POSES.items()}
    assert (posed["horizontal_flip"][2, 3, 31] == PICTURES[2, 3, 0]).all()
    assert (posed["vertical_flip"][2, 31, 3] == PICTURES[2, 0, 3]).all()
    assert (posed["rotation_180"][2, 31, 30] == PICTURES[2, 0, 1]).all()
    assert (posed["rotation_90"][2, 31, 0] == PICTURES[2, 0, 0]).all()  # anticlockwise: the first is last


def test_quarter_turns_are_those_of_any_angle() -> None:
    side = np.array([1, -1, 1, 1, -1, -1])
    np.testing.assert_allclose(quarter_turned(PICTURES, side), turned(PICTURES, 90 * side), atol=1e-3)


def test_descriptor_does_not_see_the_corners() -> None:
    marked = PICTURES.copy()
    marked[:, :3, :3] = 1
    np.testing.assert_allclose(describe_pose(marked), describe_pose(PICTURES), atol=1e-6)
    marked[:, 15:17, 15:17] = 1
    assert not np.allclose(describe_pose(marked), describe_pose(PICTURES), atol=1e-3)


def test_descriptor_of_a_brighter_shape_has_the_same_gradients() -> None:
    shape = describe_pose(PICTURES * 0.5)[:, :128]
    np.testing.assert_allclose(shape, describe_pose(PICTURES)[:, :128], atol=1e-3)
