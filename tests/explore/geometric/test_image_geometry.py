"""Directions, symmetry and centres of pictures drawn for the purpose."""

import numpy as np
import pytest

from analysis.explore.geometric.image_geometry import direction_histograms, measure_geometry, smoothed

Y, X = np.mgrid[:32, :32]


def picture_of(luma: np.ndarray) -> np.ndarray:
    return smoothed(np.repeat((255 * luma).round().astype(np.uint8)[None, ..., None], 3, axis=3))


def orientation_of(luma: np.ndarray) -> tuple[float, float]:
    row = measure_geometry(picture_of(luma)).iloc[0]
    degrees = np.degrees(np.arctan2(row["orientation_y"], row["orientation_x"])) / 2 % 180
    return degrees, np.hypot(row["orientation_x"], row["orientation_y"])


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 120])
def test_stripes_run_in_their_direction(degrees: int) -> None:
    # a point along the stripes at `degrees`, anticlockwise from the right, leaves the phase as it is
    angle = np.radians(degrees)
    stripes = 0.5 + 0.5 * np.sin(0.5 * (X * np.sin(angle) + Y * np.cos(angle)))
    found, strength = orientation_of(stripes)
    assert abs((found - degrees + 90) % 180 - 90) < 3
    assert strength > 0.85  # the border bends stripes
    histogram = direction_histograms(picture_of(stripes))[0]
    assert abs((histogram.argmax() * 10 - degrees + 90) % 180 - 90) <= 5
    assert histogram.sum() == pytest.approx(1)


def test_a_disc_has_no_direction_and_every_symmetry() -> None:
    disc = (np.hypot(X - 15.5, Y - 15.5) < 9).astype(float)
    row = measure_geometry(picture_of(disc)).iloc[0]
    assert np.hypot(row["orientation_x"], row["orientation_y"]) < 0.02
    for name in ("symmetry_horizontal", "symmetry_vertical", "symmetry_half_turn"):
        assert row[name] == pytest.approx(1, abs=1e-5)
    assert (row["centre_x"], row["centre_y"]) == (pytest.approx(0.5), pytest.approx(0.5))


def test_a_ramp_is_the_negative_of_its_mirror_image_one_way_only() -> None:
    row = measure_geometry(picture_of(X / 31)).iloc[0]
    assert row["symmetry_horizontal"] == pytest.approx(-1, abs=1e-4)
    assert row["symmetry_vertical"] == pytest.approx(1, abs=1e-4)
    assert row["symmetry_half_turn"] == pytest.approx(-1, abs=1e-4)


def test_centre_lies_where_the_detail_is() -> None:
    spot = (np.hypot(X - 7.5, Y - 23.5) < 3).astype(float)
    row = measure_geometry(picture_of(spot)).iloc[0]
    assert (row["centre_x"], row["centre_y"]) == (
        pytest.approx(0.25, abs=0.01),
        pytest.approx(0.75, abs=0.01),
    )


def test_a_plain_picture_has_neither() -> None:
    assert measure_geometry(picture_of(np.full((32, 32), 0.7))).isna().all(axis=None)
    assert np.isnan(direction_histograms(picture_of(np.zeros((32, 32))))).all()


def test_no_pictures_give_no_rows() -> None:
    nothing = smoothed(np.empty((0, 32, 32, 3), dtype=np.uint8))
    assert len(measure_geometry(nothing)) == 0
    assert direction_histograms(nothing).shape == (0, 18)
