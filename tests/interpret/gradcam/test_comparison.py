import numpy as np
import pandas as pd

from analysis.interpret.gradcam.comparison import is_surely_better, shares_of_random


def test_shares_of_random_networks_by_hand() -> None:
    """Of three pictures the first and the last are predicted rightly; one map of two lies in the region."""
    left = np.zeros((3, 2, 2))
    left[:, :, 0] = 1
    left[2] = np.nan  # without a mask
    maps = np.zeros((2, 2, 2, 2), dtype=np.float32)
    maps[0, 0] = [[3, 1], [0, 0]]
    maps[1, 0] = [[0, 1], [0, 0]]
    maps[:, 1] = 1
    shares = shares_of_random(maps, {"background": left}, np.array([0, 2]))
    np.testing.assert_array_equal(shares["background"], [[0.75, np.nan], [0, np.nan]])


def test_deletion_must_surely_fall_and_insertion_rise() -> None:
    areas = pd.DataFrame(
        {
            "measure": ["deletion", "deletion", "insertion", "insertion"],
            "difference_low": [-0.3, -0.3, 0.1, -0.1],
            "difference_high": [-0.1, 0.1, 0.3, 0.3],
        }
    )
    assert is_surely_better(areas).tolist() == [True, False, True, False]
