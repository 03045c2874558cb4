import numpy as np
import pytest

from analysis.dataset.value_range import FLOATS, INTEGERS, ValueRange, in_8_bits


@pytest.mark.parametrize(
    ("least", "greatest", "kind", "expected"),
    [
        (0, 0, INTEGERS, (0, 255)),
        (3, 255, INTEGERS, (0, 255)),
        (0, 256, INTEGERS, (0, 1023)),
        (0, 1023, INTEGERS, (0, 1023)),
        (0, 4095, INTEGERS, (0, 4095)),
        (0, 4096, INTEGERS, (0, 16383)),
        (900, 65535, INTEGERS, (0, 65535)),
        (0, 65536, INTEGERS, (0, 2**17 - 1)),
        (-1024, 3071, INTEGERS, (-1024, 4095)),  # CT
        (0.2, 0.9, FLOATS, (0, 1)),
        (0, 254.5, FLOATS, (0, 255)),
        (0, 300, FLOATS, (0, 512)),
        (-1, 1, FLOATS, (-1, 1)),
        (-3, -2, FLOATS, (-4, 0)),
    ],
)
def test_least_range_in_use_that_holds_the_values(
    least: float, greatest: float, kind: str, expected: tuple[float, float]
) -> None:
    assert ValueRange.holding(least, greatest, kind) == expected


@pytest.mark.parametrize("value_range", [(0, 4095), (-1024, 2**32 - 1), (-0.25, 1e30)])
def test_text_of_a_range_is_read_back(value_range: tuple[float, float]) -> None:
    assert ValueRange.read(str(ValueRange(*value_range))) == value_range


def test_no_text_is_no_range() -> None:
    assert ValueRange.read(None) is None
    assert ValueRange.read(float("nan")) is None


def test_grey_levels_by_hand() -> None:
    values = np.array([0, 15, 16, 2048, 4095, 9000], dtype=np.uint16)  # the last lies beyond
    assert in_8_bits(values, ValueRange(0, 4095)).tolist() == [0, 0, 1, 128, 255, 255]
    values = np.array([-1.0, 0.0, 1.0, np.nan, np.inf], dtype=np.float32)
    assert in_8_bits(values, ValueRange(-1, 1)).tolist() == [0, 128, 255, 0, 255]
